"""How programs are run: directly or under an emulator, under wine, on a machine that is booted for it, or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from . import build
from .expected import REFUSED, expectations
from .machine import boot
from .platforms import Platform
from .results import Result

SUITE_SECONDS, CATCH2_SECONDS = 240, 900


def said(command: list[str], seconds: int, environment: dict[str, str] | None = None) -> tuple[str, int]:
    """A program's output and status. It goes to a file, because a pipe would wait for whoever inherited it."""
    with tempfile.TemporaryFile() as out:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=seconds,
                                    env={**os.environ, **(environment or {})}).returncode
        except subprocess.TimeoutExpired:
            status = 124
        out.seek(0)
        return out.read().decode("utf-8", "replace"), status


def in_cpp(platform: Platform, result: Result, built: build.Built, before: list[str], environment: dict[str, str]) -> None:
    """The examples' C++ tests, each program behind these words."""
    policies = expectations(platform)["memory policies of a range"]
    wanted = tuple(name for name in built.examples if policies.how != REFUSED or name not in built.placed)
    result.skipped += [f"stacks: {name}, in C++ | {policies.why}" for name in built.examples if name not in wanted]
    programs = build.catch2(platform, wanted)
    with ThreadPoolExecutor(build.JOBS) as pool:
        done = pool.map(lambda program: said([*before, str(program)], CATCH2_SECONDS, environment), programs)
        for program, (text, status) in zip(programs, done):
            result.take_catch2(program.name.removesuffix(".exe").removesuffix("_tests"), text, status)


def direct(platform: Platform, result: Result, quick: bool) -> None:
    emulator = platform.words(platform.emulator)
    text, status = said([*emulator, str(build.suite(platform).exe)], SUITE_SECONDS)
    result.take(text, status, "the suite")
    built = build.stacks(platform)
    text, status = said([*emulator, str(built.exe)], SUITE_SECONDS)
    result.take(text, status, "the stacks' tests in C")
    result.stacks, result.refused = list(built.stacks), list(built.refused)
    if platform.catch2 and not quick:
        # Under an emulator signals, not time, tell that something hangs; a tenth of the steps is long enough there.
        in_cpp(platform, result, built, emulator, {"LAMINA_TEST_STEPS": "160", "LAMINA_TEST_SEED": "1"} if emulator else {})


@contextmanager
def wine_session(folder: Path) -> Iterator[dict[str, str]]:
    """Wine's services, started apart, so that they don't hold on to anybody's output."""
    environment = {"WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all"}
    server = shutil.which("wineserver") or "/usr/lib/wine/wineserver64"
    (folder / "wine").mkdir(parents=True, exist_ok=True)
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([server, "-p"], env={**os.environ, **environment}, start_new_session=True, timeout=60, **quiet)
    try:
        subprocess.run(["/usr/lib/wine/wine64", "wineboot"], env={**os.environ, **environment}, timeout=300, **quiet)
        yield environment
    finally:
        subprocess.run([server, "-k"], env={**os.environ, **environment}, timeout=60, **quiet)


def wine(platform: Platform, result: Result, quick: bool) -> None:
    with wine_session(platform.folder) as environment:
        for make, what in ((build.suite, "the suite"), (build.stacks, "the stacks' tests in C")):
            built = make(platform)
            text, status = said(["/usr/lib/wine/wine64", str(built.exe)], SUITE_SECONDS, environment)
            result.take(text, status, what)
            result.stacks, result.refused = list(built.stacks), list(built.refused)
        if platform.catch2 and not quick:
            in_cpp(platform, result, built, ["/usr/lib/wine/wine64"], environment)
            # How a child's end is told, and memory, the harness has written anew for Windows.
            text, status = said(["/usr/lib/wine/wine64", str(build.harness(platform)), "[system]"], CATCH2_SECONDS, environment)
            if status != 0 or "All tests passed" not in text:
                result.failed.append(f"the harness: status {status}: " + "\n      ".join(text.splitlines()[-25:]))


def link(platform: Platform, result: Result, quick: bool) -> None:
    """Nothing here can run it: that it compiles and links is all that is shown."""
    build.suite(platform)
    built = build.stacks(platform)
    result.stacks, result.refused = list(built.stacks), list(built.refused)
    result.state = "built"


WAYS: dict[str, Callable[[Platform, Result, bool], None]] = {"run": direct, "wine": wine, "link": link, "machine": boot}
