"""The matrix of tests/stacks: every parameter of every layer, in both forms.

Every day all of it is generated and its C compiled with warnings as errors; with LAMINA_LONG the generated tests of all
stacks are built and run as well.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import warnings
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


def test_what_only_asks_takes_a_const_handle(generated: Path) -> None:
    """With an owner as well, whose frees from elsewhere wait for other calls; a mutex must be locked, and so written."""
    headers = [p for p in generated.glob("*/*.h") if "lamina_mutex" not in p.read_text()]
    found = [(p.name, what) for p in headers for what in re.findall(
        r"^\S+ \w+_(?:owns|usable_size|capacity|stats)\((?!const |void\))[^;]*;", p.read_text(), re.M)]
    assert len(headers) > 300 and found == []


#: Processors without atomic operations on 64 bits, and compilers for them: there each such operation is a call of libatomic.
NARROW = {"i486": ["gcc", "-m32", "-march=i486"], "cortex-m4": ["arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding"]}
#: What can bring an atomic operation into a stack's C: the runtime's headers by name, or the compiler's words.
ATOMIC = re.compile(r"atomic|\blamina_(mutex|spinlock|thread|commit)_", re.I)


def calls_of_libatomic(objects: list[Path]) -> set[str]:
    """The undefined names that a compiler makes of atomic operations that the processor hasn't."""
    said = subprocess.run(["nm", "-u", *map(str, objects)], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"\bU ((?:__atomic|__sync)_\w+)", said))


@pytest.mark.parametrize("processor", NARROW)
def test_no_stack_needs_64_bit_atomics(processor: str, generated: Path, tmp_path: Path) -> None:
    """What `64-bit atomics` in targets.py rests on: the same stacks are there for processors that have none."""
    command = [*NARROW[processor], "-std=c11", "-O1", *INCLUDES]
    control = tmp_path / "control.c"
    control.write_text('#include <string.h>\n#include "lamina/core.h"\nuint64_t count(uint64_t *at);\n'
                       "uint64_t count(uint64_t *at)\n{\n    return __atomic_fetch_add(at, 1U, __ATOMIC_RELAXED);\n}\n")
    if shutil.which(command[0]) is None or run(*command, "-c", control, "-o", tmp_path / "control.o"):
        pytest.skip(f"no compiler for {processor} here")
    assert calls_of_libatomic([tmp_path / "control.o"]) == {"__atomic_fetch_add_8"}
    if processor == "i486":
        folders, flags = sorted(p for p in generated.iterdir() if p.is_dir()), ["-DLAMINA_OS_TABLE=1"]
    else:  # the stacks without an operating system, which are few
        folders, flags = sorted(generated.glob("t_freestanding*")), []
    atomic = [p for p in folders if processor != "i486" or any(ATOMIC.search(f.read_text()) for f in p.glob("*.[ch]"))]
    assert len(atomic) >= (20 if processor == "i486" else 2)
    sources = sorted(source for folder in atomic for source in folder.glob("*.c"))
    objects = [tmp_path / f"{source.stem}.o" for source in sources]
    said = in_parallel(lambda pair: run(*command, *flags, "-c", pair[0], "-o", pair[1]), list(zip(sources, objects)))
    assert not said, said[0]
    assert calls_of_libatomic(objects) == set()


def unity(folders: list[Path]) -> str:
    """One C++ file of several stacks' tests, each in a namespace of its own. What they share, which is most of the time
    that compiling takes, is compiled once; what they include is included before, outside of the namespaces."""
    shared = ["<array>", "<cstring>", "<vector>", '"lamina/testing/contract.hpp"',
              *(f'"lamina/{p.name}"' for p in sorted((ROOT / "runtime" / "include" / "lamina").glob("*.h")))]
    return "".join(f"#include {name}\n" for name in shared) + "".join(
        f'namespace of_{p.name} {{\n#include "{p}/test_{p.name}.cpp"\n}}\n' for p in folders)


def has_secret_memory() -> bool:
    """Whether this machine's kernel has memfd_secret(2), by the number that it has on every processor."""
    libc = ctypes.CDLL(None, use_errno=True)
    file = libc.syscall(447, 0)
    if file >= 0:
        os.close(file)
    return file >= 0


def without_their_needs() -> set[str]:
    """The stacks that the machine lacks something for, without which their init must fail."""
    return set() if has_secret_memory() else {"t_locked_required"}


@pytest.mark.skipif(not os.environ.get("LAMINA_LONG"), reason="minutes long: set LAMINA_LONG=1")
def test_the_stacks_pass_their_tests(generated: Path, tmp_path: Path) -> None:
    flags = ["-O0", "-DLAMINA_OS_TABLE=1", *INCLUDES]
    main = tmp_path / "main.cpp"
    main.write_text("#if __has_include(<catch2/catch_all.hpp>)\n#error build with Catch2 2\n#endif\n"
                    "#define CATCH_CONFIG_MAIN\n#include <catch2/catch.hpp>\n")
    shared = platform_sources("linux", testing=True)
    flags += [f"-I{path}" for path in platform_folders("linux")]
    common = [tmp_path / "main.o", *(tmp_path / f"{p.parent.name}_{p.stem}.o" for p in shared)]
    assert not run(CXX, "-std=c++17", "-O0", "-c", main, "-o", common[0])
    for source, target in zip(shared, common[1:]):
        assert not run(CC, "-std=c11", *flags, "-c", source, "-o", target)

    def prove(folders: list[Path]) -> list[str]:
        """Builds the tests of several stacks as one program, and runs them stack by stack."""
        work = tmp_path / folders[0].name
        work.mkdir()
        (work / "tests.cpp").write_text(unity(folders))
        said = run(CXX, "-std=c++17", *flags, *(f"-I{p}" for p in folders), "-c", work / "tests.cpp", "-o", work / "tests.o")
        sources = [source for folder in folders for source in sorted(folder.glob("*.c"))]
        objects = [work / f"{source.stem}.o" for source in sources]
        for source, target in zip(sources, objects):
            said = said or run(CC, "-std=c11", *flags, "-c", source, "-o", target)
        said = said or run(CXX, work / "tests.o", *objects, *common, "-lpthread", "-o", work / "tests")
        answers = [said] if said else [run(work / "tests", f"{p.name}: *") for p in folders if p.name not in lacking]
        shutil.rmtree(work)
        return [answer for answer in answers if answer]

    lacking = without_their_needs()
    if lacking:
        warnings.warn("not run, as this machine has no secret memory: " + ", ".join(lacking))
    folders = sorted(p for p in generated.iterdir() if p.is_dir())
    with ThreadPoolExecutor(JOBS) as pool:
        said = [answer for answers in pool.map(prove, [folders[at:at + 16] for at in range(0, len(folders), 16)])
                for answer in answers]
    assert not said, f"{len(said)} stacks fail; the first:\n{said[0]}"
