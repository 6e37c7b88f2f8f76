"""The runtime's files: which a platform has, and which a stack needs to lie beside its output."""

from __future__ import annotations

import re
from pathlib import Path

from . import paths

#: The folders below runtime/platform that a platform is made of, its own first.
FOLDERS = {
    "linux": ("linux", "posix", "hosted"),
    "macos": ("macos", "posix", "hosted"),
    "windows": ("windows", "hosted"),
    "freestanding": ("freestanding",),
}

#: Header to the sources that it needs, where the platform has them; runtime/README.md says the same to people.
SOURCES = {
    "core.h": ("status.c", "error.c"),
    "report.h": ("report_line.c", "report.c"),
    "os.h": ("os.c", "posix_os.c"),
    "commit.h": ("commit.c",),
    "secret.h": ("secret.c", "lock.c"),
    "numa.h": ("numa.c", "numa_distance.c"),
    "random.h": ("random.c",),
    "thread.h": ("thread.c", "posix_thread.c"),
    "hooks.h": ("hooks.c", "thread_end.c"),
}

#: Sources of the testing library alone.
TESTING = ("os_table.c", "fault_injector.c")


def platform_folders(platform: str) -> list[Path]:
    """Where a platform's sources and private headers lie, its own folder first."""
    return [paths.runtime_dir() / "platform" / name for name in FOLDERS[platform]]


def platform_sources(platform: str, *, testing: bool = False) -> list[Path]:
    """All sources of the runtime for a platform; with the table of calls for the testing library."""
    folders = [paths.runtime_dir() / "src", *platform_folders(platform)]
    return sorted(path for folder in folders for path in folder.glob("*.c") if testing or path.name not in TESTING)


def runtime_files(texts: list[str], platform: str) -> dict[str, bytes]:
    """The headers that the texts include, what those include, and the sources behind them."""
    root = paths.runtime_dir()
    folders = [root / "src", *platform_folders(platform)]
    out: dict[str, bytes] = {}

    def add_header(name: str) -> None:
        """A public header, those it includes, and the sources behind it."""
        if f"lamina/{name}" not in out:
            text = (root / "include" / "lamina" / name).read_text(encoding="utf-8")
            out[f"lamina/{name}"] = text.encode()
            for other in re.findall(r'#include "(\w+\.h)"', text):
                add_header(other)
            for source in SOURCES.get(name, ()):
                add_private(source)

    def add_private(name: str) -> None:
        """A source or a private header, and what it includes; nothing where the platform has none of that name."""
        place = next((folder / name for folder in folders if (folder / name).is_file()), None)
        target = f"lamina_{name}" if name.endswith(".c") else name
        if place is not None and target not in out:
            text = place.read_text(encoding="utf-8")
            out[target] = text.encode()
            for header in re.findall(r'#include "lamina/([\w.]+)"', text):
                if header != "os_table.h":  # for tests of the runtime itself
                    add_header(header)
            for own in re.findall(r'#include "(\w+\.h)"', text):
                add_private(own)

    add_header("core.h")
    for text in texts:
        for name in re.findall(r'#include "lamina/([\w.]+)"', text):
            add_header(name)
    return out
