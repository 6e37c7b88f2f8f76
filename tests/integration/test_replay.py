"""lamina replay: the calls of a trace on stacks and general allocators, and what is said where they can't be served."""

from __future__ import annotations

import collections
import json
import os
import platform
import pty
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import tree

TRACES = tree.ROOT / "tests" / "traces"
LUA, SQLITE = TRACES / "lua_tables.trace", TRACES / "sqlite_mixed.trace"
PROGRAMS = tree.ROOT / "tests" / "recorder" / "programs"

pytestmark = pytest.mark.skipif(shutil.which("valgrind") is None or shutil.which("gcc") is None,
                                reason="instructions are counted by valgrind, with gcc")

SPEC = """
local lamina = require "lamina"
return {
  lamina.stack "nodes" { lamina.mmap {}, lamina.slab { slot = 64, count = 700 } },
  lamina.stack "few" { lamina.mmap {}, lamina.slab { slot = 64, count = 100 } },
  lamina.stack "heap" { lamina.system {} },
  lamina.stack "region" { lamina.mmap { reserve = "8 MiB", commit = "lazy" }, lamina.bump { grow_last = true } },
  lamina.stack "ward" { lamina.mmap {}, lamina.slab { slot = 96, count = 700 }, lamina.canary {}, lamina.poison { verify = true } },
}
"""


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "stacks.lua"
    path.write_text(SPEC, encoding="utf-8")
    return path


def replay(trace: Path, *options: object, status: int = 0) -> str:
    return tree.lamina("replay", trace, *options, "--rounds", 6, status=status)


def document(trace: Path, *options: object) -> dict[str, Any]:
    done = subprocess.run([tree.PYTHON, str(tree.LAUNCHER), "replay", str(trace), *map(str, options), "--rounds", "6", "--json", "-"],
                          capture_output=True, text=True, env=tree.environment())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def result(found: dict[str, Any], subject: str, group: int = 0) -> dict[str, Any]:
    return next(r for r in found["groups"][group]["results"] if r["subject"] == subject)


def calls_of(trace: Path, least: int, most: int) -> collections.Counter[str]:
    """Allocations, frees and resizes of blocks of these sizes, counted from the single calls."""
    tree.lamina("trace-report", trace)
    tool = next(Path(os.environ["XDG_CACHE_HOME"]).glob("lamina/tools/*/lamina-trace"))
    out: collections.Counter[str] = collections.Counter()
    for line in tree.run(tool, "dump", trace, 0).splitlines():
        effect, size, old = re.search(r"^\d+ \w+ (\w+) .* size=(\d+) old=(\d+)", line).groups()
        here, before = least <= int(size) <= most, least <= int(old) <= most
        if effect == "resizes":
            out["resizes" if here and before else "allocs" if here else "frees" if before else "none"] += 1
        elif here:
            out[{"allocates": "allocs", "frees": "frees"}.get(effect, "none")] += 1
    return out


# What is measured ----------------------------------------------------------------------------------------------------

def test_general_allocators_alone() -> None:
    found = document(SQLITE, "--with", "malloc")
    assert found["format"] == "lamina-replay" and found["trace"]["program"].startswith("sqlite3 :memory:")
    counted = calls_of(SQLITE, 0, 2 ** 64)
    assert {key: found["trace"][key] for key in ("allocs", "frees", "resizes")} == {key: counted[key] for key in ("allocs", "frees", "resizes")}
    malloc = result(found, "malloc")
    assert malloc["instructions"]["own"] == pytest.approx(malloc["instructions"]["per_call"] - found["groups"][0]["loop_instructions"], abs=0.002)
    assert 30 < malloc["instructions"]["own"] < 1000
    summary = json.loads(tree.lamina("trace-report", SQLITE, "--json"))["summary"]
    assert malloc["memory"]["at_peak"]["in_use"] == summary["peak_bytes"] and malloc["memory"]["at_peak"]["blocks"] == summary["peak_objects"]
    assert malloc["memory"]["peak_bytes"] >= malloc["memory"]["at_peak"]["resident"] > 0
    assert len(malloc["memory"]["over_time"]) > 150
    assert malloc["time"]["median_ns"] > 0 and malloc["ratio"] is None
    assert found["command"] == f"lamina replay {SQLITE} --with malloc --rounds 6"


