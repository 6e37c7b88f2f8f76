"""The options that name documents, and writing them: all are made before the first is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Sequence

import click

from .. import charts
from ..cli import ENVIRONMENT, SPEC_WRONG, Failed
from . import documents, replay_view, view
from .result import REPLAY, load, reading


def options(command: Any) -> Any:
    """Options of every command that writes a comparison for readers."""
    for option in (
        click.option("--html", "html_path", metavar="FILE", help="Write a page with charts, which needs no other file."),
        click.option("--markdown", "markdown_path", metavar="FILE", help="Write the tables as Markdown."),
        click.option("--replay", "replay_paths", multiple=True, metavar="RESULT", help="Show this result of `lamina replay --json` as well; "
                     "may be repeated."),
        click.option("--picture", "picture_path", metavar="FILE", help="Write the picture of all stacks' instructions as SVG."),
    ):
        command = option(command)
    return command


def _special(path: str) -> bool:
    """It is there and no file, such as /dev/null: it is written to as it is, and never replaced."""
    return os.path.exists(path) and not os.path.isfile(path)


def place(option: str, path: str | None) -> None:
    """A place that can't be written to is missed before anything is measured."""
    if path is None:
        return
    if not path:
        raise click.UsageError(f"{option}: it names no file")
    if os.path.isdir(path):
        raise Failed(ENVIRONMENT, f"{option} {path}: it is a folder, where a file is to be written")
    written = path if _special(path) else os.path.dirname(os.path.realpath(path) if os.path.islink(path) else path) or "."
    if not os.access(written, os.W_OK):
        raise Failed(ENVIRONMENT, f"{option} {path}: nothing can be written to {written}")


def require(html_path: str | None, picture_path: str | None, markdown_path: str | None = None) -> None:
    """What drawing needs, and places to write to, are missed before anything is measured."""
    for option, path in (("--html", html_path), ("--picture", picture_path), ("--markdown", markdown_path)):
        place(option, path)
    if html_path or picture_path:
        charts.Chart("", "")


def put(path: str, text: str) -> None:
    """To a file, which is there whole or not at all."""
    staged = ""
    try:
        if _special(path):
            with open(path, "w", encoding="utf-8", errors="replace") as stream:
                stream.write(text)
            return
        target = Path(os.path.realpath(path))
        handle, staged = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
        os.chmod(staged, 0o644)
        os.replace(staged, target)
        staged = ""
    except OSError as wrong:
        raise Failed(ENVIRONMENT, f"{path} can't be written: {wrong.strerror}") from None
    finally:
        if staged:
            os.unlink(staged)


def replays(paths: Sequence[str]) -> list[dict[str, Any]]:
    """The results of replays, once they are known to be whole."""
    found = [(path, load(Path(path), REPLAY)) for path in paths]
    for path, document in found:
        reading(path, replay_view.document, document, REPLAY)
    return [document for _, document in found]


def write(source: str, document: dict[str, Any], html_path: str | None, markdown_path: str | None, picture_path: str | None,
          shown: Sequence[dict[str, Any]] = ()) -> None:
    """Writes those documents that have a path. `source` names the result in messages; `shown` are replays."""
    reading(source, view.document, document)
    made = [(html_path, documents.html(document, shown) if html_path else ""),
            (markdown_path, documents.markdown(document, shown) if markdown_path else ""),
            (picture_path, documents.picture(document) if picture_path else "")]
    if picture_path and not made[2][1]:
        raise Failed(SPEC_WRONG, f"{source}: no instructions were counted, so there is no picture of them")
    for path, text in made:
        if path:
            put(path, text)
