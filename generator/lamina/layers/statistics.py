"""statistics: what was allocated, freed and refused."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role
from ..model import Branch, Layer


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.mode = p.mode
    x.sized = branch.store.x.sized
    x.frees = branch.stack.frees
    if p.mode == "sharded":
        layer.const("stat_shards", p.shards, "cache lines of counters, one thread to each where there are enough")


def rules(layer: Layer, branch: Branch) -> None:
    access = branch.stack.access
    if access and access.name == "mutex" and access.position < layer.position and layer.p.mode == "plain":
        branch.report("LAM055", layer, "mode", "plain counters above the mutex are a race",
                      notes=[(access.span, "the lock is taken below, here")],
                      help='write statistics before mutex, or mode = "relaxed"')
    if layer.p.mode == "sharded":
        if layer.p.shards & (layer.p.shards - 1):
            branch.report("LAM023", layer, "shards", f"{layer.p.shards} is not a power of two", help="8, 16, 32 …")
    elif "shards" in layer.given:
        branch.report("LAM059", layer, "shards", 'shards goes with mode = "sharded"', help="drop shards")


LAYER = Descriptor(
    name="statistics",
    role=Role.OBSERVER,
    brief="what was allocated, freed and refused",
    doc="Counts allocations, frees, refusals, live objects and bytes, and their peak. `mode` says how: plain "
        "counters, relaxed atomics that other threads may read at any time, or a cache line of counters per thread, "
        "summed when read (whose peak is then the sum's at reading).",
    params=(
        Param("mode", Choice(("plain", "relaxed", "sharded")), "How the counters are kept.", "plain"),
        Param("shards", Int(2, 256), "Cache lines of counters for sharded.", 16),
    ),
    plan=plan,
    rules=rules,
    example="lamina.statistics {}",
)
