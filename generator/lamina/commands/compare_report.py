"""lamina compare-report: the result of a comparison as a page, as Markdown, as a picture."""

from __future__ import annotations

from pathlib import Path

import click

from ..report import writing
from ..report.result import load


@click.command("compare-report", short_help="a comparison's result as page, Markdown and picture")
@click.argument("result", type=click.Path(path_type=Path))
@writing.options
def COMMAND(result: Path, html_path: str | None, markdown_path: str | None, replay_paths: tuple[str, ...],
            picture_path: str | None) -> None:
    """Write the RESULT of a comparison for readers, without measuring again.

    RESULT is what `lamina compare SPEC --json FILE` wrote.
    """
    if not (html_path or markdown_path or picture_path):
        raise click.UsageError("what is to be written? --html FILE, --markdown FILE or --picture FILE")
    writing.require(html_path, picture_path, markdown_path)
    writing.write(str(result), load(result), html_path, markdown_path, picture_path, writing.replays(replay_paths))
