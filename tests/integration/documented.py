"""What docs/comparison.md says of instructions, and with what they were counted."""

from __future__ import annotations

import re
import sys
from typing import Any, Tuple

import tree

sys.path.insert(0, str(tree.ROOT / "generator"))

from lamina.comparing import machine  # noqa: E402
from lamina.comparing.patterns import PATTERNS  # noqa: E402

PAGE = (tree.ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
#: The columns of the page's table.
COLUMNS = (("twin", False), ("twin", True), ("floor", False), ("floor", True))
#: What a ratio may differ by: the page has three digits. How two threads take turns is the kernel's doing, which their counts show.
ROUNDED, OF_THREADS = 0.0015, 0.05
THREADED = {pattern.name for pattern in PATTERNS if pattern.threads > 1}
NAMES = {pattern.title: pattern.name for pattern in PATTERNS}

#: Stack, pattern, to what, whether touched.
Key = Tuple[str, str, str, bool]


def documented(page: str) -> dict[Key, float]:
    """The ratios of the table of bounds."""
    out = {}
    for stack, title, *cells in re.findall(r"^\| `(\w+)` \| ([^|]+) \|" + r" (?:\*\*)?([\d.]+|–)(?:\*\* \(broken\))? \|" * 4 + "$", page, re.M):
        for (to, touch), cell in zip(COLUMNS, cells):
            if cell != "–":
                out[stack, NAMES[title], to, touch] = float(cell)
    return out


def counted(document: dict[str, Any]) -> dict[Key, float]:
    """The same of a result."""
    return {(b["stack"], b["pattern"], "floor" if "floor" in b["bound"] else "twin", b["touch"]): b["value"]
            for b in document["bounds"] if b["stack"]}


def differences(page: dict[Key, float], now: dict[Key, float]) -> list[str]:
    """Where the page says something else, for the stacks that were counted now. It may differ by little."""
    stacks = {key[0] for key in now}
    keys = sorted({key for key in page if key[0] in stacks} | set(now))
    return [f"{', '.join(map(str, key))}: the page has {page.get(key)}, counted are {now.get(key)}" for key in keys
            if key not in page or key not in now or abs(page[key] - now[key]) > (OF_THREADS if key[1] in THREADED else ROUNDED)]


def built_with(page: str) -> tuple[str, str, str]:
    """Compiler with its flags, C library and processor family that a page names."""
    compiler = re.search(r"^\| compiler \| (.+) \|$", page, re.M)
    system = re.search(r"^\| operating system \| .*, ([^,|]+) \|$", page, re.M)
    family = re.search(r"^\| processor \| .*\((\w+)\)", page, re.M)
    assert compiler and system and family, "docs/comparison.md does not name its compiler, C library and processor"
    return compiler.group(1), system.group(1), family.group(1)


def built_here() -> tuple[str, str, str]:
    facts = machine.facts(["gcc"], ["-std=c11", "-O2", "-DNDEBUG"], {})
    compiler = facts["compiler"]
    return f"{compiler['version']}: {compiler['command']} {compiler['flags']}", facts["libc"], facts["architecture"]
