"""The intermediate representation: stacks, branches, layers and the constants that they resolve to.

`validate` creates the layers, `resolve` fills in their constants, and from then on nothing changes: templates
see these classes (through `bind`) and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Callable, Sequence

from .descriptor import Descriptor, Role
from .tree import Span


@dataclass(frozen=True)
class Const:
    """A number in the emitted C, with the sentence that derives it."""

    name: str
    value: int
    why: str
    #: "size" for bytes and counts, "u64" for words, "unsigned" for shifts.
    type: str = "size"

    @property
    def literal(self) -> str:
        if self.type == "u64":
            return f"UINT64_C({self.value:#x})"
        if self.type == "word":
            return f"((size_t)UINT64_C({self.value:#x}))"
        if self.value >= 1 << 32:
            return f"((size_t)UINT64_C({self.value}))"
        return f"{self.value}U"


#: Rules of kind, not of number: they hold whatever the parameters say.
STRUCTURAL = frozenset(("LAM045", "LAM048", "LAM050", "LAM052", "LAM055", "LAM061"))


@dataclass
class Layer:
    """One layer of one stack: its parameters with defaults applied, and what `resolve` made of them."""

    desc: Descriptor
    span: Span
    p: SimpleNamespace
    given: dict[str, Span] = field(default_factory=dict)
    #: Place in the list that the spec wrote, for rules about the written order.
    position: int = 0
    #: Name of its state in the handle; branches prefix it where a name would stand twice.
    id: str = ""
    consts: dict[str, Const] = field(default_factory=dict)
    #: Decisions and facts that templates branch on.
    x: SimpleNamespace = field(default_factory=SimpleNamespace)
    #: Branches of a combinator, by parameter name.
    branches: dict[str, "Branch"] = field(default_factory=dict)
    prefix: str = ""
    #: Parameters whose values are wrong and told already; "*" where the layer itself was only guessed.
    wrong: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.desc.name

    @property
    def role(self) -> Role:
        return self.desc.role

    def const(self, name: str, value: int, why: str, type: str = "size") -> int:
        """Declares a constant; returns its value so that a plan reads as arithmetic."""
        self.consts[name.lower()] = Const(self.prefix.upper() + name.upper(), value, why, type)
        return value

    def where(self, param: str) -> Span:
        return self.given.get(param, self.span)


@dataclass
class Branch:
    """One source, what is done to it, one store, and what is done to its blocks."""

    stack: "Stack"
    source: Layer
    ranges: list[Layer]
    store: Layer
    blocks: list[Layer]
    name: str = ""
    #: Facts of the memory, set by the source's `shape`.
    mapped: bool = False  # the operating system's, for this stack alone, zeroes at first
    os_memory: bool = False  # mapped, and layers may do to its pages what they like
    memory_is: str = "memory that isn't the operating system's"  # what refuses layers of that kind, where it isn't
    lazy: bool = False
    reserved: bool = False  # mapped without access first: a layer above commits it
    grows: bool = False
    declared: int | None = None  # bytes that the spec gives, if it says
    dynamic: bool = False  # bytes known at run time only
    source_align: int = 1
    #: What the blocks add to each object.
    align: int = 16
    before: int = 0
    after: int = 0
    # Without a class-level default: where no plan settled these, reading them is an error.
    payload: int = field(default_factory=int)
    slot: int = field(default_factory=int)
    link_offset: int = 0
    link_bytes: int = 0
    meta_bytes: int = 0
    split: Layer | None = None
    guard: Layer | None = None
    region_bytes: int = 0
    #: C expression of the exact bytes for `n` objects, with `(n)` as the argument.
    footprint: str = ""
    footprint_of: Callable[[int], int] | None = None
    #: A rule was broken here, so numbers that depend on it are not to be had.
    failed: bool = False

    @property
    def layers(self) -> list[Layer]:
        own = [self.source, *self.ranges]
        if self.store is not self.source:
            own.append(self.store)
        return own + self.blocks

    def find(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.name == name), None)

    def never_acts(self, layer: Layer, param: str | None = None) -> None:
        """A block layer over a store without slots: over one that frees no single block it would never act."""
        self.failed = True
        if not self.store.desc.whole:  # a store that is a source says what can't stand above it
            what = f"{layer.name}'s {param}" if param else layer.name
            self.report("LAM050", layer, param, f"{what} never acts over a {self.store.name}, which frees no single "
                        f"{self.store.desc.unit}", notes=[(self.store.span, f"{self.store.name} stands here")],
                        help=f"take a store that does, such as slab, or drop {param or layer.name}")

    def align_remedy(self, align: int) -> str:
        """What to write where the memory is aligned too little."""
        if self.source.desc.param("align"):
            return f"give {self.source.name} align = {align}"
        return f"{self.source_align} is the most that {self.source.name} gives"

    def fits(self, layer: Layer, param: str, given: int) -> bool:
        """Whether the bytes that a source gives hold what the store needs; an error where they don't."""
        if given < self.region_bytes:
            self.report("LAM058", layer, param, f"{given} bytes are too few for the {self.region_bytes} that {self.store.name} "
                        "needs", notes=[(self.store.span, f"{self.store.name} stands here")],
                        help=f"{param} = {self.region_bytes} is the smallest that fits")
        return given >= self.region_bytes

    def warn_of_unused(self, layer: Layer, param: str, given: int, least: int) -> None:
        """A warning where a source was given `least` bytes more than a store of so many slots can ever reach."""
        spare = given - self.region_bytes
        if "count" in self.store.given and not self.store.x.grows and spare > least:
            self.stack.diags.warning(
                "LAM065", layer.where(param), f"{spare} of the {given} bytes can never be used",
                notes=[(self.store.where("count"), f"{self.store.name} uses {self.region_bytes}, for this many slots")],
                help=f"drop {param}: it then follows from {self.store.name}; or drop count: as many slots as fit")

    def report(self, code: str, layer: Layer, param: str | None, message: str, *, help: str | None = None,
               notes: Sequence[tuple[Span | None, str]] = ()) -> None:
        """An error of a layer or of one of its parameters. It is left out where it may only follow from a value that
        is wrong itself, which was told already."""
        self.failed = True
        if not self._follows(code, layer, param, notes):
            span = layer.where(param) if param else layer.span
            self.stack.diags.error(code, span, message, notes=notes, help=help)

    def _follows(self, code: str, layer: Layer, param: str | None, notes: Sequence[tuple[Span | None, str]]) -> bool:
        if "*" in layer.wrong or param in layer.wrong or (layer.wrong and code not in STRUCTURAL):
            return True
        for other in self.stack.layers:
            if other.wrong:
                spans = [other.given[name] for name in other.wrong if name in other.given]
                if code not in STRUCTURAL or "*" in other.wrong:
                    spans += [other.span, *other.given.values()]
                if any(span in spans for span, _ in notes):
                    return True
        return False


