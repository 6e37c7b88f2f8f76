"""slab: slots of one size, with every kind of link, order, free map and growth."""

from __future__ import annotations

from ..descriptor import Alignment, Choice, Descriptor, Int, Param, Role, Size, in_bytes, in_units
from ..model import Branch, Layer
from ..targets import TARGETS

REACH = 1 << 46  # bytes that any target's process can map
POINTER = 8  # the widest pointer of any target; emitted code asserts that it fits


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.sized, x.frees, x.owns, x.commits, x.resets = False, True, True, True, True
    x.marks = x.resizes = False
    x.order = p.order
    x.link = p.link if p.order in ("lifo", "fifo") else "none"
    x.groups = 0
    x.needs = ("random bytes",) if x.link != "plain" and x.link != "none" or p.order == "random" else ()
    if p.count == 0:
        branch.report("LAM043", layer, "count", "a slab of no slots serves nobody", help="count = 64")
    if p.growth != "fixed" and p.count is None:
        branch.report("LAM025", layer, "growth", f'growth = "{p.growth}" needs count: the slots that one growth adds',
                      help="count = 64")
    if p.growth != "fixed" and (not branch.lazy or branch.declared is None):
        branch.report("LAM059", layer, "growth", f'growth = "{p.growth}" needs a reservation to grow into',
                      notes=[(branch.source.span, "the source is here")],
                      help='lamina.mmap { reserve = "64 MiB", commit = "lazy" }')
    if p.slot is None and p.payload is None:
        branch.report("LAM025", layer, None, 'slab needs "slot" or "payload"', help="slot = 64")
        return
    size = p.slot or p.payload
    natural = min(size & -size, 16)
    branch.align = p.align or (natural if p.slot else (16 if size >= 16 else 1 << (size - 1).bit_length()))
    if p.slot and p.slot % branch.align:
        fits = -(-p.slot // branch.align) * branch.align
        branch.report("LAM040", layer, "slot", f"slots of {p.slot} bytes can't all be aligned to {branch.align}",
                      notes=[(layer.given.get("align"), "the alignment is asked for here")], help=f"slot = {fits}")


def _invert(odd: int) -> int:
    """The inverse of an odd number modulo 2**64: an exact quotient is then one multiplication."""
    return pow(odd, -1, 1 << 64)


def _plan_slot(layer: Layer, branch: Branch) -> bool:
    p, x = layer.p, layer.x
    around = branch.before + branch.after
    canary = branch.find("canary")
    payload = p.payload if p.payload is not None else p.slot - around
    fits = -(-(around + max(payload, 1)) // branch.align) * branch.align
    if p.slot is not None and (payload < 1 or around + payload > p.slot):
        what = f"a {around}-byte canary and " if around else ""
        branch.report("LAM014", layer, "slot", f"slot of {p.slot} bytes can't hold {what}{in_bytes(max(payload, 1))} of payload",
                      notes=[(canary.span, f"canary adds {branch.before} bytes before and {branch.after} behind the "
                              "payload here")] if canary else [], help=f"slot = {fits} is the smallest that fits")
        return False
    slot = p.slot or fits
    in_slot = x.link != "none" and not (x.link == "mac" and branch.split)
    branch.link_bytes = (16 if x.link == "mac" else POINTER) if in_slot else 0
    branch.link_offset = branch.before
    # Canaries stay while a slot is free, so the link may not reach the one behind the payload.
    room = payload if branch.after else slot - around
    if room < branch.link_bytes:
        param = "payload" if p.payload is not None else "slot"
        least = -(-(around + branch.link_bytes) // branch.align) * branch.align if param == "slot" else branch.link_bytes
        branch.report("LAM041", layer, param, f"{in_bytes(room)} can't hold the {branch.link_bytes}-byte link of a free slot",
                      notes=[(canary.span, "the canary behind the payload is kept while the slot is free")]
                      if branch.after and canary else [], help=f"{param} = {least} is the smallest that can")
        return False
    branch.payload, branch.slot = payload, slot
    why = f"asked for" if p.slot else f"{payload} payload + {around} canary, rounded up to {branch.align}"
    layer.const("slot_bytes", slot, why)
    layer.const("payload_bytes", payload, "asked for" if p.payload else
                (f"{slot} - {around} canary" if around else "the whole slot"))
    layer.const("payload_offset", branch.before, "canary before the payload" if branch.before else "the payload begins the slot")
    layer.const("slot_align", branch.align, "alignment of each object")
    if in_slot:
        layer.const("link_offset", branch.link_offset, "the link of a free slot lies at the payload's start")
    shift = (slot & -slot).bit_length() - 1
    x.power_of_two = slot & (slot - 1) == 0
    layer.const("slot_shift", shift, f"{slot} = {slot >> shift} << {shift}", "unsigned")
    if not x.power_of_two:
        layer.const("slot_inverse", _invert(slot >> shift), f"inverse of {slot >> shift} modulo 2^64: times it, an exact "
                    "multiple becomes its quotient", "word")
    return True


def _metadata(layer: Layer, branch: Branch) -> list[tuple[str, str, object]]:
    """What the slab keeps beside its slots: name, C expression of its bytes, the same as a function."""
    x, p = layer.x, layer.p
    out: list[tuple[str, str, object]] = []
    if x.link == "mac" and branch.split:
        out.append(("links", "((size_t)(n) * 16U)", lambda n: n * 16))
    if x.order == "random":
        out.append(("spare", "((((size_t)(n) * 4U + 7U) / 8U) * 8U)", lambda n: -(-n * 4 // 8) * 8))
    if x.map == "bitmap":
        out.append(("live", "((((size_t)(n) + 63U) / 64U) * 8U)", lambda n: -(-n // 64) * 8))
    if x.map == "byte":
        out.append(("live", "((((size_t)(n) + 7U) / 8U) * 8U)", lambda n: -(-n // 8) * 8))
    return out


_WHAT = {"links": "links lie", "spare": "array of free slots lies", "live": "live map lies"}


def _levels(count: int) -> list[int]:
    """Words of each level of a tree of bits over `count` slots, leaves first, up to one word."""
    words = [-(-count // 64)]
    while words[-1] > 1:
        words.append(-(-words[-1] // 64))
    return words


def _metadata_expr(layer: Layer, meta: list[tuple[str, str, object]], count: int | None) -> str:
    """The bytes of all metadata of `n` slots, as a C expression that is exact for every n from 1 to `count`."""
    terms = [expr for _, expr, _ in meta]
    if layer.x.map == "tree":
        depths = len(_levels(count))
        words = ["((size_t)(n) + 63U) / 64U"]
        for depth in range(1, depths):  # a level is there from the slot on that the one below has a second word for
            below, reach = 64 ** depth, 64 ** (depth + 1)
            size = "" if depth == depths - 1 else f" * (((size_t)(n) + {reach - 1}U) / {reach}U)"
            words.append(f"(size_t)((size_t)(n) > {below}U){size}")
        terms.append(f"(({' + '.join(words)}) * 8U)")
    if layer.x.chunked:
        terms.append(f"((((size_t)(n) + {layer.p.count - 1}U) / {layer.p.count}U) * 8U)")
    return " + ".join(terms)


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    page = branch.stack.options.page_size
    x.on_windows = TARGETS[branch.stack.options.target].runtime == "windows"
    if branch.source_align < branch.align:
        branch.report("LAM044", layer, "align" if p.align else None, f"slots aligned to {branch.align} can't come from "
                      f"memory aligned to {branch.source_align}",
                      notes=[(branch.source.where("align"), "the source's alignment")],
                      help=branch.align_remedy(branch.align))
        return
    if not _plan_slot(layer, branch):
        return
    slot = branch.slot
    x.map = "tree" if p.order == "address" else p.free_map
    x.dynamic = branch.dynamic and p.count is None
    x.chunked = p.growth == "release_empty"
    meta = _metadata(layer, branch)
    every = branch.guard.p.every if branch.guard else 0
    x.grouped = bool(every)

    def meta_of(n: int) -> int:
        total = sum(bytes_of(n) for _, _, bytes_of in meta)
        if x.map == "tree":
            total += 8 * sum(_levels(max(n, 1)))
        if x.chunked:
            total += 8 * -(-n // p.count)  # two counters of 4 bytes a chunk
        return total

    if every:
        group = -(-every * slot // page) * page
        stride = 1 << (group + page - 1).bit_length()
    if branch.split or not meta_of(1):
        offset_unit = 1
    else:
        offset_unit = page if every or branch.guard or x.chunked else branch.align

    def offset_of(n: int) -> int:
        return 0 if branch.split else -(-meta_of(n) // offset_unit) * offset_unit

    def bytes_of(n: int) -> int:
        return offset_of(n) + (-(-n // every) * stride if every else n * slot)

    count = p.count
    grows = p.growth != "fixed"
    if count is None or grows:
        if branch.dynamic and not grows:
            if p.order in ("address", "random") or x.grouped:
                what = f'order = "{p.order}"' if not x.grouped else "a guard between the slots"
                branch.report("LAM025", layer, "order", f"{what} needs a count that is known when the spec is read",
                              help="count = 1024")
                return
        elif branch.declared is None:
            branch.report("LAM025", layer, None, "slab has no count, and its source no size to derive it from",
                          help="count = 1024")
            return
        else:
            room = branch.declared
            if branch.guard:
                room = room // page * page - page * (int(branch.guard.p.head) + int(branch.guard.p.tail) + branch.guard.p.random)
            chunk = count or 1
            low, high = 0, max(room, 0) // slot // chunk + 1
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if bytes_of(middle * chunk) <= room else (low, middle)
            count = low * chunk
            x.why_count = f"as many as {branch.declared} bytes hold"
            if count == 0:
                branch.report("LAM043", layer, None, f"{branch.declared} bytes hold no "
                              f"{'chunk' if grows else 'slot'} of this slab",
                              notes=[(branch.source.span, "the bytes are given here")],
                              help=f"at least {bytes_of(chunk)} are needed")
                return
    if x.grouped and grows:
        branch.report("LAM059", layer, "growth", f'growth = "{p.growth}" does not go with guards between the slots',
                      notes=[(branch.guard.where("every"), "asked for here")], help="every = 0")
        return
    if count is not None and count >= (1 << 32) - 1:
        branch.report("LAM058", layer, "count", f"{count} slots are more than 32-bit links reach", help="fewer, larger slots")
        return
    if x.chunked:
        if p.order != "lifo" or x.link == "mac":
            branch.report("LAM059", layer, "growth", "release_empty takes slots off the free list, which only a plain or "
                          "masked LIFO list allows", help='order = "lifo", link = "plain" or "masked"')
            return
        if p.count * slot % page:
            from math import gcd

            fits = page // gcd(page, slot)
            branch.report("LAM059", layer, "count", f"a chunk of {p.count} slots of {slot} bytes is not whole pages",
                          help=f"count = {-(-p.count // fits) * fits}")
            return
    if count is not None and bytes_of(count) > REACH:
        branch.report("LAM058", layer, "count", f"{count} slots of {slot} bytes need {in_units(bytes_of(count))}, more than "
                      f"the {in_units(REACH)} that a process can address", help=f"count = {REACH // slot} is about the most")
        return
    if not x.dynamic:
        layer.const("slot_count", count, getattr(x, "why_count", "asked for"))
        x.count = count
        branch.meta_bytes = meta_of(count)
        at = 0
        for name, _, size_of in meta:
            layer.const(f"{name}_offset", at, f"where the {_WHAT[name]} in the metadata")
            at += size_of(count)
        if x.map == "tree":
            x.levels = []
            for depth, words in enumerate(_levels(count)):
                layer.const(f"tree_offset_{depth}", at, f"level {depth} of the free tree: {words} words")
                x.levels.append((depth, words))
                at += 8 * words
        if x.chunked:
            layer.const("chunk_live_offset", at, "live slots of each chunk, 4 bytes each")
            layer.const("chunk_gone_offset", at + 4 * -(-count // p.count), "whether a chunk was given back, 4 bytes each")
        branch.region_bytes = bytes_of(count)
        layer.const("slots_offset", offset_of(count), "metadata, rounded up to the slots' alignment" if offset_of(count)
                    else "the slots begin the region")
        layer.const("region_bytes", branch.region_bytes, "metadata and slots")
    else:
        branch.meta_bytes = meta_of(1)
        branch.region_bytes = bytes_of(1)
    x.meta = bool(meta) or x.map == "tree" or x.chunked
    x.meta_names = [name for name, _, _ in meta]
    x.meta_exprs = {name: expr for name, expr, _ in meta}
    x.grows, x.growth = grows, p.growth
    if grows:
        layer.const("chunk_slots", p.count, "slots that one growth adds")
        if x.chunked:
            layer.const("chunk_bytes", p.count * slot, f"{p.count} slots of {slot}")
            layer.const("chunk_count", count // p.count, "chunks in the reservation")
    batch = max(1, min(count or 1 << 30, page // slot, every or 1 << 30, p.count if grows else 1 << 30))
    layer.const("batch_slots", batch, "slots that one refill threads: a page of them" if batch == page // slot else
                "slots that one refill threads")
    if x.grouped:
        layer.const("group_slots", every, "slots between two guards")
        layer.const("group_bytes", group, f"{every} slots of {slot}, in whole pages")
        layer.const("group_stride", stride, "slots and guard, rounded up to a power of two: a slot's group is then a shift")
        layer.const("group_shift", stride.bit_length() - 1, f"{stride} = 1 << {stride.bit_length() - 1}", "unsigned")
        x.groups = -(-count // every)
        layer.const("group_count", x.groups, f"{count} slots in groups of {every}")
    x.needs_index = x.map != "none" or x.link == "mac" or x.order == "random" or x.chunked
    x.cost = "O(chunk) where a chunk is given back" if x.chunked else "O(1)"
    x.secret = {"masked": 1, "mac": 2}.get(x.link, 0)
    x.detects_double_free = x.map != "none"
    x.counts_frees = p.order == "random" and x.map == "none"  # an array that a double free would write beyond
    meta_expr = _metadata_expr(layer, meta, count)
    slots_expr = f"(((size_t)(n) + {every - 1}U) / {every}U * {stride}U)" if every else f"((size_t)(n) * {slot}U)"
    if branch.split or not meta_of(1):
        branch.footprint = slots_expr
    else:
        branch.footprint = f"((({meta_expr} + {offset_unit - 1}U) / {offset_unit}U) * {offset_unit}U + {slots_expr})"
    branch.footprint_of = bytes_of
    if x.dynamic:
        x.offset_expr = f"((({meta_expr} + {offset_unit - 1}U) / {offset_unit}U) * {offset_unit}U)" if meta else ""


def rules(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    if p.order in ("random", "address") and "link" in layer.given and p.link != "plain":
        branch.report("LAM059", layer, "link", f'link = "{p.link}" has nothing to protect: order = "{p.order}" keeps no links',
                      notes=[(layer.where("order"), "the order is chosen here")], help='order = "lifo" or "fifo"')
    if p.order == "address" and p.free_map == "byte":
        branch.report("LAM059", layer, "free_map", 'order = "address" keeps a free map of its own, a tree of bits',
                      notes=[(layer.where("order"), "the order is chosen here")], help="drop free_map")
    if p.free_map != "none" and branch.stack.options.checks == "none":
        branch.report("LAM059", layer, "free_map", 'a free map finds double frees, which checks = "none" leaves out',
                      notes=[(branch.stack.option_spans.get("checks"), "left out here")], help="drop one of the two")


LAYER = Descriptor(
    name="slab",
    role=Role.STORE,
    unit="slot",
    brief="slots of one size",
    doc="Cuts the memory into slots of one size and keeps the free ones on an intrusive list, in an array, or in a tree "
        "of bits. A pointer given to free is checked with one subtraction, one rotation (times a constant where the slot "
        "is no power of two) and one comparison, which also yields its index.",
    idea="Bonwick's slab (1994); exact division by the inverse: Granlund and Montgomery (1994); masked links: safe-linking "
         "in glibc 2.32; MAC'd links: SipHash-2-4 of Aumasson and Bernstein (2012)",
    params=(
        Param("slot", Size(1, 1 << 30), "Bytes of one slot, canaries included."),
        Param("payload", Size(1, 1 << 30), "Bytes of one object; by default the slot less its canaries."),
        Param("align", Alignment(1 << 16), "Alignment of each object; by default the largest power of two in the slot, "
              "at most 16."),
        Param("count", Int(0, (1 << 32) - 2), "Slots in all, or slots that one growth adds; by default as many as the "
              "source holds."),
        Param("growth", Choice(("fixed", "extend", "release_empty")), "All slots promised at init; more chunks of `count` "
              "slots as needed; or also given back when a chunk is empty.", "fixed"),
        Param("order", Choice(("lifo", "fifo", "address", "random")), "Which free slot alloc takes.", "lifo"),
        Param("link", Choice(("plain", "masked", "mac")), "How free slots point to the next: openly, masked with a "
              "secret, or with a keyed MAC that is verified.", "plain"),
        Param("free_map", Choice(("none", "bitmap", "byte")), "Whether each slot's state is kept, which finds double "
              "frees and makes walk possible.", "none"),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    example="lamina.slab { slot = 64, count = 1024 }",
)
