"""Reads the text of a spec or of a module that it requires."""

from __future__ import annotations

import os
import re
import stat

from ..diagnostics import Diagnostics
from ..tree import Span

SIZE_LIMIT = 1 << 20


def read_source(path: str, diags: Diagnostics, root: str | None = None, report: bool = True) -> str | None:
    """The text of ``path`` with plain newlines and without a byte order mark, or None after a diagnostic.

    ``diags`` remembers the text for its excerpts.  ``root`` is the folder that a relative path starts from, in
    place of the current one.  Without ``report``, a file that can't be read is not an error.
    """
    reason = None
    data = b""
    try:
        # Without waiting: a named pipe in a spec's place must not hang the compiler.
        handle = os.open(os.path.join(root, path) if root else path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                reason = "it is not a file"
            elif status.st_size > SIZE_LIMIT:
                reason = f"it is larger than {SIZE_LIMIT >> 20} MiB"
            else:
                data = stream.read(SIZE_LIMIT + 1)
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError:
        reason = "its name holds a zero byte"
    if reason is not None:
        if report:
            diags.error("LAM001", None, f"can't read '{path}': {reason}")
        return None
    text = _decode(data)
    if isinstance(text, int):
        if report:
            diags.error("LAM001", Span(path, text), f"'{path}' is not UTF-8 text")
        return None
    diags.add_source(path, text)
    return text


def _decode(data: bytes) -> str | int:
    """The text, or the number of the line that is not UTF-8."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return data.count(b"\n", 0, error.start) + 1
    return re.sub("\r\n?|\n\r?", "\n", text)
