"""lamina schema: what a YAML spec may say, as a JSON Schema."""

from __future__ import annotations

import json

import click

from ..schema import schema


def text() -> str:
    """The schema as it is committed."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


@click.command("schema", short_help="print the JSON Schema of YAML specs")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write a file in place of stdout.")
def COMMAND(output: str | None) -> None:
    """Print the JSON Schema (draft 2020-12) of YAML specs, for editors.

    It knows keys, types, bounds and choices; what layers make of each other only `lamina check` and `lamina generate`
    can tell.
    """
    if output is None:
        click.echo(text(), nl=False)
    else:
        with open(output, "w", encoding="utf-8") as stream:
            stream.write(text())
