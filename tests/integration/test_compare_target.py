"""lamina_add_compare: a target that measures, when it is asked for and not before."""

from __future__ import annotations

import json
from pathlib import Path

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


def test_a_wrong_call_is_told(tmp_path: Path) -> None:
    source = project(tmp_path, LISTS.replace("SPEC pool.lua", "SPECS pool.lua"))
    said = tree.run("cmake", "-S", source, "-B", tmp_path / "build", "-G", "Ninja",
                    f"-Dlamina_DIR={tree.ROOT / 'generator' / 'cmake'}", status=1)
    assert "usage: lamina_add_compare(<target> SPEC <file>..." in said
