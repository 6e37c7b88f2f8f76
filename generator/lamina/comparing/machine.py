"""On what it was measured: processor, system, tools and their versions."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any, Sequence

from ..toolchain import ask


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _first(pattern: str, text: str, otherwise: str = "") -> str:
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else otherwise


def version(command: Sequence[str]) -> str:
    """The first line that a tool says about itself, or nothing."""
    return next(iter(ask([*command, "--version"], also_stderr=True).splitlines()), "").strip()


def facts(cc: Sequence[str], cflags: Sequence[str], tools: dict[str, str]) -> dict[str, Any]:
    """What has to be said beside numbers so that another may repeat them. No name of the machine is in it."""
    processor, memory = _read("/proc/cpuinfo"), _read("/proc/meminfo")
    governor = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip()
    return {
        "processor": _first(r"^model name\s*: (.+)$", processor, platform.machine()),
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "virtual": "hypervisor" in _first(r"^flags\s*: (.+)$", processor),
        "governor": governor or None,
        "memory_bytes": int(_first(r"^MemTotal:\s*(\d+) kB$", memory, "0")) * 1024,
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "kernel": f"{platform.system()} {platform.release()}",
        "os": _first(r'^PRETTY_NAME="?([^"\n]+)"?$', _read("/etc/os-release"), platform.system()),
        "libc": " ".join(platform.libc_ver()),
        "transparent_huge_pages": _first(r"\[(\w+)\]", _read("/sys/kernel/mm/transparent_hugepage/enabled")) or None,
        "compiler": {"command": " ".join(cc), "version": version(cc[:1]), "flags": " ".join(cflags)},
        "tools": {name: version([path]) for name, path in tools.items()},
    }
