"""The matrix of tests/stacks: every parameter of every layer, in both forms.

Every day all of it is generated and its C compiled with warnings as errors; with LAMINA_LONG the generated tests of every
fourth stack are built and run as well, and with LAMINA_MATRIX=all those of all stacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamina.standalone import platform_folders, platform_sources

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "tests" / "stacks").glob("*.lua"))
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror".split()
INCLUDES = [f"-I{ROOT}/runtime/include", f"-I{ROOT}/runtime/testing/include"]
JOBS = os.cpu_count() or 1
CC, CXX = shutil.which("gcc"), shutil.which("g++")

pytestmark = pytest.mark.skipif(CC is None or CXX is None, reason="gcc and g++ are not installed")


def run(*command: object) -> str:
    """Runs a command; what it said, or nothing when it succeeded."""
    answer = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600)
    return "" if answer.returncode == 0 else f"{' '.join(map(str, command))}\n{(answer.stdout + answer.stderr)[-3000:]}"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("matrix")
    env = dict(os.environ, PYTHONPATH=str(ROOT / "generator"))
    command = [sys.executable, "-m", "lamina", "generate", *map(str, SPECS), "-o", str(out), "--no-format", "-q"]
    answer = subprocess.run(command, env=env, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return out


def in_parallel(job, items) -> list[str]:
    with ThreadPoolExecutor(JOBS) as pool:
        return [said for said in pool.map(job, items) if said]


def test_every_stack_compiles_without_a_warning(generated: Path) -> None:
    sources = sorted(p for p in generated.glob("*/*.c"))
    assert len(sources) > 400
    compilers = [CC] + ([shutil.which("clang")] if os.environ.get("LAMINA_LONG") and shutil.which("clang") else [])
    for cc in compilers:
        said = in_parallel(lambda p: run(cc, "-std=c11", "-O1", *WARNINGS, *INCLUDES, "-DLAMINA_OS_TABLE=1", "-fsyntax-only"
                                         if cc != CC else "-c", p, "-o", os.devnull), sources)
        assert not said, said[0]


@pytest.mark.skipif(not os.environ.get("LAMINA_LONG"), reason="minutes long: set LAMINA_LONG=1")
def test_the_stacks_pass_their_tests(generated: Path, tmp_path: Path) -> None:
    common = ["-DLAMINA_OS_TABLE=1", *INCLUDES]
    main = tmp_path / "main.cpp"
    main.write_text("#if __has_include(<catch2/catch_all.hpp>)\n#error build with Catch2 2\n#endif\n"
                    "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
    shared = platform_sources("linux", testing=True)
    common += [f"-I{path}" for path in platform_folders("linux")]
    objects = [tmp_path / f"{p.parent.name}_{p.stem}.o" for p in shared]
    assert not run(CXX, "-std=c++17", "-O0", "-c", main, "-o", tmp_path / "main.o")
    for source, target in zip(shared, objects):
        assert not run(CC, "-std=c11", "-O1", "-g", *common, "-c", source, "-o", target)

    def prove(folder: Path) -> str:
        """Builds one stack's tests and runs them."""
        name = folder.name
        built = []
        for source in sorted(folder.glob("*.c")):
            built.append(folder / f"{source.stem}.o")
            said = run(CC, "-std=c11", "-O1", "-g", *common, "-c", source, "-o", built[-1])
            if said:
                return said
        said = run(CXX, "-std=c++17", "-O0", *common, f"-I{folder}", "-c", folder / f"test_{name}.cpp", "-o", folder / "test.o")
        said = said or run(CXX, folder / "test.o", *built, *objects, tmp_path / "main.o", "-lpthread", "-o", folder / "test")
        said = said or run(folder / "test")
        for leftover in [*folder.glob("*.o"), folder / "test"]:
            leftover.unlink(missing_ok=True)
        return said

    folders = sorted(p for p in generated.iterdir() if p.is_dir())
    if os.environ.get("LAMINA_MATRIX") != "all":
        folders = folders[::4]
    said = in_parallel(prove, folders)
    assert not said, f"{len(said)} stacks fail; the first:\n{said[0]}"
