"""Results of `lamina compare` and `lamina replay` from their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, TypeVar

from ..cli import ENVIRONMENT, SPEC_WRONG, Failed

#: What each command calls its result, and the version that is read here.
COMPARE, REPLAY = ("lamina compare", "lamina-compare", 1), ("lamina replay", "lamina-replay", 1)
Made = TypeVar("Made")


def load(path: Path, kind: tuple[str, str, int] = COMPARE) -> dict[str, Any]:
    """The document. What is no result of this command, or one of another version, is told with the file's name."""
    command, name, version = kind
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise Failed(ENVIRONMENT, f"{path}: {wrong.strerror}") from None
    except (ValueError, RecursionError) as wrong:
        place = f", line {wrong.lineno}" if isinstance(wrong, json.JSONDecodeError) else ""
        raise Failed(SPEC_WRONG, f"{path}{place}: this is no JSON, or it is cut off; {command} --json writes one") from None
    if not isinstance(document, dict) or document.get("format") != name:
        raise Failed(SPEC_WRONG, f"{path}: this is no result of {command}: its \"format\" is not \"{name}\"")
    if document.get("version") != version:
        raise Failed(SPEC_WRONG, f"{path}: a result of version {document.get('version')}; this Lamina reads version {version}: measure "
                     "again")
    return document


def reading(path: str, make: Callable[[dict[str, Any]], Made], document: dict[str, Any], kind: tuple[str, str, int] = COMPARE) -> Made:
    """What `make` makes of the document; a field that is missing or of another kind is an error of the file."""
    try:
        return make(document)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, StopIteration) as wrong:
        what = f"it has no {wrong}" if isinstance(wrong, KeyError) else str(wrong) or type(wrong).__name__
        raise Failed(SPEC_WRONG, f"{path}: this is no whole result of {kind[0]}: {what}") from wrong
