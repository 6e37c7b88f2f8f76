"""The emitted C under every compiler here, C11 and C17, the headers in C++17, without one warning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import tree

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wundef", "-Werror"]
PAIRS = [(c, cxx) for c, cxx in (("gcc", "g++"), ("clang", "clang++")) if shutil.which(c) and shutil.which(cxx)]
BUILDS = [("c11", "-O2"), ("c17", "-O0")] + ([("c11", "-O0"), ("c17", "-O2"), ("c11", "-O3")] if tree.LONG else [])
FOLDERS = sorted(path.parent for path in (tree.ROOT / "generated").glob("*/manifest.json"))
INCLUDES = ["-I", tree.ROOT / "runtime" / "include", "-I", tree.ROOT / "runtime" / "testing" / "include"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_no_warning(pair: tuple[str, str], folder: Path, tmp_path: Path) -> None:
    c, cxx = pair
    for standard, optimization in BUILDS:
        # The optimizer sees more, by inlining; the objects are thrown away.
        tree.run(c, f"-std={standard}", optimization, *WARNINGS, *INCLUDES, "-I", folder, "-c", *sorted(folder.glob("*.c")),
                 cwd=tmp_path)
    for header in sorted(folder.glob("*.h")):
        user = tmp_path / "user.cpp"
        user.write_text(f'#include "{header.name}"\n#include "{header.name}"\nint main() {{ return 0; }}\n')
        tree.run(cxx, "-std=c++17", *WARNINGS, *INCLUDES, "-I", folder, "-fsyntax-only", user)


@pytest.mark.parametrize("c", [pair[0] for pair in PAIRS])
@pytest.mark.parametrize("testing", [[], ["-DLAMINA_OS_TABLE=1"]], ids=["runtime", "testing"])
def test_the_folders_of_the_runtime_compile_as_they_are(c: str, testing: list[str], tmp_path: Path) -> None:
    """Every file of Linux's folders, by a glob: the files of the testing library are empty in the other."""
    folders = [tree.ROOT / "runtime" / "platform" / name for name in ("linux", "posix", "hosted")]
    for standard in ("c11", "c17"):
        tree.run(c, f"-std={standard}", "-O1", *WARNINGS, *testing, *INCLUDES, *(word for folder in folders for word in ("-I", folder)),
                 "-pthread", "-c", *sorted(file for folder in folders for file in folder.glob("*.c")), cwd=tmp_path)


def test_the_freestanding_stack_needs_no_library(tmp_path: Path) -> None:
    """firmware and the freestanding runtime link with nothing; only memcpy and memset may be called."""
    folder = tree.ROOT / "generated" / "firmware"
    runtime = tree.ROOT / "runtime"
    sources = [folder / "firmware.c", *sorted((runtime / "src").glob("*.c")),
               *sorted((runtime / "platform" / "freestanding").glob("*.c"))]
    (tmp_path / "program.c").write_text(
        '#include "firmware.h"\n'
        "void *memcpy(void *to, const void *from, size_t n) { char *t = to; const char *f = from;\n"
        "  while (n-- > 0) { *t++ = *f++; } return to; }\n"
        "void *memset(void *to, int c, size_t n) { char *t = to; while (n-- > 0) { *t++ = (char)c; } return to; }\n"
        "void _start(void) { for (;;) { } }\n")
    tree.run("gcc", "-std=c11", "-O1", "-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector",
             "-fno-builtin", "-I", folder, "-I", runtime / "include", tmp_path / "program.c", *sources,
             "-o", tmp_path / "program")


def test_manifests_name_the_spec_that_is_here() -> None:
    for folder in FOLDERS:
        manifest = json.loads((folder / "manifest.json").read_text())
        assert (folder / manifest["spec"]).resolve().is_file()


def test_nothing_emitted_tells_where_or_when_it_was_made() -> None:
    for folder in FOLDERS:
        for path in folder.iterdir():
            text = path.read_text(encoding="utf-8")
            assert str(tree.ROOT) not in text and "/home/" not in text and "/tmp/" not in text, path
