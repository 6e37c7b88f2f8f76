"""Specs that are refused: the exit status and the whole of what is told, against golden files.

The first line of each spec is a comment with its command, to be run in the tree's top folder; the golden file beside it
holds the exit status and everything that the command writes to stderr. LAMINA_UPDATE_GOLDEN=1 writes the golden files
anew: read what changed before it is committed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lamina import registry, validate
from lamina.cli import cli

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "negative"
SPECS = sorted(p for p in FOLDER.iterdir() if p.suffix in (".lua", ".yaml"))
UPDATE = os.environ.get("LAMINA_UPDATE_GOLDEN") == "1"
#: Told of what was built and measured, not of a spec.
MEASURED = {"LAM064"}
CODE = re.compile(r"\[(LAM\d{3})\]$", re.M)


def command(spec: Path) -> tuple[dict[str, str], list[str]]:
    """The variables and arguments of the command in a spec's first line."""
    first = spec.read_text(encoding="utf-8").splitlines()[0]
    words = shlex.split(first.lstrip("-# "))
    at = words.index("lamina")
    return dict(word.split("=", 1) for word in words[:at]), words[at + 1:]


def outcome(spec: Path) -> str:
    variables, arguments = command(spec)
    if variables:  # layers are found once a process
        environment = {**os.environ, **variables, "PYTHONPATH": str(ROOT / "generator")}
        done = subprocess.run([sys.executable, "-m", "lamina", *arguments], cwd=ROOT, env=environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return f"exit status {done.returncode}\n{done.stderr}"
    result = CliRunner(mix_stderr=False).invoke(cli, arguments, prog_name="lamina")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return f"exit status {result.exit_code}\n{result.stderr}"


@pytest.fixture(autouse=True)
def in_the_tree(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_negative(spec):
    assert command(spec)[1][-1] == f"tests/negative/{spec.name}"
    golden = spec.with_name(spec.name + ".golden")
    found = outcome(spec)
    if UPDATE:
        golden.write_text(found, encoding="utf-8")
    assert golden.is_file(), "LAMINA_UPDATE_GOLDEN=1 writes it"
    assert found == golden.read_text(encoding="utf-8")


def test_every_golden_has_its_spec():
    assert {p.name[:-len(".golden")] for p in FOLDER.glob("*.golden")} == {p.name for p in SPECS}


def goldens(suffix: str) -> dict[str, str]:
    return {p.name: p.read_text(encoding="utf-8") for p in FOLDER.glob(f"*{suffix}.golden")}


@pytest.mark.parametrize("suffix", [".lua", ".yaml"])
def test_every_rule_has_a_negative_spec(suffix):
    shown = {code for text in goldens(suffix).values() for code in CODE.findall(text)}
    rules = {code for code in registry.all_codes() if code == "LAM014" or code >= "LAM020"} - MEASURED
    assert rules - shown == set()


def test_every_error_says_what_to_do():
    """The message itself says it where a value has the wrong type or is out of bounds; all others have a remedy."""
    for name, text in {**goldens(".lua"), **goldens(".yaml")}.items():
        blocks = re.split(r"\n(?=\S+:\d+(?::\d+)?: (?:error|note|warning): .*\[LAM)", text)
        for block in blocks[1:]:
            head = block.splitlines()[0]
            if ": error: " in head and not re.search(r"\[LAM02[23]\]$", head):
                assert "\nhelp: " in block, (name, head)


PARAM = re.compile(r"\b([a-z_]+) = (?=[\[{\"0-9]|true|false)")


def spoken_of(name: str, block: str, at: int) -> set[str]:
    """The layers that a remedy speaks of at a place: named right before it, else in what is told of the error and in
    the lines that it points to, else in the spec."""
    known = registry.layers()
    source = (FOLDER / name[:-len(".golden")]).read_text(encoding="utf-8").splitlines()
    remedy = next(line for line in block.splitlines() if line.startswith("help: "))
    named = [match for match in re.finditer(r"\b[a-z_]+\b", remedy[:at]) if match[0] in known]
    if named and re.fullmatch(r"(?: \{)?(?: \w+ = [^,{}]+,)* ?", remedy[named[-1].end():at]):
        return {named[-1][0]}
    told = block[:block.index("\nhelp: ")]
    lines = [source[int(line) - 1] for line in re.findall(r"^tests/negative/[\w.]+:(\d+):", told, re.M)]
    for texts in ([told, *lines], source[2:]):
        found = {word for text in texts for word in re.findall(r"\b[a-z_]+\b", text) if word in known}
        if found:
            return found
    return set()


def test_every_parameter_in_a_remedy_is_one_of_its_layer():
    """As far as it can be checked: what a help line tells to write exists on a layer that the message speaks of. In YAML
    the lines say the same in other signs."""
    options = {param.name for param in (*validate.OPTIONS, *validate.BUDGET)} | {"budget"}
    checked = set()
    for name, text in goldens(".lua").items():
        for block in re.split(r"\n(?=tests/\S+:\d+(?::\d+)?: (?:error|warning): .*\[LAM)", text)[1:]:
            remedy = next((line for line in block.splitlines() if line.startswith("help: ")), "")
            for found in PARAM.finditer(remedy, len("help: ")):
                layers = spoken_of(name, block, found.start())
                params = {param.name for layer in layers if layer in registry.layers() for param in registry.layers()[layer].params}
                word = found[1]
                assert word in params | options or word in registry.layers(), (name, remedy, layers)
                checked.add((name, word))
    assert len(checked) > 40
    assert ("alignment_of_second_bump.lua.golden", "min_align") in checked


def test_remedies_are_in_the_language_of_the_spec():
    for name, text in goldens(".yaml").items():
        for line in text.splitlines():
            if line.startswith("help: ") and "in YAML" not in line:
                assert " = " not in line and "lamina." not in line and "{}" not in line and "in Lua" not in line, (name, line)


def test_every_error_points_into_its_line():
    """An excerpt with a caret, in both languages; the column of an error is never past the line."""
    for name, text in {**goldens(".lua"), **goldens(".yaml")}.items():
        lines = text.splitlines()
        for at, line in enumerate(lines):
            match = re.match(r"tests/negative/[\w.]+:(\d+):(\d+): (?:error|warning): ", line)
            if match:
                source = (FOLDER / name[:-len(".golden")]).read_text(encoding="utf-8").splitlines()[int(match[1]) - 1]
                assert int(match[2]) <= len(source), (name, line)
                assert lines[at + 2].lstrip(" |").startswith("^"), (name, line)
            else:
                assert not re.match(r"tests/negative/[\w.]+: error", line), (name, line)


def test_the_table_names_every_spec():
    """README.md maps each row of the design's table of refused combinations to specs that exist, and lists them all."""
    named = set(re.findall(r"`(\w+)`", (FOLDER / "README.md").read_text(encoding="utf-8")))
    stems = {p.stem for p in SPECS}
    assert stems <= named, stems - named
