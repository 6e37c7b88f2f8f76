"""lamina_add_allocator(… PLATFORM …): the spec is read for that target, by the argument or for the whole build."""

from __future__ import annotations

from pathlib import Path

import pytest

import tree

LISTS = f"""cmake_minimum_required(VERSION 3.21)
project(platform LANGUAGES C)
set(LAMINA_BUILD_TESTS OFF)
add_subdirectory({tree.ROOT} lamina EXCLUDE_FROM_ALL)
lamina_add_allocator(pool SPEC pool.lua @)
"""
SPEC = """local lamina = require "lamina"
return lamina.stack "pool" {{ lamina.mmap {{}}, lamina.guard {{}}, {0}lamina.slab {{ slot = 64, count = 8 }} }}
"""


@pytest.mark.parametrize("argument, definition", [("PLATFORM linux-aarch64-64k", []), ("", ["-DLAMINA_PLATFORM=linux-aarch64-64k"])])
def test_layouts_are_the_platforms(argument: str, definition: list[str], tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(LISTS.replace("@", argument))
    (tmp_path / "pool.lua").write_text(SPEC.format(""))
    tree.run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", *definition, cwd=tmp_path)
    tree.run("cmake", "--build", "build", "--target", "pool_generate", cwd=tmp_path)
    header = next((tmp_path / "build").rglob("pool.h")).read_text()
    assert "POOL_PAGE_BYTES       65536U" in header and "--target linux-aarch64-64k" in header


def test_what_the_platform_lacks_stops_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(LISTS.replace("@", "PLATFORM windows-x86_64"))
    (tmp_path / "pool.lua").write_text(SPEC.format("lamina.numa { bind = { 0 } }, "))
    said = tree.run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", cwd=tmp_path, status=1)
    assert "LAM057" in said and "pool.lua:2" in said
