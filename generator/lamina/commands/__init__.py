"""Commands beside generate and check, one module each; a module's `COMMAND` is its click command."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click

from ..diagnostics import closest


def _modules() -> dict[str, str]:
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return {name.rstrip("_").replace("_", "-"): name for name in found if not name.startswith("_")}


class Group(click.Group):
    """The commands of `cli` and of this package, whose modules are loaded when they are asked for."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        modules = _modules()
        if name in modules:
            return importlib.import_module(f"{__name__}.{modules[name]}").COMMAND
        return super().get_command(ctx, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_modules()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            known = [name for name in self.list_commands(ctx) if not getattr(self.get_command(ctx, name), "hidden", True)]
            meant = closest(args[0], known)
            hint = f"did you mean '{meant}'?" if meant else "it has " + ", ".join(known)
            raise click.UsageError(f"there is no command '{args[0]}': {hint}", ctx)
        return super().resolve_command(ctx, args)
