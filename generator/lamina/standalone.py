"""The runtime files that a stack needs, to lie beside its output."""

from __future__ import annotations

import re

from . import paths

#: Header to the sources that it needs, by platform; runtime/README.md says the same to people.
SOURCES = {
    "core.h": ("src/status.c", "platform/{p}/error.c"),
    "report.h": ("src/report_line.c", "platform/{p}/report.c"),
    "os.h": ("platform/{p}/os.c",),
    "numa.h": ("platform/{p}/numa.c", "platform/{p}/os.c"),
    "random.h": ("platform/{p}/random.c",),
    "thread.h": ("platform/{p}/thread.c",),
}


def runtime_files(texts: list[str], platform: str) -> dict[str, bytes]:
    """The headers that the texts include, what those include, and the sources behind them."""
    root = paths.runtime_dir()
    headers: set[str] = set()
    wanted = {name for text in texts for name in re.findall(r'#include "lamina/([\w.]+)"', text)} | {"core.h"}
    out: dict[str, bytes] = {}
    while wanted:
        name = wanted.pop()
        headers.add(name)
        text = (root / "include" / "lamina" / name).read_text(encoding="utf-8")
        out[f"lamina/{name}"] = text.encode()
        wanted |= set(re.findall(r'#include "([\w]+\.h)"', text)) - headers
        for source in SOURCES.get(name, ()):
            path = root / source.format(p=platform)
            if not path.is_file():
                continue
            content = path.read_text(encoding="utf-8")
            out[f"lamina_{path.name}"] = content.encode()
            wanted |= set(re.findall(r'#include "lamina/([\w.]+)"', content)) - headers
            for own in re.findall(r'#include "(\w+\.h)"', content):
                if (path.parent / own).is_file():
                    private = (path.parent / own).read_text(encoding="utf-8")
                    out[own] = private.encode()
                    wanted |= set(re.findall(r'#include "lamina/([\w.]+)"', private)) - headers
    return out
