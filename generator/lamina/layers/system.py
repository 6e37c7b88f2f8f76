"""system: the process's own heap, the last branch of a fall-back."""

from __future__ import annotations

from ..descriptor import Descriptor, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    x = layer.x
    x.sized = branch.stack.main.store.x.sized if branch.stack.main is not branch else True
    x.frees, x.owns, x.commits, x.resets, x.groups = True, False, False, False, 0
    x.cost = "the time of the system's heap"


def plan(layer: Layer, branch: Branch) -> None:
    if branch.stack.main is not branch:
        primary = branch.stack.main
        branch.payload, branch.align = primary.payload, primary.align
        branch.slot = primary.payload
    layer.const("heap_align", branch.align, "alignment asked of the system heap")


def rules(layer: Layer, branch: Branch) -> None:
    for block in branch.blocks:
        branch.report("LAM059", block, None, f"{block.name} needs slots of its own, which the system heap doesn't have",
                      notes=[(layer.span, "the branch ends at the system heap")], help=f"drop {block.name} here")


LAYER = Descriptor(
    name="system",
    role=Role.SOURCE,
    whole=True,
    brief="the system's heap",
    doc="Unbounded, and without ownership: the system heap can't tell whether a pointer is its own, so it can only be "
        "the last branch of a fall-back, or a whole stack by itself.",
    cost="the time of the system's heap",
    shape=shape,
    plan=plan,
    rules=rules,
    needs=("a heap",),
    example="lamina.system {}",
)
