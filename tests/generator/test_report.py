"""The documents of a comparison, from a stored result: what they show, that nothing in it becomes markup, and what is said of a
file that is no result."""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from lamina.cli import cli
from lamina.report import documents, view

DATA = Path(__file__).parent / "data" / "compare" / "two_stacks.json"
RESULT: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
REPLAYED = DATA.parent / "replay.json"
REPLAY: dict[str, Any] = json.loads(REPLAYED.read_text(encoding="utf-8"))


class Page(HTMLParser):
    """The text of a page, its elements, and whether each is closed in order."""

    VOID = {"meta", "link", "br"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


@lru_cache(maxsize=None)
def html() -> str:
    return documents.html(RESULT)


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html())


@pytest.fixture
def changed() -> dict[str, Any]:
    return copy.deepcopy(RESULT)


def served() -> list[tuple[str, str]]:
    return [(s["name"], p["pattern"]) for s in RESULT["stacks"] for p in s["patterns"] if p["applicable"]]


@pytest.mark.parametrize("show, value, text", [
    (view.size, 1010 << 10, "1,010 KiB"), (view.size, (1 << 20) - 1, "1,024 KiB"), (view.size, 1 << 20, "1 MiB"), (view.size, 0, "0 bytes"),
    (view.size, -(1536 << 10), "-1.5 MiB"), (view.size, 3000 << 30, "3,000 GiB"), (view.size, None, view.DASH),
    (view.nanoseconds, 999.7, "1,000 ns"), (view.nanoseconds, 999999.0, "1,000 µs"), (view.nanoseconds, 1.234, "1.23 ns"),
    (view.nanoseconds, 7.5e9, "7,500 ms"), (view.nanoseconds, None, view.DASH),
])
def test_a_number_has_no_exponent(show: Any, value: float | None, text: str) -> None:
    assert show(value) == text


def test_page_is_whole(page: Page) -> None:
    identifiers = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert page.count("svg") == 1 + 2 * len(served())  # all stacks; bars and a curve for each pattern
    assert all(a.get("role") == "img" and a.get("aria-label") for tag, a in page.elements if tag == "svg")


def test_page_needs_nothing_else() -> None:
    text = html()
    assert not re.search(r"<script|<iframe|@import|@font-face", text)
    assert not re.search(r"""\b(?:src|srcset|action)\s*=|href\s*=\s*(?:"(?!#|data:,")|'|[^"'\s])""", text)
    assert not re.search(r"url\((?!#)", text)
    assert "default-src 'none'" in text


def test_colours_are_the_pages(page: Page) -> None:
    """A fixed colour in a chart would not follow the page into the dark."""
    for svg in re.findall(r"<svg.*?</svg>", html(), re.S):
        assert not re.search(r"#[0-9a-fA-F]{6}\b", svg)
        assert "var(--" in svg


def test_every_number_of_the_result_is_there(page: Page) -> None:
    for stack in RESULT["stacks"]:
        assert stack["verdict"] in page.text
        for pattern in stack["patterns"]:
            if not pattern["applicable"]:
                assert f"{pattern['why']} ({pattern['first_event']})" in page.text
                continue
            for variant in pattern["variants"]:
                for result in variant["results"]:
                    assert view.number(result["instructions"]["per_object"]) in page.text
                    if result["time"]:
                        assert view.number(result["time"]["median_ns"], 2) in page.text
                        assert view.nanoseconds(result["latency"]["max_ns"]) in page.text
                for ratio in variant["ratios"] if variant["touch"] else ():
                    assert f"{ratio['verdict']} {view.interval(ratio['time'])}" in page.text


def test_machine_allocators_and_command_are_named(page: Page) -> None:
    assert RESULT["machine"]["processor"] in page.text and RESULT["machine"]["compiler"]["version"] in page.text
    assert all(a["version"] in page.text for a in RESULT["allocators"])
    assert RESULT["command"] in page.text


def test_what_is_undecided_is_not_ranked(page: Page) -> None:
    undecided = [r for s in RESULT["stacks"] for p in s["patterns"] if p["applicable"] for r in p["variants"][0]["ratios"]
                 if r["verdict"] == "no difference measured"]
    assert undecided
    assert page.text.count("no difference measured") >= len(undecided)
    assert 'class="same">no difference measured' in html()


