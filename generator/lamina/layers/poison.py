"""poison: a pattern over freed and fresh bytes, verified before they are used again."""

from __future__ import annotations

from ..descriptor import Descriptor, Flag, Param, Pattern, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.on_free, x.on_alloc = p.on_free is not False, p.on_alloc is not False
    if not (x.on_free or x.on_alloc):
        branch.report("LAM023", layer, "on_free", "poison writes nothing", help="on_free = 0xDE")
    x.slab = not branch.store.x.sized
    if x.slab:
        x.cost = "O(1), as all slots have one size"
    x.verify = x.slab and x.on_free and p.verify is not False
    x.overwrites = x.slab and x.on_free


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    skip = branch.link_bytes
    offset = branch.before + skip
    x.bytes = branch.slot - branch.before - branch.after - skip if x.slab else 0
    if x.slab:
        layer.const("poison_offset", offset, f"behind the {skip}-byte link" if skip else "from the payload's start")
        layer.const("poison_bytes", x.bytes, "payload and padding" + (f" less the {skip}-byte link" if skip else ""))
        if x.on_alloc:
            layer.const("fresh_offset", branch.before, "the payload's start")
            layer.const("fresh_bytes", branch.slot - branch.before - branch.after, "payload and padding")
        if x.bytes == 0 and x.on_free:
            branch.report("LAM042", layer, "on_free", "the link takes the whole slot, so poison has nothing to write",
                          notes=[(branch.store.span, f"slots of {branch.slot} bytes here")],
                          help=f"slot = {branch.slot + branch.align} leaves room")
            return
    if x.on_free:
        layer.const("poison_word", p.on_free, "written on free, 8 bytes at a time", "u64")
    if x.on_alloc:
        layer.const("fresh_word", p.on_alloc, "written on alloc, 8 bytes at a time", "u64")


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    if p.verify and not layer.x.slab:
        branch.never_acts(layer, "verify")
    if p.verify and not layer.x.on_free:
        branch.report("LAM059", layer, "verify", "there is nothing to verify: nothing is written on free",
                      help="on_free = 0xDE")
    zeroize = branch.find("zeroize")
    if zeroize and zeroize.x.on_free and p.on_free is not False and p.on_free != 0 and layer.x.slab:
        branch.report("LAM059", layer, "on_free", "poison and zeroize on free write the same bytes: the later one wins",
                      notes=[(zeroize.span, "zeroize stands here")],
                      help="poison { on_free = 0x00 } verifies zeros; or zeroize { on_free = false }")


LAYER = Descriptor(
    name="poison",
    role=Role.BLOCK,
    rank=20,
    brief="a pattern over freed bytes, verified before reuse",
    doc="Writes a byte or an 8-byte word over a block when it is freed, leaving out the link, and verifies before the "
        "block is used again, by `check`, and when a quarantine lets it go, that nobody has written to it since. "
        "`on_alloc` writes over fresh blocks, so that reading what was never written shows.",
    cost="O(block)",
    params=(
        Param("on_free", Pattern(), "What a freed block is filled with.", 0xDEDEDEDEDEDEDEDE),
        Param("on_alloc", Pattern(), "What a fresh block is filled with.", False),
        Param("verify", Flag(), "Verify before reuse; by default wherever slots are reused."),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.poison { on_free = 0xDE }",
)
