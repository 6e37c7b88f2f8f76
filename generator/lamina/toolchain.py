"""Programs that are compiled, run and counted: what `lamina budget`, `lamina compare` and `lamina replay` have in common."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Mapping, Sequence

from .cli import ENVIRONMENT, Failed


#: What would put another malloc in the place of the one that is named, or another configuration in that of its default.
INHERITED = re.compile(r"LD_PRELOAD|LD_AUDIT|GLIBC_TUNABLES|JE_MALLOC_CONF|(MALLOC|MIMALLOC|TCMALLOC)_.*")


def environment(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a measured program: the caller's without what chooses or sets up an allocator, and its own."""
    return {**{name: value for name, value in os.environ.items() if not INHERITED.fullmatch(name)}, **(own or {})}


def tool(name: str, package: str) -> str:
    """Where a program is. One that is missing is named with the package that brings it."""
    found = shutil.which(name)
    if found is None:
        raise Failed(ENVIRONMENT, f"{name} is missing; on Debian: apt-get install {package}")
    return found


def run(command: Sequence[str], cwd: Path, what: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> str:
    """The program's stdout; what goes wrong is told with the first lines of its stderr."""
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              env=env)
    except subprocess.TimeoutExpired:
        raise Failed(ENVIRONMENT, f"{what} (no end after {timeout:g} s)") from None
    except OSError as wrong:
        raise Failed(ENVIRONMENT, f"{what} ({command[0]} can't be started: {wrong.strerror})") from None
    if done.returncode != 0:
        told = [line for line in done.stderr.splitlines() if not line.startswith("==")][:12]
        raise Failed(ENVIRONMENT, f"{what} (exit status {done.returncode})" + "".join("\n  " + line for line in told))
    return done.stdout


def ask(command: Sequence[str], also_stderr: bool = False) -> str:
    """What a program prints, or nothing where it is missing or fails: for facts that may be unknown."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode != 0 else done.stdout or (done.stderr if also_stderr else "")


def runtime_objects(texts: list[str], platform: str, folder: Path, cc: Sequence[str]) -> list[str]:
    """Writes the runtime that the texts need into `folder`, compiles it there, and answers the objects."""
    from .standalone import runtime_files

    files = runtime_files(texts, platform)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    sources = sorted(name for name in files if name.endswith(".c"))
    run([*cc, "-c", "-I.", *sources], folder, "the runtime does not compile")
    return [str(folder / f"{Path(name).stem}.o") for name in sources]


def target(cc: Sequence[str]) -> str:
    """The processor that the compiler makes code for, such as x86_64."""
    return run([cc[0], "-dumpmachine"], Path.cwd(), f"{cc[0]} does not tell its target").split("-")[0].strip()


def counted(path: Path, end: str, what: str, parts: int) -> list[dict[str, int]]:
    """The counts of a file of callgrind's, which must have this many parts that `end` ended."""
    if not path.is_file():
        raise Failed(ENVIRONMENT, f"{what}: valgrind ended, but callgrind wrote no counts")
    found = counts(path.read_text(encoding="utf-8", errors="replace"), end)
    if len(found) != parts:
        raise Failed(ENVIRONMENT, f"{what}: valgrind's callgrind dumped {len(found)} part{'s' if len(found) != 1 else ''} where {parts} "
                     f"{'were' if parts != 1 else 'was'} to be")
    return found


def counts(text: str, end: str) -> list[dict[str, int]]:
    """Events before each call of the function `end`, from a file of callgrind's. Its "totals" would not do: there, a call
    that was still open when the counter was zeroed counts again."""
    out = []
    for part in re.split(r"^part: ", text, flags=re.M)[1:]:
        if f"--dump-before={end}\n" in part:
            names = re.search(r"^events: (.+)$", part, re.M).group(1).split()
            for line in re.findall(r"^summary: (.+)$", part, re.M):
                values = [int(word) for word in line.split()]  # zeros at the end are left out
                out.append(dict(zip(names, values + [0] * (len(names) - len(values)))))
    return out
