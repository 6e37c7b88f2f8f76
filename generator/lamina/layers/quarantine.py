"""quarantine: freed blocks rest before they are used again."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role, Size
from ..model import Branch, Layer


#: Blocks that one quarantine may hold back.
MOST = 1 << 20


def shape(layer: Layer, branch: Branch) -> None:
    layer.x.random = layer.p.order == "random"
    layer.x.needs = ("random bytes",) if layer.x.random else ()
    if branch.store.x.sized:
        branch.never_acts(layer)


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    count = p.count
    if p.bytes is not None:
        count = p.bytes // branch.slot
        if count == 0:
            branch.report("LAM023", layer, "bytes", f"{p.bytes} bytes hold no slot of {branch.slot}",
                          help=f"bytes = {branch.slot} holds one")
            return
        if count > MOST:
            branch.report("LAM023", layer, "bytes", f"{p.bytes} bytes hold {count} slots of {branch.slot}, more than the "
                          f"{MOST} that a quarantine takes", help=f"bytes = {MOST * branch.slot}")
            return
    why = f"{p.bytes} bytes of {branch.slot}-byte slots" if p.bytes is not None else "asked for"
    x.count = layer.const("quarantine_slots", count, why)
    x.power_of_two = count & (count - 1) == 0
    poison = branch.find("poison")
    # With a verified poison every byte but the link's is watched; without, the block's own address is its seal.
    x.sealed = x.overwrites = not (poison and poison.x.verify)
    x.seal_offset = layer.const("seal_offset", branch.before, "the payload's start")
    if x.sealed and branch.payload < 8:
        branch.report("LAM042", layer, None, f"{branch.payload} bytes can't hold the quarantine's 8-byte seal",
                      help="add lamina.poison {}, which is verified instead, or take slots of 8 bytes or more")


def rules(layer: Layer, branch: Branch) -> None:
    if getattr(branch.store.x, "map", "none") == "tree":
        branch.report("LAM059", layer, None, 'order = "address" keeps one bit a slot, which can\'t tell a block that rests '
                      "from one in use", notes=[(branch.store.where("order"), "the order is chosen here")],
                      help='order = "lifo" or "random" with free_map = "bitmap"')
    at = branch.blocks.index(layer)
    for below in branch.blocks[:at]:
        if below.name in ("poison", "zeroize") and below.x.on_free:
            branch.report("LAM051", below, None, f"{below.name} under quarantine scrubs late: a block rests with its "
                          "contents still there", notes=[(layer.span, "quarantine stands here")],
                          help=f"write {below.name} after quarantine")
    if branch.store.x.sized or branch.store.desc.whole:
        return
    x, store = layer.x, branch.store
    param = "count" if "count" in layer.given else "bytes"
    if store.x.dynamic:
        branch.report("LAM053", layer, param, f"a quarantine of {x.count} can hold back all slots of a buffer whose size "
                      "shows at run time", notes=[(store.span, f"{store.name} takes as many as fit")],
                      help=f"give {store.name} a count above {x.count}")
    elif x.count >= store.x.count:
        all_of = f"all {store.x.count} slots" if store.x.count > 1 else "the only slot"
        branch.report("LAM053", layer, param, f"a quarantine of {x.count} can hold back {all_of}",
                      notes=[(store.span, f"{store.name} has {all_of[4:]} here")],
                      help=f"{param} = {max(store.x.count // 4, 1) * (branch.slot if param == 'bytes' else 1)}"
                      if store.x.count > 1 else f"give {store.name} more than one slot")
    elif store.x.grows and x.count >= store.p.count:
        branch.stack.diags.warning(
            "LAM053", layer.where(param), f"a quarantine of {x.count} fills a chunk of {store.p.count} slots by itself",
            notes=[(store.where("count"), f"{store.name} grows by {store.p.count} slots")],
            help=f"chunks of {1 << (2 * x.count).bit_length()} slots leave most of one to objects")


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
        Param("count", Int(1, MOST), "Blocks held back."),
        Param("bytes", Size(), "The same, in bytes of slots."),
        Param("order", Choice(("fifo", "random")), "Which block leaves.", "fifo"),
    ),
    exactly_one=("count", "bytes"),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.quarantine { count = 16 }",
)
