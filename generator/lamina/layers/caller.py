"""caller: a buffer that the caller hands to init_with."""

from __future__ import annotations

from ..descriptor import Alignment, Descriptor, Param, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    branch.dynamic = True
    branch.source_align = layer.p.align
    layer.x.init_errors = ("LAMINA_ERR_ARGUMENT for NULL, LAMINA_ERR_MISALIGNED and LAMINA_ERR_TOO_SMALL for a buffer that "
                           "doesn't do.")


def plan(layer: Layer, branch: Branch) -> None:
    layer.const("buffer_align", layer.p.align, "alignment that init_with demands of the buffer")
    layer.const("buffer_bytes_min", max(branch.region_bytes, 1), f"fewest bytes that {branch.store.name} can use")


def rules(layer: Layer, branch: Branch) -> None:
    others = [b for b in branch.stack.branches if b is not branch and b.source.name == layer.name]
    if others and branch is not branch.stack.main:
        branch.report("LAM061", layer, None, "two branches would cut up the same buffer",
                      notes=[(others[0].source.span, "the other branch takes it here")],
                      help="give one branch a source of its own, such as static or mmap")
    if branch.stack.options.instance == "static":
        branch.report("LAM059", layer, None, "a static instance has no caller to hand it a buffer",
                      notes=[(branch.stack.option_spans.get("instance"), "asked for here")],
                      help='take lamina.static, or instance = "handle"')


LAYER = Descriptor(
    name="caller",
    role=Role.SOURCE,
    brief="the caller's buffer",
    doc="`init_with(handle, buffer, bytes)` cuts up memory that the caller owns. A buffer that is too small or "
        "misaligned, be it by one byte, is refused and nothing of it is touched.",
    params=(Param("align", Alignment(1 << 16), "Alignment that the buffer must have.", 16),),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.caller {}",
)