def test_losing_is_as_plain_as_winning() -> None:
    text = html()
    assert 'class="worse">1.8 times as slow as floor' in text and 'class="better">8.4 times as fast as malloc' in text


def test_broken_bounds_stand_out(page: Page) -> None:
    broken = [b for b in RESULT["bounds"] if not b["holds"]]
    assert broken
    for text in (page.text, documents.markdown(RESULT)):
        assert all(f"{b['value']:.3f}" in text for b in broken if b["stack"])
        assert f"{len(RESULT['bounds']) - len(broken)} of {len(RESULT['bounds'])} bounds hold" in text
        assert text.count("(broken)") == sum(b["stack"] is not None for b in broken)


def test_use_malloc_is_the_verdict(changed: dict[str, Any]) -> None:
    stack = changed["stacks"][0]
    stack["verdict"] = "use malloc: the stack is no faster than malloc in any pattern"
    text = documents.html(changed)
    assert '<p class="verdict worse"><strong>Verdict</strong> use malloc: the stack' in text
    assert '<b class="worse">use malloc</b>' in text
    assert "use malloc: the stack is no faster" in documents.markdown(changed)


def test_absent_ones_are_shown_as_absent(changed: dict[str, Any]) -> None:
    why = "libjemalloc.so.2 is not here; on Debian: apt-get install libjemalloc2"
    next(a for a in changed["allocators"] if a["name"] == "jemalloc").update(present=False, why=why, version=None)
    for stack in changed["stacks"]:
        next(s for s in stack["subjects"] if s["name"] == "jemalloc").update(present=False, why=why)
        for pattern in stack["patterns"]:
            for variant in pattern.get("variants", ()):
                variant["results"] = [r for r in variant["results"] if r["subject"] != "jemalloc"]
                variant["ratios"] = [r for r in variant["ratios"] if r["to"] != "jemalloc"]
    page = Page(documents.html(changed))
    assert page.text.count(why) == 1 + len(changed["stacks"]) and "absent : " + why in page.text
    assert "as fast as jemalloc" not in page.text
    assert "absent: " + why in documents.markdown(changed)


def test_what_was_not_measured_is_a_dash(changed: dict[str, Any]) -> None:
    changed["method"]["measures"] = ["instructions"]
    for stack in changed["stacks"]:
        stack["overhead"] = None
        for pattern in stack["patterns"]:
            for variant in pattern.get("variants", ()):
                for result in variant["results"]:
                    result.update(time=None, latency=None, memory=None, system_calls=None)
                for ratio in variant["ratios"]:
                    ratio.update(time=None, verdict="not measured")
    page = Page(documents.html(changed))
    assert page.count("svg") == 1 + len(served())  # bars of instructions
    assert "instructions per object" in page.text and "No times were measured." in page.text and " 0 ns" not in page.text
    assert "not measured" in documents.markdown(changed)


def test_without_instructions_there_is_no_picture(changed: dict[str, Any], tmp_path: Path) -> None:
    changed["bounds"] = []
    for stack in changed["stacks"]:
        for pattern in stack["patterns"]:
            for variant in pattern.get("variants", ()):
                for entry in variant["results"] + variant["ratios"]:
                    entry["instructions"] = None
    assert "no bound was checked" in documents.html(changed) and "no bound was checked" in documents.markdown(changed)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(changed), encoding="utf-8")
    done = CliRunner().invoke(cli, ["compare-report", str(path), "--picture", str(tmp_path / "all.svg")])
    assert done.exit_code == 1 and "no instructions were counted" in done.output
    assert not (tmp_path / "all.svg").exists()


HOSTILE = "</title><script>alert(1)</script> \"'|`$x$ & \\ <b>"


