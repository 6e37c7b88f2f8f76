"""locked: pages that are never swapped, for keys and what else must not leave the memory."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Param, Role, Size
from ..model import Branch, Layer
from .mmap import SMALLEST_PAGE

#: The parameters and the runtime's word for each, in the order of lamina/secret.h.
PROPERTIES = {"no_dump": "LAMINA_SECRET_NO_DUMP", "no_fork": "LAMINA_SECRET_NO_FORK", "secret": "LAMINA_SECRET_HIDDEN"}


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    branch.mapped = True
    branch.memory_is = "locked memory, whose pages stay as they are"
    branch.source_align = min(branch.stack.options.page_size, SMALLEST_PAGE)
    branch.declared = p.size
    x.required = ["LAMINA_SECRET_LOCKED", *(word for name, word in PROPERTIES.items() if getattr(p, name) == "required")]
    x.asks = len(x.required) <= len(PROPERTIES)  # something is left to the system, so the program may want to know
    x.init_what = "maps and locks its memory"
    x.init_errors = "LAMINA_ERR_OS when the system refuses to map or to lock (lamina_last_os_error() tells why)."


def plan(layer: Layer, branch: Branch) -> None:
    page = branch.stack.options.page_size
    given = branch.declared or branch.region_bytes
    if branch.fits(layer, "size", given):
        branch.warn_of_unused(layer, "size", given, page)
    rounded = -(-given // page) * page
    why = f"{given} asked for" if branch.declared else f"{branch.region_bytes} needed above"
    layer.x.total = layer.const("map_bytes", rounded, why if rounded == given else f"{why}, rounded up to whole pages of {page}")


def _property(name: str, doc: str, need: str, default: str) -> Param:
    return Param(name, Choice(("required", "preferred")), doc, default, needs={"required": need})


LAYER = Descriptor(
    name="locked",
    role=Role.SOURCE,
    brief="locked pages, for keys",
    doc="Maps pages that are never written to a swap device, brings all of them in at init, and overwrites them with zeroes "
        "before they go back. It fails closed: where the pages can't be locked, or one of the properties that are required "
        "can't be had, init fails and nothing is mapped. A property that is preferred is taken where the system has it, "
        "and `locked_has()` tells. How much a process may lock is limited: RLIMIT_MEMLOCK on POSIX. The child of a "
        "fork finds zeroes there, or no mapping at all: it must not use the allocator.",
    cost="O(1); init is some system calls, and touches every page",
    idea="sodium_malloc of libsodium; memfd_secret(2)",
    params=(
        Param("size", Size(), "Bytes to map and lock; by default what the store needs."),
        _property("no_dump", "No core dump holds the memory.", "memory left out of dumps", "required"),
        _property("no_fork", "The child of a fork doesn't find the contents.", "memory wiped on fork", "required"),
        _property("secret", "The kernel itself has no way to the pages.", "secret memory", "preferred"),
    ),
    shape=shape,
    plan=plan,
    needs=("locked memory",),
    example='lamina.locked { size = "64 KiB" }',
)
