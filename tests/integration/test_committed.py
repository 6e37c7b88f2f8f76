"""Committed output: it builds without Python, and a check tells when it no longer is what the spec gives."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import tree

TOOLS = ("cmake", "ctest", "ninja", "make", "cc", "c++", "gcc", "g++", "as", "ld", "ar", "ranlib", "nm", "sh", "uname")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The example with its files generated, as its repository would hold them."""
    folder = tree.copy_example("committed", tmp_path / "source")
    tree.lamina("generate", "cache.lua", "-o", "generated", cwd=folder)
    return folder


@pytest.fixture
def without_python(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH has a compiler and CMake, but neither Python nor Lua."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        if found:
            os.symlink(os.path.realpath(found) if tool in ("cc", "c++") else found, folder / tool)
    return {"PATH": str(folder), "LAMINA_PYTHON": str(tmp_path / "no-such-python")}


def test_builds_without_python(source: Path, prefix: Path, tmp_path: Path, without_python: dict[str, str]) -> None:
    said = tree.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "--trace-expand",
                          env=without_python)
    assert "lamina_add_allocator(cache_memory SPEC cache.lua MODE COMMITTED )" in said
    for looked_for in ("lamina_find_python(", "lamina_command(", "find_package(Python"):
        calls = [line for line in said.splitlines() if looked_for in line and "function(" not in line]
        assert not calls, calls
    tree.build(tmp_path / "build", env=without_python)
    assert tree.run(tmp_path / "build" / "cache") == "2 hits, 10 misses, sum 205\n"


def test_the_whole_tree_builds_without_python(tmp_path: Path, without_python: dict[str, str]) -> None:
    """Whoever commits generated files needs neither Python nor Lua: so do we, for generated/."""
    tree.configure(tree.ROOT, tmp_path / "build", "-DLAMINA_TEST_PARTS=generated", "-DLAMINA_SPEC_MODE=COMMITTED",
                   env=without_python)
    assert "LAMINA_PYTHON" not in (tmp_path / "build" / "CMakeCache.txt").read_text()


def test_check_passes_then_tells(source: Path, prefix: Path, tmp_path: Path) -> None:
    tree.configure(source, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", "-DCHECK_GENERATED=ON")
    tree.build(tmp_path / "build")
    tree.run("ctest", "--test-dir", tmp_path / "build", "--output-on-failure", "--no-tests=error")
    tree.build(tmp_path / "build", "--target", "lamina_check")

    spec = source / "cache.lua"
    spec.write_text(spec.read_text().replace("count = 8", "count = 9"))
    tree.build(tmp_path / "build")  # the committed files still are what is compiled
    said = tree.run("cmake", "--build", tmp_path / "build", "--target", "lamina_check", status=1)
    assert "lamina generate" in said
    tree.run("ctest", "--test-dir", tmp_path / "build", status=8)


def test_a_hand_edit_is_told(source: Path) -> None:
    edited = source / "generated" / "cache_entry" / "cache_entry.c"
    edited.write_text(edited.read_text() + "/* just this once */\n")
    said = tree.lamina("check", "cache.lua", "-o", "generated", cwd=source, status=3)
    assert "cache_entry.c" in said
