"""lamina reference: what in docs/ is derived from the layers, the codes and the commands."""

from __future__ import annotations

import os

import click

from ..describe import diagnostics, spec_reference
from .man import page as manual
from .schema import text as schema

PAGES = {"spec-reference.md": spec_reference, "diagnostics.md": diagnostics, "spec.schema.json": schema,
         "lamina.1": manual}


@click.command("reference", hidden=True)
@click.option("-o", "--output", "folder", default="docs", show_default=True, type=click.Path(file_okay=False),
              help="Folder of the pages.")
@click.option("--stdout", "name", type=click.Choice(list(PAGES)), help="Print one page in place of writing them.")
def COMMAND(folder: str, name: str | None) -> None:
    """Write the reference of specs, the list of codes, the JSON Schema and the manual page."""
    if name:
        click.echo(PAGES[name](), nl=False)
        return
    os.makedirs(folder, exist_ok=True)
    for page, text in PAGES.items():
        with open(os.path.join(folder, page), "w", encoding="utf-8") as stream:
            stream.write(text())