def test_a_stack_for_one_kind_of_object(spec: Path) -> None:
    """What an allocator for one kind of object would serve: the blocks of at most 64 bytes of a Lua program."""
    found = document(LUA, spec, "--stack", "nodes", "--sizes", "1-64", "--with", "malloc")
    counted = calls_of(LUA, 1, 64)
    assert {key: found["trace"][key] for key in ("allocs", "frees", "resizes")} == {key: counted[key] for key in ("allocs", "frees", "resizes")}
    flat, generic, malloc = (result(found, name) for name in ("flat", "generic", "malloc"))
    assert flat["instructions"]["own"] < generic["instructions"]["own"] and flat["instructions"]["own"] < malloc["instructions"]["own"]
    if platform.machine() == "x86_64":
        assert flat["instructions"]["own"] < 12  # 5 for an alloc, 8 for a free, and the cuts of fresh slots
    assert generic["ratio"]["of"] == "flat" and generic["ratio"]["low"] <= generic["ratio"]["median"] <= generic["ratio"]["high"]
    assert found["groups"][0]["absent"] and "floor" in {a["subject"] for a in found["groups"][0]["absent"]}
    again = document(LUA, spec, "--stack", "nodes", "--sizes", "1-64", "--with", "malloc")
    assert [r["instructions"] for r in again["groups"][0]["results"]][:2] == [r["instructions"] for r in found["groups"][0]["results"]][:2]


def test_a_region_and_a_heap_serve_a_whole_program(spec: Path) -> None:
    found = document(LUA, spec, "--stack", "region", "--stack", "heap", "--with", "malloc")
    by_name = {group["name"]: group for group in found["groups"]}
    assert "the stack has no free" in by_name["region"]["notes"][0]
    assert by_name["heap"]["notes"] == []
    region = next(r for r in by_name["region"]["results"] if r["subject"] == "flat")
    malloc = next(r for r in by_name["region"]["results"] if r["subject"] == "malloc")
    assert region["instructions"]["own"] < malloc["instructions"]["own"]
    assert region["memory"]["peak_bytes"] > found["trace"]["peak_bytes"]  # nothing is freed
    text = replay(LUA, spec, "--stack", "heap", "--with", "malloc")
    assert re.search(r"^  flat +[\d.]+ +[\d.]+ +[\d.]+ ", text, re.M) and f"again: lamina replay {LUA} {spec} --stack heap --with malloc" in text
    assert "on one thread" in text


def test_canaries_and_poison_hold_through_a_replay(spec: Path) -> None:
    assert "ward" in replay(LUA, spec, "--stack", "ward", "--sizes", "1-56", "--with", "malloc")


def test_a_trace_of_threads_is_replayed_in_its_order(tmp_path: Path) -> None:
    tree.run("gcc", "-std=c11", "-O0", "-pthread", PROGRAMS / "calls.c", "-o", tmp_path / "calls")
    tree.lamina("record", "-o", tmp_path / "t", "--", tmp_path / "calls", "short_threads")
    found = document(tmp_path / "t", "--with", "malloc", "--sizes", "40000-40199")
    assert (found["trace"]["allocs"], found["trace"]["frees"], found["trace"]["peak_objects"]) == (200, 200, 1)


def test_json_goes_to_a_file_beside_the_text(tmp_path: Path, spec: Path) -> None:
    out = tmp_path / "out.json"
    text = replay(LUA, spec, "--stack", "nodes", "--sizes", "1-64", "--with", "malloc", "--json", out)
    assert "nodes: " in text and json.loads(out.read_text(encoding="utf-8"))["groups"][0]["name"] == "nodes"


