"""docs/comparison.md against the code of today: the ratios of instructions that stand there are those that are counted now.

Only the compiler and C library of the page give its numbers. With others this file, which holds nothing else, is told as skipped.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import tree
from documented import PAGE, built_here, built_with, counted, differences, documented

#: Every day one spec; all with LAMINA_LONG.
SPECS = sorted(str(path.relative_to(tree.ROOT)) for end in ("lua", "yaml") for path in (tree.ROOT / "specs").glob(f"*.{end}"))
SELECTION = SPECS if tree.LONG else ["specs/firmware.lua"]


def test_the_ratios_of_the_page_are_those_counted_now(tmp_path: Path) -> None:
    for name in ("valgrind", "gcc"):
        assert shutil.which(name), f"{name} is missing, which counts are made with; generator/setup compare installs it"
    if built_with(PAGE) != built_here():
        pytest.skip(f"docs/comparison.md was counted with {built_with(PAGE)}, and here are {built_here()}")
    result = tmp_path / "result.json"
    tree.run(tree.PYTHON, tree.LAUNCHER, "compare", *SELECTION, "--measure", "instructions", "--with", "none", "--quick", "--json", result,
             cwd=tree.ROOT)
    document = json.loads(result.read_text(encoding="utf-8"))
    assert {stack["spec"] for stack in document["stacks"]} == set(SELECTION)
    found = differences(documented(PAGE), counted(document))
    assert not found, "docs/comparison.md is out of date; docs/comparing.md tells how it is made:\n" + "\n".join(found)