def test_no_text_becomes_markup(changed: dict[str, Any]) -> None:
    changed["command"] = changed["machine"]["processor"] = HOSTILE
    changed["machine"]["tools"]["valgrind"] = HOSTILE
    changed["allocators"][0].update(title=HOSTILE, version=HOSTILE)
    changed["patterns"][0].update(title=HOSTILE, about=HOSTILE)
    for stack in changed["stacks"]:
        stack.update(brief=HOSTILE, verdict=HOSTILE, spec=HOSTILE)
        for subject in stack["subjects"]:
            subject["title"] = f"{HOSTILE} {subject['name']}"
    changed["stacks"][0]["name"] = HOSTILE
    text = documents.html(changed)
    page = Page(text)
    assert page.count("script") == page.count("b") - text.count('<b class="') == 0
    assert page.text.count("alert(1)") > 20
    for svg in re.findall(r"<svg.*?</svg>", text, re.S):
        xml.etree.ElementTree.fromstring(svg.replace("xlink:href", "href"))
    lines = documents.markdown(changed).splitlines()
    assert not any("<script" in line or "<b>" in line for line in lines if not line.startswith("    "))
    columns = {line.count("|") - line.count("\\|") for line in lines if line.startswith("| ") and "1.8 times" in line}
    assert len(columns) == 1


def test_markdown_has_all_stacks_and_patterns() -> None:
    text = documents.markdown(RESULT)
    titles = {p["name"]: p["title"] for p in RESULT["patterns"]}
    for stack, pattern in served():
        assert re.search(rf"^\| `{stack}` \| {re.escape(titles[pattern])} \| [\d.]+ \| [\d.]+ \|", text, re.M)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.M)
    assert len(tables) == 3 + len(RESULT["stacks"])
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert RESULT["command"] in text and RESULT["machine"]["processor"] in text


def test_the_same_result_gives_the_same_bytes() -> None:
    assert html() == documents.html(copy.deepcopy(RESULT))


def test_picture_stands_alone() -> None:
    text = documents.picture(RESULT)
    root = xml.etree.ElementTree.fromstring(text)
    assert root.tag.endswith("svg") and root.get("width") and "prefers-color-scheme: dark" in text
    used, defined = set(re.findall(r"var\((--\w+)\)", text)), set(re.findall(r"(--\w+):", text))
    assert used and used <= defined
    assert all(stack["name"] in text for stack in RESULT["stacks"])


def test_replays_are_shown() -> None:
    page = Page(documents.html(RESULT, [REPLAY, REPLAY]))
    identifiers = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(identifiers) == len(set(identifiers))
    assert page.count("svg") == 1 + 2 * len(served()) + 2 * 2
    text = documents.markdown(RESULT, [REPLAY])
    for shown in (page.text, text):
        assert REPLAY["trace"]["program"] in shown and REPLAY["command"] in shown and f"{REPLAY['trace']['allocs']:,} allocations" in shown
        assert "no difference measured" in shown and "flat is faster" in shown
    for result in REPLAY["groups"][0]["results"]:
        assert f"| {result['subject']} | {view.number(result['instructions']['per_call'])} |" in text
    assert "memory over the calls" in documents.html(RESULT, [REPLAY])


def test_a_replay_says_of_which_blocks_it_is() -> None:
    for sizes, title in (([33, 64], ", blocks of 33 to 64 bytes"), ([1, 2 ** 64 - 1], ", blocks of 1 bytes and more"), ([0, 2 ** 64 - 1], "")):
        text = documents.markdown(RESULT, [{**REPLAY, "trace": {**REPLAY["trace"], "sizes": sizes}}])
        assert f"\n## Replayed: {REPLAY['trace']['program']}{title}\n" in text
        assert (f": of{title.removeprefix(',')}, " in text) == bool(title)


def test_a_comparison_is_no_replay(tmp_path: Path) -> None:
    wrong = CliRunner().invoke(cli, ["compare-report", str(DATA), "--replay", str(DATA), "--markdown", str(tmp_path / "a.md")])
    assert wrong.exit_code == 1 and "this is no result of lamina replay" in wrong.output
    early = CliRunner().invoke(cli, ["compare", "no/such.lua", "--replay", str(DATA)])
    assert early.exit_code == 1 and "this is no result of lamina replay" in early.output  # before anything is measured
    for key in ("groups", "trace", "threads"):
        (tmp_path / "replay.json").write_text(json.dumps({k: v for k, v in REPLAY.items() if k != key}), encoding="utf-8")
        cut = CliRunner().invoke(cli, ["compare-report", str(DATA), "--replay", str(tmp_path / "replay.json"), "--markdown", "-"])
        assert cut.exit_code == 1 and f"no whole result of lamina replay: it has no '{key}'" in cut.output


