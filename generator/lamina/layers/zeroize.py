"""zeroize: no byte of a freed block survives."""

from __future__ import annotations

from ..descriptor import Descriptor, Flag, Param, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.slab = not branch.store.x.sized
    x.on_free = p.on_free if p.on_free is not None else x.slab
    x.overwrites = x.slab and x.on_free
    x.on_reset = p.on_reset
    x.on_destroy = p.on_destroy
    if not (x.on_free or x.on_reset or x.on_destroy):
        branch.report("LAM023", layer, None, "zeroize erases nothing", help="on_free, on_reset or on_destroy")


def plan(layer: Layer, branch: Branch) -> None:
    if layer.x.slab:
        layer.const("zero_offset", branch.before, "the payload's start")
        layer.const("zero_bytes", branch.slot - branch.before - branch.after, "payload and padding")


def rules(layer: Layer, branch: Branch) -> None:
    if layer.p.on_free and not layer.x.slab:
        branch.never_acts(layer, "on_free")


LAYER = Descriptor(
    name="zeroize",
    role=Role.BLOCK,
    rank=20,
    brief="freed bytes are erased",
    doc="Zeros a block on free, all used bytes on reset and rewind, and all memory on destroy; a compiler can't drop "
        "the write.",
    cost="O(block)",
    idea="memset_explicit of C23",
    params=(
        Param("on_free", Flag(), "Each block when it is freed; by default over a slab."),
        Param("on_reset", Flag(), "What reset and rewind free.", True),
        Param("on_destroy", Flag(), "All memory that was handed out, at destroy.", True),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.zeroize {}",
)
