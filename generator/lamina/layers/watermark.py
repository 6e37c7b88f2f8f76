"""watermark: a handler that is called when use rises past a level."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Levels, Name, Param, Role
from ..model import Branch, Layer


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.sized, x.frees = branch.store.x.sized, branch.stack.frees
    x.both, x.handler = p.edge == "both", p.handler
    store = branch.store
    if store.desc.whole and branch.stack.combinator is None:
        branch.report("LAM059", layer, None, f"{store.name} doesn't tell how much is in use, so no level is ever seen",
                      notes=[(store.span, f"{store.name} stands here")], help="drop watermark, or take a slab or a bump")
        return
    capacity = store.consts.get("capacity_bytes" if x.sized else "slot_count")
    if branch.stack.combinator:
        capacity = None
    levels = []
    for level in p.levels or ("90%",):
        if isinstance(level, str):
            if capacity is None:
                branch.report("LAM059", layer, "levels", f"{level} of a capacity that isn't known when the spec is read",
                              notes=[(branch.source.span, "its size shows at run time")], help="levels = { 100 }, in " + ("bytes" if x.sized else "objects"))
                return
            levels.append(max(1, capacity.value * int(level[:-1]) // 100))
        else:
            levels.append(level)
    if sorted(set(levels)) != levels:
        derived = any(isinstance(level, str) for level in p.levels or ())
        branch.report("LAM023", layer, "levels", "levels don't rise: " + ", ".join(map(str, levels)) +
                      (f" of {capacity.value}" if derived and capacity else ""),
                      help="write each once, the lowest first")
        return
    if capacity is not None and levels[-1] > capacity.value:
        branch.report("LAM023", layer, "levels", f"{levels[-1]} is above the capacity of {capacity.value}",
                      help=f"{capacity.value} is the highest that can be reached")
        return
    x.levels = levels
    x.unit = "bytes" if x.sized else "objects"
    x.dims = ("watermark_levels",)  # the bound of an array: a literal in every form
    layer.const("watermark_levels", len(levels), "levels: " + ", ".join(map(str, levels)) + f" {x.unit}")


def rules(layer: Layer, branch: Branch) -> None:
    access = branch.stack.access
    if access and access.name == "mutex" and access.position < layer.position:
        branch.report("LAM055", layer, None, "a watermark above the mutex is a race",
                      notes=[(access.span, "the lock is taken below, here")], help="write watermark before mutex")


LAYER = Descriptor(
    name="watermark",
    role=Role.OBSERVER,
    brief="a handler that is called when use passes a level",
    doc="Calls a handler once when use reaches a level from below, and, with `edge = \"both\"`, once when it falls below "
        "again. The handler is named in the spec or set at run time; it must not call the allocator.",
    params=(
        Param("levels", Levels(), "Rising levels, in objects (bytes for stores that take a size), or in percent of the "
              "capacity; by default 90 %."),
        Param("edge", Choice(("rising", "both")), "Which crossings are told.", "rising"),
        Param("handler", Name(), "A function of the program that is called; by default the one set at run time."),
    ),
    plan=plan,
    rules=rules,
    example='lamina.watermark { levels = { "80 %", "95 %" } }',
)
