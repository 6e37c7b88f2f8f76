"""mmap: pages from the operating system."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Flag, Name, Param, Role, Size
from ..model import Branch, Layer


#: Every system's pages are aligned to this.
SMALLEST_PAGE = 4096


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    page = branch.stack.options.page_size
    branch.mapped = branch.os_memory = True
    branch.source_align = min(page, SMALLEST_PAGE)  # a system's pages may be smaller than those of the layout
    branch.lazy = p.commit == "lazy"
    branch.reserved = branch.lazy or branch.guard is not None
    branch.grows = True
    both = {"size", "reserve"} & layer.given.keys()
    if len(both) == 2:
        branch.report("LAM032", layer, "reserve", "mmap takes one of size and reserve, not both",
                      notes=[(layer.where("size"), "size is given here")],
                      help="drop size: reserve is the word for a lazy commit" if branch.lazy else "drop reserve")
    branch.declared = p.size or p.reserve
    x.place = None  # where a layer above wants to have it mapped, if that has to be said when it is mapped
    x.lazy, x.huge = branch.lazy, p.huge_pages
    x.explicit_huge = p.huge_pages in ("2M", "1G")
    x.init_what = "reserves its memory" if branch.lazy else "maps its memory"
    x.init_errors = "LAMINA_ERR_OS when the system refuses (lamina_last_os_error() tells why)."
    x.cost = "O(1)" if not branch.lazy else "the time of a system call at each commit step"


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    page = branch.stack.options.page_size
    unit = {"none": page, "transparent": 2 << 20, "2M": 2 << 20, "1G": 1 << 30}[p.huge_pages]
    needed = branch.region_bytes
    given = branch.declared or needed
    rounded = -(-given // unit) * unit
    key = "size" if p.size else "reserve"
    if branch.fits(layer, key, rounded) and branch.declared:
        branch.warn_of_unused(layer, key, given, max(page, p.step if branch.lazy else 0))
    why = f"{given} asked for" if branch.declared else f"{needed} needed above"
    if rounded != given:
        why += f", rounded up to whole {'pages' if unit == page else 'huge pages'} of {unit}"
    x.bytes = layer.const("map_bytes", rounded, why)
    if branch.lazy:
        step = -(-p.step // page) * page
        layer.const("commit_step", min(step, rounded), f"{p.step} asked for, in whole pages of {page}" if step < rounded else
                    "all at once: a step is no smaller")
    if branch.reserved or x.explicit_huge:
        layer.const("page_bytes", page, "page size that the layout is cut for")
    x.tail = page if p.guard_at_end else 0
    if x.tail:
        layer.const("end_guard_bytes", page, "one inaccessible page behind the mapping")
    x.total = rounded + x.tail


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    if branch.lazy and p.populate:
        branch.report("LAM047", layer, "populate", "populate commits everything that the lazy commit puts off",
                      notes=[(layer.where("commit"), 'commit = "lazy" is asked for here')], help="drop one of the two")
    if layer.x.explicit_huge and branch.reserved:
        branch.report("LAM059", layer, "huge_pages", f'huge_pages = "{p.huge_pages}" can\'t be committed page by page',
                      notes=[((layer if branch.lazy else branch.guard).span, "pages are made accessible one by one for "
                              + ("the lazy commit" if branch.lazy else "guard"))],
                      help='take huge_pages = "transparent"')
    if layer.x.explicit_huge and p.guard_at_end:
        branch.report("LAM059", layer, "guard_at_end", "the end of an explicit huge page can't be guarded",
                      help='take huge_pages = "transparent"')
    if layer.x.explicit_huge and p.noreserve:
        branch.report("LAM059", layer, "noreserve", "explicit huge pages that are not reserved would end the program at "
                      "first touch where they run out", help='drop noreserve, or take huge_pages = "transparent"')
    if p.huge_fallback and not layer.x.explicit_huge:
        branch.report("LAM059", layer, "huge_fallback", "huge_fallback has nothing to fall back from",
                      help='it goes with huge_pages = "2M" or "1G"')
    if "reserve" in layer.given and not branch.lazy:
        branch.report("LAM059", layer, "reserve", "reserve promises address space without charge, but everything is "
                      "committed at init", help='say commit = "lazy", or size in place of reserve')
    for name, happens in (("populate", "faulted in"), ("noreserve", "charged")):
        if getattr(p, name) and branch.reserved and not (branch.lazy and name == "populate"):
            cause = layer.where("commit") if branch.lazy else branch.guard.span
            branch.report("LAM059", layer, name, f"{name} has no meaning where pages are {happens} as they are committed",
                          notes=[(cause, "pages are made accessible one by one for " +
                                  ("the lazy commit" if branch.lazy else "guard"))], help=f"drop {name}")
    if "step" in layer.given and not branch.lazy:
        branch.report("LAM059", layer, "step", "step has no meaning where everything is committed at once",
                      help='it goes with commit = "lazy"')
    unnameable = sorted(set(p.name or "") & set("`$[]"))
    if unnameable:
        branch.report("LAM023", layer, "name", f"no mapping can have {' or '.join(unnameable)} in its name: the system would "
                      "refuse it and show none", help="leave it out")
    if branch.lazy and not branch.store.x.commits:
        branch.report("LAM060", layer, "commit", f"{branch.store.name} can't commit as it goes", help='commit = "eager"')


LAYER = Descriptor(
    name="mmap",
    role=Role.SOURCE,
    brief="pages from the operating system",
    doc="Maps private anonymous pages at init and gives them back at destroy. With `commit = \"lazy\"` the range is "
        "reserved without access and without charge, and made accessible in steps as the store advances; a commit "
        "that the system refuses is a clean NULL that changes nothing.",
    cost="O(1); init and each commit step are system calls",
    idea="reserve then commit: VirtualAlloc's two steps, on POSIX by PROT_NONE and mprotect",
    params=(
        Param("size", Size(), "Bytes to map; by default what the store needs."),
        Param("reserve", Size(), "The same for a lazy commit: bytes of address space."),
        Param("commit", Choice(("eager", "lazy")), "All pages at init, or in steps as the store advances.", "eager"),
        Param("step", Size(), "Bytes that one commit adds.", 64 << 10),
        Param("populate", Flag(), "Fault all pages in at init.", False),
        Param("huge_pages", Choice(("none", "transparent", "2M", "1G")), "Huge pages: asked for by advice, or mapped "
              "explicitly; init fails where there are none.", "none",
              needs={"transparent": "transparent huge pages", "2M": "huge pages of 2 MiB", "1G": "huge pages of 1 GiB"}),
        Param("huge_fallback", Flag(), "Take normal pages where explicit huge pages are not to be had.", False),
        Param("noreserve", Flag(), "Don't charge swap space for pages that are never touched.", False,
              needs="memory without charge"),
        Param("guard_at_end", Flag(), "An inaccessible page behind the last byte.", False),
        Param("name", Name(text=True), "Name of the mapping, where the system shows one.", needs="names of mappings"),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    needs=("pages",),
    example='lamina.mmap { reserve = "64 MiB", commit = "lazy" }',
)
