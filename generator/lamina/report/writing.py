"""The options that name documents, and writing them: all are made before the first is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from .. import charts
from ..cli import ENVIRONMENT, SPEC_WRONG, Failed
from . import documents, view
from .result import reading


def options(command: Any) -> Any:
    """Options of every command that writes a comparison for readers."""
    for option in (
        click.option("--html", "html_path", metavar="FILE", help="Write a page with charts, which needs no other file."),
        click.option("--markdown", "markdown_path", metavar="FILE", help="Write the tables as Markdown."),
        click.option("--picture", "picture_path", metavar="FILE", help="Write the picture of all stacks' instructions as SVG."),
    ):
        command = option(command)
    return command


def require(html_path: str | None, picture_path: str | None) -> None:
    """What drawing needs is missed before anything is measured."""
    if html_path or picture_path:
        charts.Chart("", "")


def put(path: str, text: str) -> None:
    """To a file, which is there whole or not at all."""
    target = Path(path)
    staged = ""
    try:
        handle, staged = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(staged, 0o644)
        os.replace(staged, target)
    except OSError as wrong:
        if staged and os.path.exists(staged):
            os.unlink(staged)
        raise Failed(ENVIRONMENT, f"{path} can't be written: {wrong.strerror}") from None


def write(source: str, document: dict[str, Any], html_path: str | None, markdown_path: str | None, picture_path: str | None) -> None:
    """Writes those documents that have a path. `source` names the result in messages."""
    reading(source, view.document, document)
    made = [(path, make(document)) for path, make in (
        (html_path, documents.html), (markdown_path, documents.markdown), (picture_path, documents.picture)) if path]
    for path, text in made:
        if not text:
            raise Failed(SPEC_WRONG, f"{source}: no instructions were counted, so there is no picture of them")
    for path, text in made:
        put(str(path), text)
