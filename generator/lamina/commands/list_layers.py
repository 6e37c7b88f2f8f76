"""lamina list-layers: what a stack can be made of."""

from __future__ import annotations

import click

from .. import describe, registry
from ..descriptor import Role


@click.command("list-layers", short_help="list the layers by role")
@click.option("--role", type=click.Choice([role.value for role in Role]), help="Only the layers of this role.")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known of each layer, for programs.")
def COMMAND(role: str | None, as_json: bool) -> None:
    """List the layers by role, from the memory up."""
    layers = [layer for layer in describe.by_role(registry.layers().values()) if role in (None, layer.role.value)]
    if as_json:
        import json

        click.echo(json.dumps([describe.facts(layer) for layer in layers], indent=2))
        return
    width = max(len(layer.name) for layer in layers)
    heading = None
    for layer in layers:
        if layer.role is not heading:
            click.echo(("" if heading is None else "\n") + f"{layer.role.value}: {describe.ROLES[layer.role]}")
            heading = layer.role
        click.echo(f"  {layer.name:{width}}  {layer.brief}")
