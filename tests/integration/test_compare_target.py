"""lamina_add_compare: a target that measures, when it is asked for and not before."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tree

LISTS = """cmake_minimum_required(VERSION 3.21)
project(comparing LANGUAGES C)
find_package(lamina CONFIG REQUIRED)
lamina_add_compare(measure SPEC pool.lua JSON out/result.json ARGUMENTS --measure memory --patterns lifo,in_order --with none)
file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/out")
"""
POOL = """local lamina = require "lamina"
return lamina.stack "pool" { lamina.static {}, lamina.slab { slot = 32, count = 64 } }
"""


def project(folder: Path, lists: str) -> Path:
    (folder / "CMakeLists.txt").write_text(lists)
    (folder / "pool.lua").write_text(POOL)
    return folder


def test_a_target_compares(tmp_path: Path) -> None:
    source, build = project(tmp_path, LISTS), tmp_path / "build"
    tree.configure(source, build, f"-Dlamina_DIR={tree.ROOT / 'generator' / 'cmake'}")
    tree.build(build)
    result = build / "out" / "result.json"
    assert not result.exists()  # no part of `all`
    said = tree.build(build, "--target", "measure")
    assert "overhead per object, 64 live: flat " in said
    document = json.loads(result.read_text(encoding="utf-8"))
    assert [stack["name"] for stack in document["stacks"]] == ["pool"]
    assert document["method"]["measures"] == ["memory"]


@pytest.mark.skipif(not tree.LONG, reason="configures the whole project: LAMINA_LONG=1")
def test_the_projects_own_target_compares(tmp_path: Path) -> None:
    """What `cmake --build build --target compare` gives in a clone, for one spec, quick."""
    build, spec = tmp_path / "build", tree.ROOT / "specs" / "firmware.lua"
    tree.configure(tree.ROOT, build, "-DLAMINA_TEST_PARTS=generated", f"-DLAMINA_COMPARE_SPECS={spec}", "-DLAMINA_COMPARE_ARGUMENTS=--quick")
    said = tree.build(build, "--target", "compare")
    result = re.search(r"^.*Comparing; the result goes to (\S+)$", said, re.M)
    assert result and Path(result.group(1)).is_relative_to(build)
    document = json.loads(Path(result.group(1)).read_text(encoding="utf-8"))
    assert [stack["name"] for stack in document["stacks"]] == ["firmware"] and document["quick"] is True
    assert all(subject["present"] for subject in document["stacks"][0]["subjects"][:4])  # flat, twin, floor, malloc
    assert document["bounds"] and all(bound["holds"] for bound in document["bounds"])
    assert "verdict: " in said and f"{len(document['bounds'])} of {len(document['bounds'])} hold" in said


@pytest.mark.skipif(not tree.LONG, reason="configures the whole project: LAMINA_LONG=1")
def test_the_projects_own_target_compares_all_specs(tmp_path: Path) -> None:
    tree.configure(tree.ROOT, tmp_path, "-DLAMINA_TEST_PARTS=generated")
    command = tree.run("ninja", "-C", tmp_path, "-t", "commands", "compare").splitlines()[-1]
    for spec in (tree.ROOT / "specs").glob("*.*"):
        assert str(spec) in command
    assert "--json" in command and "--quick" not in command


@pytest.mark.skipif(not tree.LONG, reason="it measures for a minute: LAMINA_LONG=1")
def test_an_installed_lamina_compares_and_records(prefix: Path, tmp_path: Path) -> None:
    """From the installed files alone: the C that is measured with, the recorder, the report."""
    (tmp_path / "pool.lua").write_text(POOL)
    lamina = prefix / "bin" / "lamina"
    said = tree.run(lamina, "compare", "pool.lua", "--quick", "--with", "malloc", "--json", "a.json", "--html", "a.html", cwd=tmp_path)
    document = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert "absent: floor: none is written for it" in said and len(document["bounds"]) > 0
    assert (tmp_path / "a.html").read_text(encoding="utf-8").count("<svg") > 1
    tree.run(lamina, "record", "-o", "a.trace", "--", "lua5.4", "-e", "local t = {} for i = 1, 100 do t[i] = {i} end", cwd=tmp_path)
    assert "asked for in all" in tree.run(lamina, "trace-report", "a.trace", cwd=tmp_path)
    tree.run(lamina, "replay", "a.trace", "--with", "malloc", "--rounds", "6", "--json", "b.json", cwd=tmp_path)
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["groups"][0]["results"]


def test_a_wrong_call_is_told(tmp_path: Path) -> None:
    source = project(tmp_path, LISTS.replace("SPEC pool.lua", "SPECS pool.lua"))
    said = tree.run("cmake", "-S", source, "-B", tmp_path / "build", "-G", "Ninja",
                    f"-Dlamina_DIR={tree.ROOT / 'generator' / 'cmake'}", status=1)
    assert "usage: lamina_add_compare(<target> SPEC <file>..." in said
