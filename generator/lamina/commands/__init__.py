"""Commands beside generate and check, one module each; a module's `COMMAND` is its click command."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

import click



def register(group: click.Group) -> None:
    """Adds every module of this package as a command, loaded when it is asked for."""
    names = {module.name.rstrip("_").replace("_", "-"): module.name for module in pkgutil.iter_modules(__path__)}
    original_get, original_list = group.get_command, group.list_commands

    def get_command(ctx: click.Context, name: str) -> Any:
        if name in names:
            return importlib.import_module(f"{__name__}.{names[name]}").COMMAND
        return original_get(ctx, name)

    def list_commands(ctx: click.Context) -> list[str]:
        return sorted([*original_list(ctx), *names])

    group.get_command = get_command  # type: ignore[method-assign]
    group.list_commands = list_commands  # type: ignore[method-assign]
