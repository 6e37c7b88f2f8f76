"""Compiles for a platform: the suite, the example stacks in C, and their C++ tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lamina import emit
from lamina.diagnostics import Diagnostics
from lamina.model import Stack
from lamina.pipeline import Options, render_stack, stacks_of
from lamina.standalone import FOLDERS
from lamina.targets import TARGETS

from . import expected
from .platforms import ROOT, SUITE, Platform

RUNTIME = ROOT / "runtime"
WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror".split()
JOBS = os.cpu_count() or 1


class Broken(Exception):
    """Something doesn't compile or link: the platform has failed. The text says what."""


@dataclass
class Built:
    """What can be run, and which stacks it holds."""

    exe: Path
    stacks: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    #: Those of the stacks that place their pages on memory nodes.
    placed: tuple[str, ...] = ()
    #: Those that are the suite's own: the project's build, which the C++ tests come from, knows the examples alone.
    own: tuple[str, ...] = ()

    @property
    def examples(self) -> tuple[str, ...]:
        return tuple(name for name in self.stacks if name not in self.own)


def run(command: list[str], folder: Path, what: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        told = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        wrong = [line for line in told if "error" in line or "undefined" in line] or told[-10:]
        raise Broken(f"{what}\n" + "\n".join("    " + line for line in wrong[:15]))


def runtime_folders(platform: Platform) -> list[Path]:
    """The platform's own folder, and those that it shares."""
    return [RUNTIME / "platform" / name for name in FOLDERS[TARGETS[platform.target].runtime]]


def runtime_sources(platform: Platform) -> list[Path]:
    """The runtime for the platform, with the table of calls where it has one."""
    return [path for folder in (RUNTIME / "src", *runtime_folders(platform)) for path in sorted(folder.glob("*.c"))]


def host_sources(platform: Platform) -> list[Path]:
    runtime = TARGETS[platform.target].runtime
    host = {"linux": "posix", "macos": "posix", "windows": "windows", "freestanding": "none"}[runtime]
    return [SUITE / f"host_{host}.c", SUITE / "instructions.c"]


def parts(platform: Platform) -> list[Path]:
    found = sorted(set(SUITE.glob("part_*.c")) - {SUITE / "part_stacks.c", SUITE / "part_machine.c"})
    if not TARGETS[platform.target].hosted:
        found = [path for path in found if path.stem in ("part_core", "part_threads", "part_random")]
    return found


def _environment(platform: Platform) -> dict[str, str]:
    return {"ZIG_GLOBAL_CACHE_DIR": str(platform.folder / "zig"), "ZIG_LOCAL_CACHE_DIR": str(platform.folder / "zig")}


def compile_one(platform: Platform, source: Path, target: Path, extra: list[str]) -> None:
    """One object. Everything is compiled with warnings as errors."""
    table = ["-DLAMINA_OS_TABLE=1"] if TARGETS[platform.target].hosted else []
    short = source.relative_to(ROOT) if source.is_relative_to(ROOT) else source.name
    run([*platform.words(platform.cc), "-std=c11", "-O1", "-g0", *WARNINGS, *platform.words(platform.flags), *table,
         f"-I{RUNTIME / 'include'}", f"-I{RUNTIME / 'testing' / 'include'}", f"-I{SUITE}", *extra,
         *(f"-I{path}" for path in runtime_folders(platform)), "-c", os.path.relpath(source, ROOT), "-o", str(target)], ROOT,
        f"{short} does not compile", _environment(platform))


def link(platform: Platform, objects: list[Path], out: Path) -> None:
    runtime = TARGETS[platform.target].runtime
    threads = ["-pthread"] if runtime == "linux" else []
    static = ["-static"] if runtime in ("linux", "windows") else []
    run([*platform.words(platform.cc), *static, *map(str, objects), *platform.words(platform.link), *threads,
         *platform.words(platform.libraries), "-o", str(out)], out.parent, f"{out.name} does not link", _environment(platform))


def compile_all(platform: Platform, sources: list[Path], folder: Path, exe: str, extra: list[str]) -> Path:
    """Objects in parallel, then the program, which also holds what is expected of the platform."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "expected.c").write_text(expected.source(platform), encoding="utf-8")
    pairs = [(source, folder / f"{i}-{source.stem}.o") for i, source in enumerate([*sources, folder / "expected.c"])]
    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(lambda pair: compile_one(platform, *pair, extra), pairs))
    link(platform, [target for _, target in pairs], folder / exe)
    return folder / exe


def suite(platform: Platform) -> Built:
    """The suite of the glue."""
    sources = [*runtime_sources(platform), SUITE / "suite.c", *host_sources(platform), *parts(platform)]
    return Built(compile_all(platform, sources, platform.folder / "suite", "suite.exe", []))


def specs(platform: Platform) -> list[str]:
    """The example specs, locked memory where pages can be locked, and what the platform's file adds."""
    found = sorted(str(path) for path in (ROOT / "specs").iterdir() if path.suffix in (".lua", ".yaml"))
    own = ["locked.lua"] if "locked memory" in TARGETS[platform.target].has else []
    return found + [str(SUITE / name) for name in (*own, *platform.specs)]


def generate(platform: Platform) -> tuple[Path, list[Stack], list[str]]:
    """The example stacks for the platform's target: the folder, the stacks that it takes, and those that it refuses."""
    folder = platform.folder / "generated"
    shutil.rmtree(folder, ignore_errors=True)
    taken: list[Stack] = []
    refused: list[str] = []
    options = Options(str(folder), target=platform.target, formatted=False)
    everything = Options(str(folder))
    for spec in specs(platform):
        diags = Diagnostics()
        stacks, inputs = stacks_of(spec, options, diags)
        names = {stack.name for stack in stacks_of(spec, everything, Diagnostics())[0]}
        if spec.startswith(str(SUITE)) and diags.errors:
            raise Broken(diags.render(False))
        taken += stacks
        refused += sorted(names - {stack.name for stack in stacks})
        outputs = [render_stack(stack, spec, inputs, options) for stack in stacks]
        emit.write(emit.finish(outputs), str(folder), [])
    return folder, taken, refused


def stacks(platform: Platform) -> Built:
    """The stacks in C, both forms of each, and the tests that need neither C++ nor processes."""
    folder, found, refused = generate(platform)
    taken = [stack.name for stack in found]
    subjects = [f"{name}_{form}_subject" for name in taken for form in ("flat", "generic")]
    places = ["true" if stack.find("numa") else "false" for stack in found for _ in ("flat", "generic")]
    text = '#include "lamina/testing/subject.h"\n\nextern const lamina_subject *const platform_subjects[];\n' \
        "extern const bool platform_places[];\nextern const size_t platform_subject_count;\n\n"
    text += "".join(f"extern const lamina_subject {name};\n" for name in subjects)
    text += "\nconst lamina_subject *const platform_subjects[] = {\n" + "".join(f"    &{name},\n" for name in subjects)
    text += f"}};\nconst bool platform_places[] = {{{', '.join(places)}}};\n"
    text += "const size_t platform_subject_count = sizeof platform_subjects / sizeof platform_subjects[0];\n"
    (folder / "subjects.c").write_text(text, encoding="utf-8")
    sources = [*runtime_sources(platform), SUITE / "suite.c", *host_sources(platform), SUITE / "part_stacks.c",
               folder / "subjects.c"]
    for name in taken:
        sources += [folder / name / file for file in (f"{name}.c", f"{name}_generic.c", f"test_{name}_flat.c",
                                                       f"test_{name}_generic.c")]
    includes = [f"-I{folder / name}" for name in taken]
    exe = compile_all(platform, sources, platform.folder / "stacks", "stacks.exe", ["-DSUITE_STACKS=1", *includes])
    return Built(exe, tuple(taken), tuple(refused), tuple(stack.name for stack in found if stack.find("numa")),
                 tuple(stack.name for stack in found if Path(stack.spec).is_relative_to(SUITE)))


def catch2(platform: Platform, wanted: tuple[str, ...]) -> list[Path]:
    """The C++ tests of these examples, by the project's own build; after `stacks`, which generates them."""
    folder = platform.folder / "catch2"
    cc, cxx = platform.words(platform.cc), platform.words(platform.cxx)
    name = {"linux": "Linux", "windows": "Windows"}[TARGETS[platform.target].runtime]
    system = [] if platform.here else [f"-DCMAKE_SYSTEM_NAME={name}", f"-DCMAKE_SYSTEM_PROCESSOR={cc[0].split('-')[0]}"]
    generated = platform.folder / "generated"
    made_from = {Path(json.loads((generated / stack / "manifest.json").read_text(encoding="utf-8"))["spec"]).stem
                 for stack in wanted}
    run(["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *system, "-DCMAKE_BUILD_TYPE=None",
         f"-DCMAKE_C_COMPILER={shutil.which(cc[0])}", f"-DCMAKE_CXX_COMPILER={shutil.which(cxx[0])}",
         f"-DCMAKE_C_FLAGS={' '.join(['-O1', *cc[1:]])}", f"-DCMAKE_CXX_FLAGS={' '.join(['-O0', '-g0', *cxx[1:]])}",
         "-DCMAKE_EXE_LINKER_FLAGS=-static", "-DLAMINA_TEST_PARTS=generated;harness", "-DLAMINA_SPEC_MODE=COMMITTED",
         f"-DLAMINA_GENERATED_DIR={generated}", f"-DLAMINA_TEST_SPECS={';'.join(sorted(made_from))}", "-DLAMINA_VALGRIND=",
         "-DLAMINA_CATCH2_INCLUDE_DIR=/usr/include", "-DCMAKE_CROSSCOMPILING=ON" if not platform.here else "-Wno-dev"],
        ROOT, "the C++ tests can't be configured")
    names = subprocess.run(["ninja", "-C", str(folder), "-t", "targets", "all"], capture_output=True, text=True).stdout
    programs = {name: next((path for path in re.findall(r"^(\S+_tests(?:\.exe)?): CXX_EXECUTABLE", names, re.M)
                            if re.search(rf"(^|[/_]){name}_tests(\.exe)?$", path)), None) for name in wanted}
    if None in programs.values():
        raise Broken("the build has no C++ tests of " + ", ".join(name for name, path in programs.items() if not path))
    run(["cmake", "--build", str(folder), "-j", str(JOBS), "--target", *{Path(str(p)).stem for p in programs.values()}], ROOT,
        "the C++ tests do not compile")
    return [folder / str(path) for path in programs.values()]


def harness(platform: Platform) -> Path:
    """The tests of the C++ tests' own harness; after `catch2`, in whose build they are."""
    folder = platform.folder / "catch2"
    run(["cmake", "--build", str(folder), "-j", str(JOBS), "--target", "lamina_test_harness"], ROOT, "the harness's tests do not compile")
    return folder / "tests/harness/lamina_test_harness.exe"
