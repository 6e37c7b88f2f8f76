"""guard: inaccessible pages before, behind and between the slots."""

from __future__ import annotations

from ..descriptor import Descriptor, Flag, Int, Param, Role
from ..model import Branch, Layer
from ..targets import TARGETS


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    if not (p.head or p.tail or p.every or p.random):
        branch.report("LAM023", layer, None, "guard guards nothing", help="head, tail, every or random")
    x.head, x.tail, x.random, x.every = p.head, p.tail, p.random, p.every
    x.needs = ("random bytes",) if p.random else ()


def plan(layer: Layer, branch: Branch) -> None:
    x = layer.x
    page = branch.stack.options.page_size
    layer.const("page_bytes", page, "page size that the layout is cut for")
    usable = -(-branch.region_bytes // page) * page
    if branch.declared:
        fixed = page * (int(x.head) + int(x.tail) + x.random)
        usable = max(usable, branch.declared // page * page - fixed)
    x.usable = layer.const("guarded_bytes", usable, "bytes between the outer guards, in whole pages")
    if x.head:
        layer.const("head_guard_bytes", page, "one inaccessible page before the slots")
    if x.random:
        layer.const("random_guard_pages", x.random, "most pages that the random head guard adds")
    if x.tail:
        layer.const("tail_guard_bytes", page, "one inaccessible page behind the slots")
    branch.region_bytes = usable + page * (int(x.head) + int(x.tail) + x.random)


def rules(layer: Layer, branch: Branch) -> None:
    source = branch.source
    target = TARGETS[branch.stack.options.target]
    if not branch.os_memory:
        branch.report("LAM045", layer, None, f"guard can't protect {branch.memory_is}",
                      notes=[(source.span, f"the memory is {source.desc.brief}")], help="take lamina.mmap as the source")
    if layer.x.every and branch.store.x.sized and branch.os_memory:
        branch.report("LAM059", layer, "every", f"{branch.store.name} has no slots to guard between",
                      help="head and tail guard its range")
    elif layer.x.every and target.mappings and 2 * branch.store.x.groups > target.mappings:
        branch.report("LAM058", layer, "every", f"{branch.store.x.groups} guarded groups, of two mappings each, exceed the "
                      f"{target.mappings} that a process may have on the target {target.name}",
                      notes=branch.stack.target_note(), help="guard every more slots")


LAYER = Descriptor(
    name="guard",
    role=Role.RANGE,
    brief="inaccessible pages before, behind and between the slots",
    doc="An access that runs off the slots faults. `every = n` puts a guard behind every n slots; the distance from "
        "group to group is a power of two, so that free still finds a slot without a division. `random = n` moves the "
        "first slot up by 0 to n pages, anew in each process.",
    params=(
        Param("head", Flag(), "A guard page before the first slot.", True),
        Param("tail", Flag(), "A guard page behind the last slot.", True),
        Param("every", Int(0, 1 << 20), "A guard behind every n slots; 0 for none.", 0),
        Param("random", Int(0, 4096), "Up to this many more guard pages before the first slot, chosen at random.", 0),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    needs=("pages",),
    example="lamina.guard { every = 64 }",
)
