"""How docs/comparison.md is read and held against counts, and that a file of skipped tests has not passed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import tree
from documented import COLUMNS, PAGE, differences, documented


@pytest.mark.parametrize("change, said", [
    (lambda page: page, []),
    (lambda page: {**page, ("pool", "lifo", "twin", False): 0.41}, ["pool, lifo, twin, False: the page has 0.41, counted are 0.4"]),
    (lambda page: {key: value for key, value in page.items() if key[2] != "floor"}, ["pool, lifo, floor, True: the page has None, counted are 1.08"]),
    (lambda page: {**page, ("pool", "burst", "twin", True): 0.9}, ["pool, burst, twin, True: the page has 0.9, counted are None"]),
    (lambda page: {**page, ("pool", "handover", "twin", True): 0.39}, []),  # two threads
    (lambda page: {**page, ("pool", "handover", "twin", True): 0.42}, ["pool, handover, twin, True: the page has 0.42, counted are 0.36"]),
    (lambda page: {**page, ("frame", "burst", "twin", True): 0.9}, []),  # of a spec that isn't counted
])
def test_a_difference_is_seen(change: Any, said: list[str]) -> None:
    now = {("pool", "lifo", "twin", False): 0.4, ("pool", "lifo", "floor", True): 1.08}
    now["pool", "handover", "twin", True] = 0.36
    assert differences(change({key: round(value, 3) for key, value in now.items()}), now) == said


def test_the_page_is_read_as_it_stands() -> None:
    stacks = {path.parent.name for path in (tree.ROOT / "generated").glob("*/manifest.json")}
    found = documented(PAGE)
    assert {key[0] for key in found} == stacks and {key[2:] for key in found} == set(COLUMNS)
    told = re.search(r"(\d+) of \1 bounds hold", PAGE)
    over_all = len(re.findall(r"^Over all of them: ", PAGE, re.M))
    assert told and len(found) + over_all == int(told.group(1))


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["--quickly"], 2), (["-o"], 2)])
def test_the_command_that_makes_the_page_tells_its_usage(arguments: list[str], status: int) -> None:
    said = tree.run(tree.ROOT / "tests" / "comparison", *arguments, status=status)
    assert "tests/comparison [--quick] [-o FOLDER] [SPEC...]" in said


def test_a_file_whose_tests_are_all_skipped_has_not_passed(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((tree.ROOT / "tests" / "conftest.py").read_text())
    for body, status in (("pytest.skip('not here')", 5), ("pass", 0), ("assert False", 1)):
        (tmp_path / "test_one.py").write_text(f"import pytest\n\ndef test_it():\n    {body}\n")
        tree.run(tree.PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_one.py", cwd=tmp_path, status=status)
