"""quarantine: freed blocks rest before they are used again."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role, Size
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    layer.x.random = layer.p.order == "random"


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    if branch.store.x.sized:
        return
    count = p.count
    if p.bytes is not None:
        count = p.bytes // branch.slot
        if count == 0:
            branch.report("LAM023", layer, "bytes", f"{p.bytes} bytes hold no slot of {branch.slot}",
                          help=f"bytes = {branch.slot} holds one")
            return
    why = f"{p.bytes} bytes of {branch.slot}-byte slots" if p.bytes is not None else "asked for"
    x.count = layer.const("quarantine_slots", count, why)
    x.power_of_two = count & (count - 1) == 0
    poison = branch.find("poison")
    # With a verified poison every byte but the link's is watched; without, the block's own address is its seal.
    x.sealed = not (poison and poison.x.verify)
    x.seal_offset = layer.const("seal_offset", branch.before, "the payload's start")
    if x.sealed and branch.payload < 8:
        branch.report("LAM042", layer, None, f"{branch.payload} bytes can't hold the quarantine's 8-byte seal",
                      help="add lamina.poison {}, which is verified instead, or take slots of 8 bytes or more")


def rules(layer: Layer, branch: Branch) -> None:
    x = layer.x
    count = getattr(branch.store.x, "count", None)
    if count is not None and x.count >= count:
        branch.report("LAM053", layer, "count" if "count" in layer.given else "bytes",
                      f"a quarantine of {x.count} can hold back all {count} slots",
                      notes=[(branch.store.span, f"the slab has {count} slots")], help=f"count = {max(count // 4, 1)}")
    at = branch.blocks.index(layer)
    for below in branch.blocks[:at]:
        if below.name in ("poison", "zeroize") and below.x.on_free:
            branch.report("LAM051", below, None, f"{below.name} under quarantine scrubs late: a block rests with its "
                          "contents still there", notes=[(layer.span, "quarantine stands here")],
                          help=f"write {below.name} after quarantine")


LAYER = Descriptor(
    name="quarantine",
    role=Role.BLOCK,
    rank=10,
    brief="freed blocks rest before reuse",
    doc="Holds the last freed blocks back, first in first out or in random order, so that a dangling pointer meets no "
        "new object. On its way out each block is verified: by its poison where there is one, else by a seal. Destroy "
        "drains it.",
    idea="AddressSanitizer's quarantine; random replacement as in hardened_malloc",
    params=(
        Param("count", Int(1, 1 << 20), "Blocks held back."),
        Param("bytes", Size(), "The same, in bytes of slots."),
        Param("order", Choice(("fifo", "random")), "Which block leaves.", "fifo"),
    ),
    exactly_one=("count", "bytes"),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.quarantine { count = 16 }",
)
