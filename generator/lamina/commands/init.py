"""lamina init: a first spec."""

from __future__ import annotations

import os
import re

import click

from ..cli import ENVIRONMENT, Failed

LUA = '''\
-- Layers stand from the memory up; `lamina list-layers` shows what there is, `lamina explain slab` one of them.
local lamina = require "lamina"

return lamina.stack "{name}" {{
  brief = "up to 1,024 objects of 64 bytes",

  lamina.mmap {{}},
  lamina.slab {{ slot = 64, count = 1024 }},
  lamina.poison {{ on_free = 0xDE }},
}}
'''
YAML = '''\
# Layers stand from the memory up; `lamina list-layers` shows what there is, `lamina explain slab` one of them.
stacks:
  - name: {name}
    brief: up to 1,024 objects of 64 bytes
    checks: full

    layers:
      - mmap
      - slab: {{ slot: 64, count: 1024 }}
      - poison: {{ on_free: 0xDE }}
'''


def stack_name(path: str) -> str:
    """The stack's name, made of the file's."""
    from ..validate import RESERVED, TAKEN

    stem = os.path.splitext(os.path.basename(path))[0].lower()
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:40]
    if not name or not name[0].isalpha() or name in RESERVED or name in TAKEN or name.startswith(("lamina_", "pthread")):
        name = f"my_{name}".rstrip("_")
    return name.removesuffix("_generic")


@click.command("init", short_help="write a first spec")
@click.argument("spec", type=click.Path())
def COMMAND(spec: str) -> None:
    """Write a first spec of ten lines, in Lua or YAML by the suffix of SPEC. A file that is there is left alone."""
    text = {".lua": LUA, ".yaml": YAML, ".yml": YAML}.get(os.path.splitext(spec)[1].lower())
    if text is None:
        raise click.UsageError(f"the suffix of '{spec}' says no language: a spec's name ends in .lua, .yaml or .yml")
    try:
        with open(spec, "x", encoding="utf-8") as stream:
            stream.write(text.format(name=stack_name(spec)))
    except FileExistsError:
        raise Failed(ENVIRONMENT, f"{spec} is there already; nothing was written") from None
    click.echo(f"wrote {spec}; next: lamina generate {spec}")
