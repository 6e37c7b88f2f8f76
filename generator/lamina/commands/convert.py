"""lamina convert: a Lua spec as YAML, a YAML spec as Lua."""

from __future__ import annotations

import os

import click

from ..cli import ENVIRONMENT, SPEC_WRONG, Failed, SpecPath, tell
from ..diagnostics import Diagnostics

LANGUAGES = {"lua": ".lua", "yaml": ".yaml"}


@click.command("convert", short_help="write a spec in the other language")
@click.argument("spec", type=SpecPath())
@click.argument("output", required=False, type=click.Path(dir_okay=False))
@click.option("--to", "language", type=click.Choice(list(LANGUAGES)), help="The language; by default OUTPUT's suffix says "
              "it, and without OUTPUT it is the one that SPEC is not in.")
@click.option("--force", is_flag=True, help="Write over OUTPUT if it is there.")
@click.option("-I", "--include", multiple=True, metavar="DIR", help="A folder that require may load Lua files from.")
@click.option("--diagnostics", type=click.Choice(["text", "json"]), default="text", help="How problems are told.")
def COMMAND(spec: str, output: str | None, language: str | None, force: bool, include: tuple[str, ...],
            diagnostics: str) -> None:
    """Write SPEC in the other language, to OUTPUT or to stdout.

    What is written reads back as the same stacks. Loops, functions and anchors are written out, comments are lost.
    """
    from ..convert import WRITERS
    from ..load import load_spec

    suffix = LANGUAGES[language] if language else os.path.splitext(output)[1].lower() if output else \
        ".yaml" if spec.lower().endswith(".lua") else ".lua"
    if suffix not in WRITERS:
        raise click.UsageError(f"the suffix of '{output}' says no language: it ends in .lua, .yaml or .yml, or --to says it")
    diags = Diagnostics()
    document = load_spec(spec, include, diags)
    tell(diags, diagnostics)
    if document is None:
        raise Failed(SPEC_WRONG)
    text = WRITERS[suffix](document)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with open(output, "w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise Failed(ENVIRONMENT, f"{output} is there already; --force writes over it") from None
