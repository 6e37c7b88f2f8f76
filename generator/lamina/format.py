"""clang-format with the project's own style, over many texts at once."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import paths

CANDIDATES = ("clang-format-14", "clang-format", "clang-format-15", "clang-format-16", "clang-format-13")
#: Formatters that were seen to agree on the style.
AGREE = range(13, 17)


class FormatterMissing(RuntimeError):
    """No usable clang-format."""


@functools.lru_cache(maxsize=1)
def formatter() -> tuple[str, str]:
    """The program and its version."""
    named = os.environ.get("LAMINA_CLANG_FORMAT")
    seen: list[str] = []
    for name in (named,) if named else CANDIDATES:
        program = shutil.which(name)
        if program is None:
            continue
        answer = subprocess.run([program, "--version"], capture_output=True, text=True)
        version = next((w for w in answer.stdout.split() if w[:1].isdigit()), "")
        if answer.returncode == 0 and version and (named or int(version.split(".")[0]) in AGREE):
            return program, version.split("-")[0].split("~")[0]
        seen.append(f"{name} {version}")
    found = f" (found {', '.join(seen)}, which formats differently)" if seen else ""
    raise FormatterMissing(f"clang-format 13 to 16 is needed{found}: install the package clang-format, name one in "
                           "LAMINA_CLANG_FORMAT, or pass --no-format")


@functools.lru_cache(maxsize=1)
def _style() -> str:
    """The style as one argument: every version takes it inline, a path only the newer ones."""
    pairs = []
    nested = ""
    for line in paths.style_file().read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, _, value = line.partition(":")
        if not value.strip():
            nested = key.strip()
            pairs.append(f"{nested}: {{")
        elif line.startswith(" "):
            pairs[-1] += ("" if pairs[-1].endswith("{") else ", ") + f"{key.strip()}: {value.strip()}"
        else:
            pairs.append(f"{key.strip()}: {value.strip()}")
    return "{" + ", ".join(p + "}" if "{" in p else p for p in pairs) + "}"


def format_texts(texts: dict[str, str]) -> dict[str, str]:
    """The same files, formatted; what is no C or C++ stays as it is."""
    program, _ = formatter()
    sources = [name for name in texts if name.endswith((".h", ".c", ".cpp"))]
    if not sources:
        return dict(texts)
    out = dict(texts)
    with tempfile.TemporaryDirectory(prefix="lamina-format-") as folder:
        names = {name: f"{i}{Path(name).suffix}" for i, name in enumerate(sources)}
        for name, short in names.items():
            Path(folder, short).write_text(texts[name], encoding="utf-8")
        shorts = sorted(names.values(), key=lambda s: -Path(folder, s).stat().st_size)
        workers = min(len(shorts), os.cpu_count() or 1)

        def run(batch: list[str]) -> None:
            answer = subprocess.run([program, "-i", f"--style={_style()}", *batch], cwd=folder, capture_output=True, text=True)
            if answer.returncode != 0:
                raise OSError(f"{program} failed: {answer.stderr.strip()}")

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(run, [shorts[i::workers] for i in range(workers)]))
        for name, short in names.items():
            out[name] = Path(folder, short).read_text(encoding="utf-8")
    return out
