"""fallback: a second branch serves what the first can't."""

from __future__ import annotations

from ..descriptor import BranchKind, Descriptor, Param, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    layer.x.needs_checks = "routes a free by the range check"


def rules(layer: Layer, branch: Branch) -> None:
    primary, secondary = layer.branches["primary"], layer.branches["secondary"]
    if not primary.store.x.owns:
        branch.report("LAM049", layer, "primary", f"{primary.store.name} can't tell its own blocks, so a free can't be "
                      "routed", notes=[(primary.store.span, "it stands here")],
                      help=f"put {primary.store.name} last: it then gets what the other branch doesn't own")
    if secondary.store.x.sized != primary.store.x.sized:
        branch.report("LAM059", layer, "secondary", "one branch takes sizes, the other has slots of one size",
                      notes=[(primary.store.span, "the first branch's store"), (secondary.store.span, "the second's")],
                      help="give both the same kind of store")
    elif not primary.store.x.sized and secondary.payload < primary.payload:
        branch.report("LAM058", layer, "secondary", f"{secondary.payload} bytes of payload can't stand in for "
                      f"{primary.payload}", notes=[(secondary.store.span, "the second branch's store")],
                      help=f"payload = {primary.payload}")
    if secondary.align < primary.align and secondary.store.x.owns:
        store = secondary.store
        param = next((name for name in ("align", "min_align") if store.desc.param(name)), None)
        branch.report("LAM044", layer, "secondary", f"objects aligned to {secondary.align} can't stand in for objects "
                      f"aligned to {primary.align}", notes=[(store.span, "the second branch's store")],
                      help=f"give the second branch's {store.name} {param} = {primary.align}" if param else
                      "give both the same kind of store")


LAYER = Descriptor(
    name="fallback",
    role=Role.COMBINATOR,
    brief="a second branch serves what the first can't",
    doc="Allocates from the primary branch and, when that is exhausted, from the secondary. A free is routed by "
        "ownership: the range check that finds a slot in the primary is the routing.",
    idea="FallbackAllocator of D's std.experimental.allocator and of Alexandrescu's talk (2015)",
    params=(
        Param("primary", BranchKind(), "Layers that serve first.", required=True),
        Param("secondary", BranchKind(), "Layers that serve what the primary can't.", required=True),
    ),
    shape=shape,
    rules=rules,
    example="lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 128, count = 1024 } },\n"
            "                  secondary = { lamina.system {} } }",
)
