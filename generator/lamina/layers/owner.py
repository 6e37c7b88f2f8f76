"""owner: one thread allocates, any thread frees."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role
from ..model import Branch, Layer


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.bounded = p.queue == "bounded"
    if x.bounded:
        layer.const("queue_slots", p.capacity, "frees that may wait in the bounded queue")
        layer.const("drain_batch", p.batch, "most frees that one drain takes from the queue")
    x.cost = "as long as the frees that wait, when its own list is empty"
    # A block that is freed twice closes a circle, unless the first free writes over its link, or the second is noticed.
    x.overwritten = bool(branch.link_bytes or any(getattr(block.x, "overwrites", False) for block in branch.blocks))
    noticed = any(getattr(branch.store.x, name, False) for name in ("detects_double_free", "counts_frees"))
    options = branch.stack.options
    x.circles = options.checks == "full" and not x.overwritten and not (noticed and options.on_corruption == "abort")


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    if branch.stack.combinator or not branch.store.x.frees or branch.store.desc.whole:
        branch.report("LAM050", layer, None, "owner can't take remote frees over a "
                      f"{branch.stack.combinator.name if branch.stack.combinator else branch.store.name}",
                      notes=[((branch.stack.combinator or branch.store).span, "it stands here")], help="take a slab")
        return
    if p.queue == "bounded" and p.capacity < p.batch:
        branch.report("LAM054", layer, "capacity" if "capacity" in layer.given else "batch",
                      f"a queue of {p.capacity} never fills a batch of {p.batch}", help=f"capacity = {p.batch}")
    if p.queue != "bounded":
        for name in ("capacity", "batch"):
            if name in layer.given:
                branch.report("LAM059", layer, name, f'{name} goes with queue = "bounded"', help=f"drop {name}")
    if branch.payload < 8:
        branch.report("LAM041", layer, None, f"{branch.payload} bytes can't hold the link of a remote free",
                      notes=[(branch.store.span, "the slab stands here")], help="take slots of 8 bytes or more")


LAYER = Descriptor(
    name="owner",
    role=Role.ACCESS,
    brief="one thread allocates, any thread frees",
    doc="The thread that called init owns the allocator: its allocs and frees take no atomic operation. A free from "
        "another thread is checked for range and alignment, pushed without a lock, and done by the owner when its own "
        "list is empty. With `queue = \"bounded\"` the push goes into an array of fixed size, and to the intrusive list "
        "when its place is taken, so it never waits, whatever the owner does.",
    idea="remote free lists of Hoard, mimalloc and snmalloc; the list is Treiber's stack (1986), taken whole",
    params=(
        Param("queue", Choice(("intrusive", "bounded")), "How a remote free travels.", "intrusive"),
        Param("capacity", Int(1, 1 << 20), "Places of the bounded queue.", 256),
        Param("batch", Int(1, 1 << 20), "Most frees that one drain takes from the bounded queue.", 64),
    ),
    plan=plan,
    rules=rules,
    needs=("threads",),
    example="lamina.owner {}",
)
