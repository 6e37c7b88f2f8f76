"""split_metadata: links and free maps in a mapping of their own."""

from __future__ import annotations

from ..descriptor import Descriptor, Role
from ..model import Branch, Layer


def plan(layer: Layer, branch: Branch) -> None:
    page = branch.stack.options.page_size
    meta = max(branch.meta_bytes, 1)
    layer.const("page_bytes", page, "page size that the layout is cut for")
    layer.const("metadata_bytes", -(-meta // page) * page, f"{branch.meta_bytes} bytes of metadata, in whole pages")


def rules(layer: Layer, branch: Branch) -> None:
    if branch.dynamic or not branch.os_memory:
        branch.report("LAM045", layer, None, f"split_metadata can't take its metadata out of {branch.memory_is}",
                      notes=[(branch.source.span, f"the memory is {branch.source.desc.brief}")],
                      help="take lamina.mmap as the source")
    elif branch.meta_bytes == 0:
        branch.report("LAM059", layer, None, f"{branch.store.name} keeps no metadata to split off",
                      notes=[(branch.store.span, f"{branch.store.name} stands here")],
                      help='give the slab free_map = "bitmap" or link = "mac", or drop split_metadata')


LAYER = Descriptor(
    name="split_metadata",
    role=Role.RANGE,
    brief="links and free maps in a mapping of their own",
    doc="The store's metadata lie in a separate mapping between two guard pages, out of reach of an overflow.",
    idea="out-of-line metadata as in OpenBSD's malloc and hardened_malloc",
    plan=plan,
    rules=rules,
    needs=("pages",),
    example="lamina.split_metadata {}",
)