def test_command_writes_what_is_asked_for(tmp_path: Path) -> None:
    paths = {"--html": tmp_path / "a.html", "--markdown": tmp_path / "a.md", "--picture": tmp_path / "a.svg"}
    done = CliRunner().invoke(cli, ["compare-report", str(DATA), *(str(word) for pair in paths.items() for word in pair)])
    assert done.exit_code == 0 and done.output == ""
    assert paths["--html"].read_text() == html() and paths["--markdown"].read_text() == documents.markdown(RESULT)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.md", "a.svg"]


@pytest.mark.parametrize("name, text, said", [
    ("empty", "", "this is no JSON, or it is cut off"),
    ("cut", DATA.read_text(encoding="utf-8")[:9000], "line 1: this is no JSON, or it is cut off"),
    ("deep", "[" * 100000, "this is no JSON, or it is cut off"),
    ("foreign", '{"format": "other"}', 'its "format" is not "lamina-compare"'),
    ("list", "[]", 'its "format" is not "lamina-compare"'),
    ("newer", json.dumps({**RESULT, "version": 2}), "a result of version 2; this Lamina reads version 1"),
    ("no stacks", json.dumps({k: v for k, v in RESULT.items() if k != "stacks"}), "it has no 'stacks'"),
    ("a word for a number", json.dumps({**RESULT, "method": {**RESULT["method"], "confidence": "much"}}), "this is no whole result"),
])
def test_what_is_no_result_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    path, out = tmp_path / "result.json", tmp_path / "out.md"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(cli, ["compare-report", str(path), "--markdown", str(out), "--html", str(tmp_path / "out.html")])
    assert done.exit_code == 1 and f"lamina: {path}" in done.output and said in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["result.json"]


def test_no_field_of_a_result_is_trusted(tmp_path: Path) -> None:
    """Each field of the top and of a stack is taken away in turn: a message, never a traceback nor a page without it."""
    places = [(lambda d: d, key) for key in RESULT if key not in ("format", "version")]
    places += [(lambda d: d["stacks"][1], key) for key in RESULT["stacks"][1]]
    places += [(lambda d: d["machine"], key) for key in RESULT["machine"]]
    served_one = RESULT["stacks"][1]["patterns"][0]
    places += [(lambda d: d["stacks"][1]["patterns"][0], key) for key in served_one if key not in ("wanted", "loop_instructions")]
    places += [(lambda d: d["stacks"][1]["patterns"][0]["variants"][0]["results"][0], key)
               for key in served_one["variants"][0]["results"][0]]
    for at, key in places:
        document = copy.deepcopy(RESULT)
        del at(document)[key]
        path = tmp_path / "result.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        done = CliRunner().invoke(cli, ["compare-report", str(path), "--markdown", str(tmp_path / "out.md")])
        assert done.exit_code == 1 and "this is no whole result" in done.output, f"without {key}: {done.output}"


@pytest.mark.parametrize("arguments, status, said", [
    ([], 2, "what is to be written?"),
    (["--html", "no/such/folder/a.html"], 4, "--html no/such/folder/a.html: nothing can be written to no/such/folder"),
])
def test_command_line(arguments: list[str], status: int, said: str) -> None:
    done = CliRunner().invoke(cli, ["compare-report", str(DATA), *arguments])
    assert done.exit_code == status and said in done.output


def test_missing_file() -> None:
    done = CliRunner().invoke(cli, ["compare-report", "no/such.json", "--markdown", "-"])
    assert done.exit_code == 4 and "no/such.json: No such file or directory" in done.output