def test_columns_say_over_how_many_calls_and_blocks(spec: Path) -> None:
    text = replay(LUA, spec, "--stack", "nodes", "--sizes", "1-64", "--with", "malloc")
    counted = calls_of(LUA, 1, 64)
    assert f"\nnodes: {counted['allocs'] + counted['frees'] + counted['resizes']:,} calls in 6 rounds\n" in text
    blocks = int(re.search(r"at most \S+ \S+ in ([\d,]+) blocks", text)[1].replace(",", ""))
    head, row = text.split("nodes: ")[1].splitlines()[1:3]
    assert "blocks then  a block" in head and re.search(rf" {blocks:,} +-?[\d,.]+$", row)


def test_who_watches_sees_how_far_it_is_and_the_time_left() -> None:
    """On a terminal; test_replaying.py holds the estimate to what is told."""
    began = time.monotonic()
    ours, theirs = pty.openpty()
    child = subprocess.Popen([tree.PYTHON, str(tree.LAUNCHER), "replay", str(LUA), "--with", "malloc", "--quick"], stdout=subprocess.PIPE,
                             stderr=theirs, env=tree.environment(TERM="xterm", COLUMNS="120"))
    os.close(theirs)
    shown = b""
    try:
        while some := os.read(ours, 4096):
            shown += some
    except OSError:  # the other end was closed
        pass
    out, _ = child.communicate(timeout=60)
    os.close(ours)
    bars = re.findall(r"replaying  \[[#-]+\] +(\d+)%(?:  (\d\d:\d\d:\d\d))?", shown.decode())
    assert child.returncode == 0 and b"malloc" in out and b"replaying" not in out
    assert len(bars) > 5 and bars[-1][0] == "100" and [int(done) for done, _ in bars] == sorted(int(done) for done, _ in bars)
    assert "timing, round 9 of 9" in shown.decode()
    assert any(left for _, left in bars) or time.monotonic() - began < 10  # nobody waits for what has ended


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("kind", ["general", "loop"])
def test_the_c_of_replays_is_clean(tmp_path: Path, compiler: str, kind: str) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not here")
    from lamina.render import environment
    from lamina.tracing.replaying import BARE

    text = environment().get_template("tools/compare/subject.h.j2").render(BARE, name="malloc", kind=kind, general=int(kind == "general"))
    (tmp_path / "subject.h").write_text(text, encoding="utf-8")
    for standard in ("c11", "c17"):
        tree.run(compiler, f"-std={standard}", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror",
                 f"-I{tmp_path}", f"-I{tree.ROOT / 'templates' / 'tools' / 'compare'}", "-c", tree.ROOT / "runtime" / "recorder" / "replay.c",
                 "-o", tmp_path / "replay.o")


# What can't be served ------------------------------------------------------------------------------------------------

def refused(trace: Path, *options: object) -> str:
    done = subprocess.run([tree.PYTHON, str(tree.LAUNCHER), "replay", str(trace), *map(str, options), "--with", "malloc"],
                          capture_output=True, text=True, env=tree.environment())
    assert done.returncode == 1 and done.stdout == "", done
    return done.stderr


def test_a_request_that_is_too_large(spec: Path) -> None:
    first = next(i + 1 for i, line in enumerate(tree_dump(LUA)) if line[1] > 64)
    told = refused(LUA, spec, "--stack", "nodes")
    assert re.search(rf'"nodes", flat, can\'t serve this trace: call {first:,} asks for {tree_dump(LUA)[first - 1][1]} bytes, and its objects have 64\n', told)


