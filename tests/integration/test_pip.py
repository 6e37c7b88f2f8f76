"""`pip install .` into a virtual environment, without a network: the command, its data, its CMake package."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

import tree


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that sees the system's packages, with Lamina installed from a copy of the tree."""
    base = tmp_path_factory.mktemp("pip")
    source = tree.copy_tree(base / "source")
    tree.run(tree.PYTHON, "-m", "venv", "--system-site-packages", base / "venv")
    tree.run(base / "venv" / "bin" / "python", "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index",
             "--disable-pip-version-check", source)
    # What follows must work from the installed files alone.
    source.rename(base / "gone")
    return base / "venv"


def test_the_command_works(venv: Path, tmp_path: Path) -> None:
    said = tree.run(venv / "bin" / "lamina", "--version")
    assert tree_version() in said
    (tmp_path / "a.lua").write_text('local lamina = require "lamina"\n'
                                    'return lamina.stack "a" { lamina.static { bytes = "1 KiB" }, lamina.bump {} }\n')
    tree.run(venv / "bin" / "lamina", "generate", "a.lua", "-o", "out", "--standalone", cwd=tmp_path)
    tree.run("sh", "-c", "cc -c *.c", cwd=tmp_path / "out" / "a")


def test_it_emits_what_the_tree_emits(venv: Path, tmp_path: Path) -> None:
    spec = tree.EXAMPLES / "standalone" / "timers.lua"
    (tmp_path / "timers.lua").write_text(spec.read_text())
    tree.run(venv / "bin" / "lamina", "generate", "timers.lua", "-o", "installed", cwd=tmp_path)
    tree.lamina("generate", "timers.lua", "-o", "tree", cwd=tmp_path)
    tree.run("diff", "-r", "installed", "tree", cwd=tmp_path)


def test_its_cmake_package(venv: Path, tmp_path: Path) -> None:
    source = tree.copy_example("pip_cmake", tmp_path / "source")
    package = tree.run(venv / "bin" / "python", "-m", "lamina.paths", "cmake").strip()
    assert str(venv) in package
    # No Python is named: the one of the virtual environment is found from the package.
    tree.configure(source, tmp_path / "build", f"-Dlamina_DIR={package}", env={"LAMINA_PYTHON": ""})
    assert str(venv) in re.search("^LAMINA_PYTHON:.*$", (tmp_path / "build" / "CMakeCache.txt").read_text(), re.M).group()
    tree.build(tmp_path / "build")
    said = tree.run(tmp_path / "build" / "huffman", text="aaaabbc")
    assert said.splitlines() == ["a 1", "b 2", "c 2"]


@pytest.mark.skipif(not tree.LONG, reason="it measures for a minute: LAMINA_LONG=1")
def test_it_compares_and_records(venv: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a\nlayers:\n  - static: {}\n  - slab: { slot: 32, count: 64 }\n")
    said = tree.run(venv / "bin" / "lamina", "compare", "a.yaml", "--quick", "--with", "malloc", "--json", "a.json", cwd=tmp_path)
    assert "verdict: " in said and '"format": "lamina-compare"' in (tmp_path / "a.json").read_text()
    tree.run(venv / "bin" / "lamina", "record", "-o", "a.trace", "--", "lua5.4", "-e", "print(('x'):rep(1000))", cwd=tmp_path)
    assert "asked for in all" in tree.run(venv / "bin" / "lamina", "trace-report", "a.trace", cwd=tmp_path)


def test_every_package_is_listed() -> None:
    """pyproject.toml lists the packages by hand, because the data folders come from outside generator/."""
    listed = re.findall(r'^    "(lamina[\w.]*)",$', (tree.ROOT / "pyproject.toml").read_text(), re.M)
    top = tree.ROOT / "generator"
    present = {".".join(path.parent.relative_to(top).parts) for path in (top / "lamina").rglob("*.py")
               if "__pycache__" not in path.parts}
    assert present == {name for name in listed if "._data" not in name}


def test_the_version_is_the_same_everywhere() -> None:
    cmake = (tree.ROOT / "generator" / "cmake" / "laminaConfigVersion.cmake").read_text()
    assert f'set(PACKAGE_VERSION "{tree_version()}")' in cmake
    sys.path.insert(0, str(tree.ROOT / "generator"))
    import lamina

    assert lamina.__version__ == tree_version()


def tree_version() -> str:
    return re.search(r'^version = "(.*)"$', (tree.ROOT / "pyproject.toml").read_text(), re.M).group(1)
