"""The first stage: a spec file becomes the neutral tree of ``lamina.tree``.

The loaders know the two languages and nothing of layers: a name that no layer has gives a tagged map as well as
any other, and a later stage says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..diagnostics import Diagnostics
from ..tree import Document

SUFFIXES = (".lua", ".yaml", ".yml")


def load_spec(path: str, include: Sequence[str], diags: Diagnostics, root: str | None = None) -> Document | None:
    """Read one spec; None after errors, which ``diags`` then holds.

    ``include`` are folders that Lua's ``require`` searches after the spec's own.  ``root`` is where relative paths
    start from, in place of the current folder; spans keep the paths as they were given.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".lua":
        from .lua import load_lua

        return load_lua(path, include, diags, root)
    if suffix in (".yaml", ".yml"):
        from .yaml_ import load_yaml

        return load_yaml(path, diags, root)
    diags.error("LAM002", None, f"'{path}' is neither Lua nor YAML", help="a spec's name ends in .lua, .yaml or .yml")
    return None