@dataclass
class Stack:
    """A whole allocator."""

    name: str
    brief: str
    span: Span
    spec: str
    options: SimpleNamespace
    diags: Any
    branches: list[Branch] = field(default_factory=list)
    combinator: Layer | None = None
    #: Access and observer layers, from the memory up.
    upper: list[Layer] = field(default_factory=list)
    option_spans: dict[str, Span] = field(default_factory=dict)
    #: Errors were told while it was read; it may still be held against the rules, but never emitted.
    wrong: bool = False
    #: Chosen by name, out of a spec that has others.
    chosen: bool = False

    @property
    def layers(self) -> list[Layer]:
        """Every layer, from the memory up, branch by branch."""
        out = [layer for branch in self.branches for layer in branch.layers]
        return out + ([self.combinator] if self.combinator else []) + self.upper

    def target_note(self) -> list[tuple[Span | None, str]]:
        """Where the spec chose its target, for messages about what the target can't do; nothing where it didn't."""
        span = self.option_spans.get("target")
        return [(span, "the target is chosen here")] if span else []

    @property
    def main(self) -> Branch:
        return self.branches[0]

    def find(self, name: str) -> Layer | None:
        return next((layer for layer in self.layers if layer.name == name), None)

    @property
    def access(self) -> Layer | None:
        return next((layer for layer in self.upper if layer.role is Role.ACCESS), None)

    @property
    def sized(self) -> bool:
        """Whether alloc takes a size and an alignment."""
        return self.main.store.x.sized

    @property
    def frees(self) -> bool:
        return any(branch.store.x.frees for branch in self.branches)
