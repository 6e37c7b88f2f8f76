"""The platforms that C can be emitted for, and what each of them has.

This table is the one place: a layer or a parameter names what it needs (`needs` in its descriptor), a target names what
it has, and what is missing is an error when the spec is read. A target is one entry of `_TABLE`, a new ability one line
of `ABILITIES`. What each platform was seen to do stands in docs/platforms.md.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB, GIB = 1 << 10, 1 << 30

#: What a layer may need. The key is what messages say: "slab needs random bytes here".
ABILITIES = {
    "pages": "reserve, commit, decommit, map, release; protected pages",
    "memory without charge": "mapped pages that don't count against the commit limit until they are touched",
    "names of mappings": "a name for a range that the system's tools show",
    "transparent huge pages": "huge pages by advice, where the range allows them",
    "huge pages of 2 MiB": "asked for explicitly",
    "huge pages of 1 GiB": "asked for explicitly",
    "binding to memory nodes": "pages from these nodes and no other",
    "a preferred memory node": "pages from one node while it has memory",
    "several preferred memory nodes": "pages from several nodes while they have memory",
    "interleaving over memory nodes": "page by page over several nodes",
    "weighted interleaving over memory nodes": "the same by the system's weights",
    "the toucher's memory node": "pages from the node of the thread that touches them first",
    "memory policies of a range": "set on what is mapped already, so that one may be optional; elsewhere only in the mapping",
    "a heap": "the C library's heap",
    "threads": "identity of the calling thread, a mutex that sleeps",
    "random bytes": "from the system's cryptographic generator",
    "memory left out of dumps": "a range that no core dump holds",
    "memory wiped on fork": "a range whose contents no forked child finds, where there is a fork",
    "locked memory": "a range that is never written to a swap device",
    "secret memory": "a range that the kernel itself can't read",
    "64-bit atomics": "atomic operations on 64 bits without a lock",
}

_HOSTED = {"pages", "a heap", "threads", "random bytes", "locked memory", "memory wiped on fork"}
_NODES = {"binding to memory nodes", "a preferred memory node", "several preferred memory nodes",
          "memory policies of a range", "interleaving over memory nodes", "weighted interleaving over memory nodes", "the toucher's memory node"}
_LINUX = _HOSTED | _NODES | {"memory without charge", "names of mappings", "transparent huge pages",
                             "memory left out of dumps"}
_WIDE = {"64-bit atomics"}
_HUGE = {"huge pages of 2 MiB", "huge pages of 1 GiB"}


@dataclass(frozen=True)
class Target:
    """One platform, as far as specs can tell it from others."""

    name: str
    brief: str
    #: Its folder in runtime/platform.
    runtime: str
    has: frozenset[str]
    #: The page sizes that its machines have, the smallest first; layouts are cut for it unless the spec says otherwise.
    page: int = 4 * KIB
    #: Bytes that one process can map at most; None where the spec's own bounds are lower anyway.
    space: int | None = None
    #: One range is smaller than this, since differences of addresses are signed (PTRDIFF_MAX); None as above.
    range_end: int | None = None
    #: Mappings that one process has at most; None where the system sets no such bound.
    mappings: int | None = None
    #: The number of the last memory node that there can be; None where the spec's own bounds are lower anyway.
    last_node: int | None = None

    @property
    def hosted(self) -> bool:
        """Whether there is a C library."""
        return self.runtime != "freestanding"


def _linux(name: str, brief: str, has: set[str], page: int = 4 * KIB, *, bits: int = 64) -> Target:
    """Linux, with its default of vm.max_map_count; of 32 bits of address the kernel keeps a fourth."""
    narrow = bits == 32
    return Target(name, brief, "linux", frozenset(has), page, 3 * GIB if narrow else None, 2 * GIB if narrow else None, 65530)


_TABLE = (
    # The union of what Linux does on 64-bit processors with pages of 4 KiB: what a spec means that names no processor.
    _linux("linux", "Linux on any processor with pages of 4 KiB", _LINUX | _HUGE | _WIDE | {"secret memory"}),
    _linux("linux-x86_64", "Linux on x86-64", _LINUX | _HUGE | _WIDE | {"secret memory"}),
    _linux("linux-i386", "Linux on i386 (i686)", _LINUX | {"huge pages of 2 MiB", "secret memory"}, bits=32),
    _linux("linux-aarch64", "Linux on aarch64, pages of 4 KiB", _LINUX | _HUGE | _WIDE | {"secret memory"}),
    # Transparent huge pages are of 32 MiB there, and of 512 MiB with the next: the runtime's 2 MiB would get none.
    _linux("linux-aarch64-16k", "Linux on aarch64, pages of 16 KiB",
           (_LINUX - {"transparent huge pages"}) | _HUGE | _WIDE | {"secret memory"}, 16 * KIB),
    # 2 MiB are 32 contiguous pages there; no combination of its tables' entries makes 1 GiB.
    _linux("linux-aarch64-64k", "Linux on aarch64, pages of 64 KiB",
           (_LINUX - {"transparent huge pages"}) | {"huge pages of 2 MiB"} | _WIDE | {"secret memory"}, 64 * KIB),
    # Huge pages need the long descriptors (LPAE), which kernels for these machines are built without or with.
    _linux("linux-armhf", "Linux on 32-bit ARM, hard float", _LINUX - {"transparent huge pages"}, bits=32),
    _linux("linux-riscv64", "Linux on 64-bit RISC-V", _LINUX | _HUGE | _WIDE | {"secret memory"}),
    # Its huge pages are of 1 MiB and 2 GiB.
    _linux("linux-s390x", "Linux on s390x, big-endian", _LINUX | _WIDE | {"secret memory"}),
    Target("windows-x86_64", "Windows on x86-64", "windows",
           frozenset(_HOSTED | _WIDE | {"huge pages of 2 MiB", "a preferred memory node"}), last_node=63),
    Target("macos-arm64", "macOS on Apple's processors, pages of 16 KiB", "macos", frozenset(_HOSTED | _WIDE), 16 * KIB),
    Target("macos-x86_64", "macOS on x86-64", "macos", frozenset(_HOSTED | _WIDE)),
    Target("freestanding", "no operating system, any processor", "freestanding", frozenset()),
    Target("freestanding-x86_64", "no operating system, x86-64", "freestanding", frozenset(_WIDE)),
    Target("freestanding-cortex-m4", "no operating system, ARM Cortex-M4", "freestanding", frozenset(), space=1 << 29),
)

TARGETS: dict[str, Target] = {target.name: target for target in _TABLE}


def with_all(needs: tuple[str, ...]) -> tuple[str, ...]:
    """The targets that have all of these."""
    return tuple(name for name, target in TARGETS.items() if target.has.issuperset(needs))


def shown(names: tuple[str, ...]) -> str:
    """A list of targets for people: all but the few, where those are fewer."""
    others = [name for name in TARGETS if name not in names]
    if not others:
        return "all targets"
    if not names:
        return "none"
    return "all targets but " + ", ".join(others) if len(others) < len(names) else ", ".join(names)
