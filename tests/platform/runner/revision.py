"""Of what a result is true: digests over the runtime and the suite, and over the example stacks as they are emitted.

Comments and blanks of C don't count: what is only said differently does nothing else. The page carries both, so that a page
that is older than what it tells of shows.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Iterable

from .expected import source
from .platforms import HERE, ROOT, platforms

_SKIPPED = re.compile(r'("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\')|/\*.*?\*/|//[^\n]*', re.S)


def essence(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".c", ".h", ".hpp", ".cpp"):
        text = _SKIPPED.sub(lambda found: found.group(1) or " ", text)
        lines = text.splitlines()
        # Of code the blanks are nothing, but a line of the preprocessor's ends where it ends.
        return "\n".join(" ".join(line.split()) for line in lines if line.strip())
    return text


def _digest(paths: Iterable[Path], root: Path, more: str = "") -> str:
    sum_of_all = hashlib.sha256(more.encode())
    for path in sorted(paths):
        sum_of_all.update(f"{path.relative_to(root)}\0{essence(path)}\0".encode())
    return sum_of_all.hexdigest()[:16]


def _files(folder: Path, *endings: str) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in endings and path.is_file()]


def glue(root: Path = ROOT) -> str:
    """The runtime, the harness, and what tests/platform does with them and expects, but not how the page is written."""
    suite = root / HERE.relative_to(ROOT)
    mine = [path for path in _files(suite, ".c", ".h", ".lua", ".ld", ".yaml", ".py") if path.name not in ("page.py", "__main__.py")]
    runtime = root / "runtime"
    return _digest([*mine, *_files(runtime / "platform", ".c", ".h"), *_files(runtime / "src", ".c", ".h"),
                    *_files(runtime / "include", ".h"), *_files(runtime / "testing", ".h", ".hpp")], root,
                   "".join(map(source, platforms())))


def stacks(root: Path = ROOT) -> str:
    """The example stacks. Each target's are emitted anew; those that are kept stand for them, as they come from the same
    specs and the same generator."""
    return _digest(_files(root / "generated", ".c", ".h", ".cpp"), root)