def test_without_matplotlib(tmp_path: Path) -> None:
    """The page needs it, which is told at once; Markdown doesn't."""
    (tmp_path / "matplotlib.py").write_text("raise ImportError('hidden by the test')\n", encoding="utf-8")
    generator = Path(__file__).resolve().parents[2] / "generator"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{generator}"}

    def lamina(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "lamina", *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True)

    page = lamina("compare-report", str(DATA), "--html", "a.html")
    assert page.returncode == 4 and "apt-get install python3-matplotlib" in page.stderr and not (tmp_path / "a.html").exists()
    before = lamina("compare", str(generator.parent / "specs" / "firmware.lua"), "--html", "a.html")
    assert before.returncode == 4 and "python3-matplotlib" in before.stderr
    assert lamina("compare-report", str(DATA), "--markdown", "a.md").returncode == 0


ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent.name for path in ROOT.glob("generated/*/manifest.json"))


def test_readme_begins_with_the_picture() -> None:
    first = re.search(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert first and first.group(1) == "docs/comparison.svg"
    text = (ROOT / first.group(1)).read_text(encoding="utf-8")
    assert xml.etree.ElementTree.fromstring(text).tag.endswith("svg")
    assert [name for name in EXAMPLES if f">{name}<" not in text] == []


def broken_bounds(text: str) -> list[str]:
    """What a document says of bounds that don't hold."""
    said = re.search(r"(\d+) of (\d+) bounds hold", text)
    if said is None or said.group(1) == "0":
        return ["no bound was checked"]
    rows = [line for line in text.splitlines() if "(broken)" in line or "breaks the bound" in line]
    return rows + ([said.group()] if said.group(1) != said.group(2) else [])


def test_a_broken_bound_of_a_document_is_seen(changed: dict[str, Any]) -> None:
    """As many as there are, each by itself as well."""
    number = sum(not b["holds"] for b in RESULT["bounds"])
    found = broken_bounds(documents.markdown(RESULT))
    assert number > 0 and 1 < len(found) <= number + 1
    for bound in changed["bounds"]:
        bound["holds"] = True
    assert broken_bounds(documents.markdown(changed)) == []
    over_all = {"bound": "the median gain", "stack": None, "pattern": None, "touch": None, "value": 2.0, "limit": 3.0, "holds": False}
    for broken in (changed["bounds"][0], over_all):
        document = copy.deepcopy(changed)
        document["bounds"] = [{**b, "holds": b != broken} for b in changed["bounds"]] + [over_all] * (broken is over_all)
        number = len(document["bounds"])
        assert broken_bounds(documents.markdown(document))[-1] == f"{number - 1} of {number} bounds hold"
        assert len(broken_bounds(documents.markdown(document))) == 2
    assert broken_bounds(documents.markdown({**changed, "bounds": []})) == ["no bound was checked"]


def test_all_bounds_of_the_documented_comparison_hold() -> None:
    assert broken_bounds((ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")) == []


def test_the_documented_comparison_has_real_programs() -> None:
    """Each of the recorded ones as a whole, and blocks of some sizes of it, through all that were measured."""
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## Replayed: (\S+) .*?(, blocks of \d+ to \d+ bytes)?$(.*?)(?=^## )", text, re.M | re.S)
    assert sorted((Path(program).name, bool(some)) for program, some, _ in sections) == sorted(
        (name, some) for name in ("lua5.4", "sqlite3", "python3") for some in (False, True))
    for _, _, section in sections:
        assert "    lamina replay " in section
        rows = re.findall(r"^\| (\w+) \| [\d.,]+ \| [\d.,]+ \| [\d.,]+ \|", section, re.M)
        assert rows == ["flat", "generic", "malloc", "mimalloc", "jemalloc", "tcmalloc"]


def test_the_documented_comparison_is_the_commands() -> None:
    """All example stacks, each with all its bounds, in the words of the template."""
    text = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert "Written by Lamina" in text and "    lamina compare " in text and "| processor |" in text
    frame = documents.markdown(RESULT)
    heads = [line for line in frame.splitlines() if line.startswith("| stack |") or line.startswith("|---")]
    assert [line for line in heads if line not in text] == []
    for name in EXAMPLES:
        assert re.search(rf"^## {name}$", text, re.M)
        assert re.search(rf"^\| `{name}` \| [^|]+ \| \d\.\d+ \| \d\.\d+ \| \d\.\d+ \| \d\.\d+ \|$", text, re.M)
