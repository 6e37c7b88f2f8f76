"""static: a buffer that the program image or the handle holds."""

from __future__ import annotations

from ..descriptor import Alignment, Choice, Descriptor, Param, Role, Size
from ..model import Branch, Layer


#: Bytes of the largest buffer.
MOST = 1 << 31


def shape(layer: Layer, branch: Branch) -> None:
    branch.declared = layer.p.bytes
    branch.source_align = layer.p.align
    layer.x.inline = layer.p.place == "handle"
    if not layer.x.inline:
        layer.x.init_errors = "LAMINA_ERR_BUSY while another instance has the buffer."


def plan(layer: Layer, branch: Branch) -> None:
    p = layer.p
    needed = branch.region_bytes
    given = p.bytes or needed
    if branch.fits(layer, "bytes", given) and p.bytes:
        branch.warn_of_unused(layer, "bytes", given, branch.stack.options.page_size)
    if given > MOST:
        branch.report("LAM058", branch.store, "count", f"{needed} bytes are more than the {MOST} of the largest static "
                      "buffer", notes=[(layer.span, "the buffer is declared here")], help="take lamina.mmap, or fewer slots")
        return
    layer.x.total = layer.const("buffer_bytes", given, "asked for" if p.bytes else f"what {branch.store.name} needs")
    layer.const("buffer_align", p.align, "alignment of the buffer")


LAYER = Descriptor(
    name="static",
    role=Role.SOURCE,
    brief="a buffer of fixed size in the program image or in the handle",
    doc="Needs no operating system. With `place = \"image\"` the buffer is one static array, so a second init while an "
        "instance holds it answers LAMINA_ERR_BUSY; with `place = \"handle\"` every handle carries its own.",
    params=(
        Param("bytes", Size(1, MOST), "Bytes of the buffer; by default what the store needs."),
        Param("align", Alignment(1 << 16), "Alignment of the buffer.", 64),
        Param("place", Choice(("image", "handle")), "Where the buffer lives.", "image"),
    ),
    shape=shape,
    plan=plan,
    example='lamina.static { bytes = "64 KiB" }',
)
