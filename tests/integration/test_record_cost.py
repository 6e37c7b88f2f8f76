"""What the recorder costs a program: instructions of a call, exact, for programs that do nothing but call malloc."""

from __future__ import annotations

import os
import platform
import re
import shutil
from pathlib import Path

import pytest

import tree
from lamina.tracing import native

PROGRAM = tree.ROOT / "tests" / "recorder" / "programs" / "cost.c"
LEAST, MOST = 10_000, 30_000

#: What the recorder adds to one round of a pattern, at most, and how many calls that is. A little over what was counted
#: with gcc 12 -O2: see docs/traces.md.
BOUNDS = {"pairs": (2, 118), "callocs": (2, 124), "reallocs": (1, 164), "batches": (2, 153), "mixed": (2, 228)}

pytestmark = pytest.mark.skipif(
    shutil.which("valgrind") is None or shutil.which("gcc") is None or platform.machine() != "x86_64",
    reason="instructions are counted by valgrind, with gcc for x86-64")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
    folder = tmp_path_factory.mktemp("cost")
    tree.run("gcc", "-std=c11", "-O2", "-pthread", PROGRAM, "-o", folder / "cost")
    return folder / "cost"


def instructions(program: Path, folder: Path, pattern: str, recorded: bool) -> float:
    """Of one round, without the program's start and end."""
    found = []
    for count in (LEAST, MOST):
        more = {}
        if recorded:
            trace = folder / f"{pattern}-{count}"
            native.call("gcc", "create", trace)
            more = {"LD_PRELOAD": str(native.recorder("gcc")), "LAMINA_RECORD": str(trace)}
        told = tree.run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, pattern, count, env=more)
        found.append(int(re.search(r"Collected : (\d+)", told)[1]))
        if recorded:
            assert native.ask("gcc", "show", trace)["events"] >= count
    return (found[1] - found[0]) / (MOST - LEAST)


@pytest.mark.parametrize("pattern", BOUNDS)
def test_instructions_of_a_recorded_call(built: Path, tmp_path: Path, pattern: str) -> None:
    calls, most = BOUNDS[pattern]
    plain, recorded = (instructions(built, tmp_path, pattern, which) for which in (False, True))
    added = recorded - plain
    print(f"\n{pattern}: {plain:.1f} alone, {added:.1f} more for {calls} calls")
    assert 20 * calls < added <= most