def tree_dump(trace: Path) -> list[tuple[str, int]]:
    """Effect and size of each call."""
    tree.lamina("trace-report", trace)
    tool = next(Path(os.environ["XDG_CACHE_HOME"]).glob("lamina/tools/*/lamina-trace"))
    return [(m[1], int(m[2])) for m in re.finditer(r"^\d+ \w+ (\w+) .* size=(\d+) ", tree.run(tool, "dump", trace, 0), re.M)]


def test_a_stack_that_is_full(spec: Path) -> None:
    """The call is the one that would be the 101st block in use."""
    live = 0
    for number, (effect, size) in enumerate(tree_dump(LUA), 1):
        if effect == "allocates" and 1 <= size <= 56:
            live += 1
        elif effect == "frees" and 1 <= size <= 56:
            live -= 1
        if live == 101:
            break
    told = refused(LUA, spec, "--stack", "few", "--sizes", "1-56")
    assert f"call {number:,} asks for " in told and "no room for them beside the 100 blocks in use" in told


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trace with every function in it."""
    folder = tmp_path_factory.mktemp("forms")
    tree.run("gcc", "-std=c11", "-O0", "-pthread", PROGRAMS / "calls.c", "-o", folder / "calls")
    tree.lamina("record", "-o", folder / "t", "--", folder / "calls", "forms")
    return folder / "t"


def test_a_resize_and_an_alignment_that_the_objects_do_not_have(forms: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.lua").write_text('local lamina = require "lamina"\nreturn { lamina.stack "smaller" '
                                       "{ lamina.mmap {}, lamina.slab { slot = 10048, count = 20 } },"
                                       'lamina.stack "larger" { lamina.mmap {}, lamina.slab { slot = 10176, count = 20 } } }\n')
    told = refused(forms, tmp_path / "spec.lua", "--sizes", "10000-10140")
    assert re.search(r'"smaller", flat, .* call \d+ asks for 10059 bytes, and its objects have 10048\n', told)  # by reallocarray
    assert re.search(r'"larger", flat, .* call \d+ asks for an alignment of 128 bytes, and its objects have 16\n', told)


def test_all_stacks_that_cannot_serve_are_named_and_nothing_is_measured(spec: Path) -> None:
    told = refused(LUA, spec, "--stack", "nodes", "--stack", "few", "--stack", "heap")
    assert re.findall(r'"(\w+)", \w+, can\'t serve', told) == ["nodes", "few"]
    assert len(told.splitlines()) == 2


# Wrong command lines, missing tools ----------------------------------------------------------------------------------

@pytest.mark.parametrize("sizes", ["x", "-", "64-33", "5", "0x10-20"])
def test_sizes_that_are_none(sizes: str) -> None:
    assert f"--sizes {sizes}: " in tree.lamina("replay", LUA, f"--sizes={sizes}", status=2)


def test_what_else_is_wrong(tmp_path: Path, spec: Path) -> None:
    assert "no block of it has a size of 999999999 to " in tree.lamina("replay", LUA, "--sizes", "999999999-", status=1)
    assert "there is no such allocator" in tree.lamina("replay", LUA, "--with", "mallok", status=2)
    assert f"--json {tmp_path}: it is a folder" in tree.lamina("replay", LUA, "--json", tmp_path, status=4)
    assert "--json: it names no file" in tree.lamina("replay", LUA, "--json", "", status=2)
    assert "[LAM" in tree.lamina("replay", LUA, tmp_path / "none.lua", status=1)
    assert "no-such-cc is missing" in tree.lamina("replay", LUA, "--cc", "no-such-cc", status=4)
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("gcc", "cc", "as", "ld"):
        if shutil.which(name):
            (bare / name).symlink_to(shutil.which(name))
    done = subprocess.run([tree.PYTHON, str(tree.LAUNCHER), "replay", str(LUA)], capture_output=True, text=True,
                          env=tree.environment(PATH=str(bare)))
    assert done.returncode == 4 and "valgrind is missing; on Debian: apt-get install valgrind" in done.stderr
