"""The general allocators that a stack is compared with: one entry each, and whatever library the user names."""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Sequence

import click

from ..cli import ENVIRONMENT, Failed
from ..diagnostics import closest
from ..toolchain import ask


@dataclass(frozen=True)
class General:
    """A library with malloc and free in it. Without a library it is the C library's own."""

    name: str
    title: str
    soname: str = ""
    package: str = ""


#: Adding an allocator is adding its line.
ALLOCATORS = (
    General("malloc", "system malloc"),
    General("mimalloc", "mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    General("jemalloc", "jemalloc", "libjemalloc.so.2", "libjemalloc2"),
    General("tcmalloc", "tcmalloc (minimal)", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
)


@dataclass
class Present:
    """An allocator as it is on this machine; `library` is empty for the C library's own, `why` tells of an absent one."""

    general: General
    library: str = ""
    version: str = ""
    why: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def _listed(soname: str) -> str:
    """The library of this name that the loader would take for programs of this machine, or nothing."""
    command = shutil.which("ldconfig") or next((p for p in ("/sbin/ldconfig", "/usr/sbin/ldconfig") if Path(p).exists()), "")
    if not command:
        return ""
    listing = ask([command, "-p"])
    found = re.findall(rf"^\s*{re.escape(soname)} \((.*)\) => (.+)$", listing, re.M)
    wide = [path for kind, path in found if platform.machine() != "x86_64" or "x86-64" in kind]
    return wide[0] if wide else ""


def _version(general: General, library: str) -> str:
    """The package's version where the distribution tells it, else the name of the file behind the links."""
    if not library:
        return " ".join(platform.libc_ver())
    if general.package and shutil.which("dpkg-query"):
        told = ask(["dpkg-query", "-W", "-f", "${Version}", general.package]).strip()
        if told:
            return told
    return Path(library).resolve().name


def _look(general: General) -> Present:
    library = general.soname and _listed(general.soname)
    if general.soname and not library:
        return Present(general, why=f"{general.soname} is not here; on Debian: apt-get install {general.package}")
    return Present(general, library, _version(general, library), environment={"LD_PRELOAD": library} if library else {})


def find(wanted: Sequence[str]) -> list[Present]:
    """The allocators of these names, in the table's order, all where none is named, none for "none". NAME=LIBRARY is
    one of the user's. One that was named must be here."""
    if not wanted:
        return [_look(general) for general in ALLOCATORS]
    if tuple(wanted) == ("none",):
        return []
    names = [general.name for general in ALLOCATORS]
    out = []
    for word in dict.fromkeys(wanted):
        name, given, library = word.partition("=")
        if given:
            if not re.fullmatch(r"[a-z][a-z0-9_-]*", name) or name in (*names, "none", "flat", "generic", "floor", "loop"):
                raise click.UsageError(f"--with {word}: an allocator of your own needs a name of its own")
            if not Path(library).is_file():
                raise Failed(ENVIRONMENT, f"--with {word}: there is no file {library}")
            path = str(Path(library).resolve())
            if any(present.general.name == name for present in out):
                raise click.UsageError(f"--with {word}: {name} names a library already; each needs a name of its own")
            out.append(Present(General(name, name, Path(path).name), path, Path(path).name, environment={"LD_PRELOAD": path}))
            continue
        if name not in names:
            meant = closest(name, names)
            raise click.UsageError(f"--with {name}: there is no such allocator: " +
                                   (f"did you mean '{meant}'?" if meant else f"it may be {', '.join(names)} or NAME=LIBRARY"))
        found = _look(ALLOCATORS[names.index(name)])
        if found.why:
            raise Failed(ENVIRONMENT, f"--with {name}: {found.why}")
        out.append(found)
    return out
