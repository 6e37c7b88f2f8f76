"""lamina explain: the long story of a diagnostic code, or all about a layer."""

from __future__ import annotations

import re
from typing import Any

import click

from .. import describe, registry
from ..diagnostics import closest


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from click.shell_completion import CompletionItem

    codes = [CompletionItem(code.id, help=code.title) for code in registry.all_codes().values()]
    layers = [CompletionItem(layer.name, help=layer.brief) for layer in registry.layers().values()]
    return [item for item in codes + layers if item.value.lower().startswith(incomplete.lower())]


@click.command("explain", short_help="tell all about a code or a layer")
@click.argument("what", metavar="CODE|LAYER", nargs=-1, required=True, shell_complete=_complete)
def COMMAND(what: tuple[str, ...]) -> None:
    """Tell the long story of a diagnostic code (LAM014) or of a layer (slab)."""
    click.echo("\n\n".join(_one(word).rstrip() for word in what))


def _one(word: str) -> str:
    codes, layers = registry.all_codes(), registry.layers()
    number = re.fullmatch(r"(?:lam)?([0-9]{1,3})", word.lower())
    if number and (code := codes.get(f"LAM{int(number[1]):03}")):
        return describe.code(code)
    name = word.removeprefix("lamina.").lower()
    if name in layers:
        return describe.layer(layers[name])
    if number or word.upper().startswith("LAM0"):
        raise click.UsageError(f"there is no code '{word}': they go from {min(codes)} to {max(codes)}, with gaps")
    meant = closest(name, layers)
    hint = f"did you mean '{meant}'?" if meant else "lamina list-layers shows the layers"
    raise click.UsageError(f"there is no code or layer '{word}': {hint}")
