"""bump: a cursor that only moves up, until reset or rewind."""

from __future__ import annotations

from ..descriptor import Alignment, Choice, Descriptor, Flag, Param, Role, Size
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    x = layer.x
    x.sized, x.frees, x.owns, x.commits, x.resets, x.groups = True, False, True, True, True, 0
    x.marks, x.resizes = layer.p.checkpoints, layer.p.grow_last
    x.order, x.map, x.link = "none", "none", "none"
    branch.align = layer.p.min_align


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    align = layer.const("min_align", p.min_align, "granularity of the cursor")
    if branch.source_align < align:
        branch.report("LAM044", layer, "min_align", f"blocks aligned to {align} can't come from memory aligned to "
                      f"{branch.source_align}", notes=[(branch.source.where("align"), "the source's alignment")],
                      help=branch.align_remedy(align))
        return
    total = branch.declared
    if total is None and not branch.dynamic:
        branch.report("LAM025", branch.source, None, f"{branch.source.name} doesn't say how many bytes bump may use",
                      help=" or ".join(f'{name} = "64 KiB"' for name in ("size", "bytes") if branch.source.desc.param(name)))
        return
    if branch.dynamic:
        branch.region_bytes = align
    else:
        page = branch.stack.options.page_size
        if branch.guard:
            # The outer guards come out of what the spec declares.
            total = max(0, total // page * page - page * (int(branch.guard.p.head) + int(branch.guard.p.tail)
                                                          + branch.guard.p.random))
        elif branch.os_memory:
            unit = {"2M": 2 << 20, "1G": 1 << 30, "transparent": 2 << 20}.get(branch.source.p.huge_pages, page)
            total = -(-total // unit) * unit
        usable = total // align * align
        if usable <= 0:
            branch.report("LAM043", layer, None, f"{total} bytes hold no block of {align}",
                          notes=[(branch.source.span, "the bytes are given here")] +
                          ([(branch.guard.span, "the outer guards are taken from them here")] if branch.guard else []),
                          help=f"give {branch.source.name} more")
            return
        layer.const("capacity_bytes", usable, f"whole granules of {align} in {total} bytes")
        branch.region_bytes = usable
    x.dynamic = branch.dynamic
    x.lazy = branch.lazy
    x.doubles = p.growth == "double"
    if branch.lazy:
        page = branch.stack.options.page_size
        layer.const("chunk_bytes", -(-p.chunk // page) * page, f"{p.chunk} asked for, in whole pages")
    x.reset = p.reset or "retain"
    x.releases = branch.os_memory
    if x.reset == "limit":
        page = branch.stack.options.page_size
        kept = layer.const("reset_limit_bytes", -(-(p.limit or 0) // page) * page, "kept by reset, in whole pages")
        if not branch.dynamic and kept > branch.region_bytes:
            branch.report("LAM059", layer, "limit", f"a limit of {p.limit} bytes is above all {branch.region_bytes} that "
                          "there are, so reset never gives anything back", help='reset = "retain" says so')
    branch.footprint = f"((((size_t)(n) + {align - 1}U) / {align}U) * {align}U)" if align > 1 else "((size_t)(n))"
    branch.footprint_of = lambda n: -(-n // align) * align


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    if p.reset in ("free_all", "limit") and not branch.os_memory:
        branch.report("LAM045", layer, "reset", f'reset = "{p.reset}" can\'t give back {branch.memory_is}',
                      notes=[(branch.source.span, f"the memory is {branch.source.desc.brief}")],
                      help='reset = "retain"')
    if (p.reset == "limit") != ("limit" in layer.given):
        branch.report("LAM032", layer, "limit" if "limit" in layer.given else "reset",
                      'limit and reset = "limit" go together', help='reset = "limit", limit = "64 KiB"')
    for name in ("chunk", "growth"):
        if name in layer.given and not branch.lazy:
            branch.report("LAM059", layer, name, f"{name} has no meaning where all memory is there from the start",
                          help='it goes with a source that has commit = "lazy"')


LAYER = Descriptor(
    name="bump",
    role=Role.STORE,
    brief="a cursor that moves up until reset or rewind",
    doc="Blocks of any size and alignment, one behind the other; freed all at once by reset, or back to a mark by "
        "rewind. Over a lazy source it commits as the cursor advances.",
    cost="O(1)",
    idea="the region or arena of Hanson (1990) and of obstacks",
    params=(
        Param("min_align", Alignment(4096), "Every block is aligned to at least this; the cursor moves in this "
              "granularity.", 16),
        Param("chunk", Size(), "Fewest bytes that the bump commits at a time.", 64 << 10),
        Param("growth", Choice(("fixed", "double")), "Whether the chunk doubles each time.", "fixed"),
        Param("reset", Choice(("free_all", "retain", "limit")), "What reset does with the memory: give all back, keep "
              "all, or keep up to a limit; by default retain."),
        Param("limit", Size(0), 'Bytes that reset = "limit" keeps.'),
        Param("checkpoints", Flag(), "mark and rewind.", True),
        Param("grow_last", Flag(), "Grow and shrink the last block in place.", True),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.bump { min_align = 16 }",
)
