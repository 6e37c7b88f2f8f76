"""trail: the last few operations, for whoever looks at a program that went wrong."""

from __future__ import annotations

from ..codes import Code
from ..descriptor import Descriptor, Flag, Int, Param, Role
from ..model import Branch, Layer


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    layer.const("trail_entries", p.entries, "operations that are remembered")
    x.failures = p.failures
    x.resets = branch.store.x.resets


def rules(layer: Layer, branch: Branch) -> None:
    other = branch.stack.combinator or (branch.store if branch.store.desc.whole else None)
    if other:
        branch.report("LAM900", layer, None, f"trail remembers slots, and {other.name} has none to show",
                      notes=[(other.span, f"{other.name} stands here")], help="drop trail, or take one slab or bump")


LAYER = Descriptor(
    name="trail",
    role=Role.OBSERVER,
    brief="the last few operations",
    doc="Keeps which objects were last allocated and freed, the youngest first to be asked for. A report of damage "
        "names an address; the trail says what was done to it shortly before.",
    params=(
        Param("entries", Int(1, 1 << 16), "Operations that are remembered.", 64),
        Param("failures", Flag(), "Remember requests that got NULL as well.", False),
    ),
    codes=(Code("LAM900", "a trail over memory without slots", """\
The layer `trail` remembers the addresses of slots.  A system heap has none, and two branches have two kinds.

    lamina.system {}, lamina.trail {}      -- LAM900

Drop trail, or take a stack with one slab or bump.
"""),),
    plan=plan,
    rules=rules,
    example="lamina.trail { entries = 64 }",
)
