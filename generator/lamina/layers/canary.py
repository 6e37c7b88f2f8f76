"""canary: secret bytes around each payload."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    if branch.store.x.sized:
        branch.never_acts(layer)
        return
    x.before, x.after = p.place in ("before", "both"), p.place in ("after", "both")
    if x.before:
        branch.before = -(-p.size // branch.align) * branch.align
    if x.after:
        branch.after = p.size
    x.needs_checks = "is verified on free"
    x.per_slot = p.secret == "slot"
    x.word = p.size == 8


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    layer.const("canary_bytes", p.size, "asked for")
    if x.before:
        layer.const("canary_before_offset", branch.before - p.size, "right before the payload")
    if x.after:
        layer.const("canary_after_offset", branch.before + branch.payload, "right behind the payload")
        # Padding between the canary and the slot's end belongs to nobody; poison and zeroize leave it alone.
        branch.after = branch.slot - branch.before - branch.payload


def rules(layer: Layer, branch: Branch) -> None:
    statistics = branch.stack.find("statistics")
    if statistics and branch.store.position < statistics.position < layer.position and not branch.name:
        branch.report("LAM052", layer, None, "canary outside statistics makes its numbers wrong",
                      notes=[(statistics.span, "statistics counts bytes here, below the canary")],
                      help="write statistics after canary")


LAYER = Descriptor(
    name="canary",
    role=Role.BLOCK,
    rank=0,
    innermost=True,
    brief="secret bytes around each payload",
    doc="Secret bytes before and behind the payload, random in each process, or different for each slot. They are "
        "written when a slot is first cut and stay for its life, so they are verified before reuse, on free and by "
        "`check`, whether the slot is free or in use.",
    idea="StackGuard (1998), for heap blocks as in Heap Server and hardened_malloc",
    params=(
        Param("place", Choice(("before", "after", "both")), "Where.", "both"),
        Param("size", Int(1, 64), "Bytes of each canary.", 8),
        Param("secret", Choice(("process", "slot")), "One secret for the instance, or one derived for each slot.",
              "process"),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    needs=("random bytes",),
    example="lamina.canary { size = 8 }",
)
