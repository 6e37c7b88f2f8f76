"""What a layer says about itself: role, parameters, codes, and how it plans its numbers.

A layer is a module of `lamina.layers` that defines `LAYER = Descriptor(...)`, and a template of the same name
under `templates/layers/`. Nothing else in the tree names it: the registry finds the pair, and the schema, the
reference page, `explain`, `list-layers` and the completion are derived from the descriptor.
"""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

from .codes import Code
from .targets import with_all
from .tree import Node, Scalar, Seq, Span

if TYPE_CHECKING:
    from .model import Branch, Layer


class Role(enum.Enum):
    """Where a layer may stand; the values are the names that users read."""

    SOURCE = "source"
    RANGE = "range"
    STORE = "store"
    BLOCK = "block"
    ACCESS = "access"
    OBSERVER = "observer"
    COMBINATOR = "combinator"


class Refused(Exception):
    """A value that a parameter does not take: the code, the message, the remedy, and the place where it is narrower
    than the whole value. `others` are the further mistakes in the same value."""

    def __init__(self, message: str, help: str | None = None, code: str = "LAM023", span: Span | None = None,
                 others: Sequence[Refused] = ()) -> None:
        super().__init__(message)
        self.message, self.help, self.code, self.span, self.others = message, help, code, span, tuple(others)


UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
#: What people write for a unit and mean by it; the units themselves are told apart by case only.
_MEANT = {"kb": "KiB", "k": "KiB", "mb": "MiB", "m": "MiB", "gb": "GiB", "g": "GiB", "tb": "TiB", "t": "TiB",
          "byte": "B", "bytes": "B", "pg": "pages"} | {unit.lower(): unit for unit in UNITS}
# No size that any target can hold has more than twenty digits.
_SIZE = re.compile(r"\s*([0-9]{1,20})\s*([A-Za-z]*)\s*\Z")
_FRACTION = re.compile(r"\s*([0-9]{1,9})\.([0-9]{1,9})\s*([A-Za-z]+)\s*\Z")

#: Words that would clash with C, C++ or the emitted functions' own parameters.
C_WORDS = frozenset("""alignas alignof and asm auto bitand bitor bool break case catch char class compl concept const
    constexpr continue decltype default delete do double dynamic_cast else enum explicit export extern false float for
    friend goto if inline int long mutable namespace new noexcept not nullptr operator or private protected public
    register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct
    switch template this thread_local throw true try typedef typeid typename typeof union unsigned using virtual void
    volatile wchar_t while xor""".split())


def in_units(count: int) -> str:
    """A number of bytes as people write it: `"64 KiB"` where that is exact."""
    for unit, size in reversed(UNITS.items()):
        if size > 1 and count >= size and count % size == 0:
            return f"{count // size} {unit}"
    return in_bytes(count)


def in_bytes(count: int) -> str:
    """A number of bytes in full."""
    return f"{count} byte" if count == 1 else f"{count} bytes"


def describe(node: Node) -> str:
    """The kind of a value, as a message names it."""
    if isinstance(node, Scalar):
        if isinstance(node.value, float) and not math.isfinite(node.value):
            return "infinity" if math.isinf(node.value) else "no number (NaN)"
        kinds = {bool: "a boolean", int: "an integer", float: "a number with a fraction", str: "a string"}
        return kinds.get(type(node.value), "nothing")
    if isinstance(node, Seq):
        return "a list" if node.items else "an empty table"
    return "a table" if node.tag is None else f"the layer {node.tag}"


class Kind:
    """One type of parameter: how it reads a value, and how the schema and the reference describe it."""

    label = "value"

    def read(self, node: Node, page: int) -> Any:
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError

    def expect(self, node: Node, *types: type) -> Any:
        """The scalar's value if it has one of the types; bool is no int here, whatever Python says."""
        if isinstance(node, Scalar) and type(node.value) in types:
            return node.value
        help = None
        if isinstance(node, Scalar) and int in types:
            if isinstance(node.value, str) and re.fullmatch(r"\s*[0-9]{1,19}\s*", node.value):
                help = f"leave the quotes out: {node.value.strip()}"
            elif isinstance(node.value, float) and node.value.is_integer() and abs(node.value) < 1 << 63:
                help = f"write {int(node.value)}: " + ("a point or an exponent makes it a fraction" if node.span.in_yaml else
                                                       "in Lua, a point, an exponent, / and ^ make a fraction, and // divides "
                                                       "whole numbers")
        elif isinstance(node, Scalar) and types == (bool,) and isinstance(node.value, str):
            help = "leave the quotes out" if node.value in ("true", "false") else None
        elif isinstance(node, Scalar) and types == (str,) and node.value is not None:
            help = "it is a word in quotes"
        raise Refused(f"expected {self.label}, got {describe(node)}", help, "LAM022", node.span)


@dataclass(frozen=True)
class Size(Kind):
    """A number of bytes: plain, or a string with a unit (`"64 KiB"`, `"4 pages"`)."""

    least: int = 1
    most: int = 1 << 46
    label = "a size in bytes"

    def read(self, node: Node, page: int) -> int:
        value = self.expect(node, int, str)
        if isinstance(value, str):
            match = _SIZE.match(value)
            unit = match.group(2) if match else None
            if match and unit in ("page", "pages"):
                value = int(match.group(1)) * page
            elif match and unit in UNITS:
                value = int(match.group(1)) * UNITS[unit]
            elif match and unit == "":
                value = int(match.group(1))
            else:
                raise Refused(f'"{value}" is not a size', _size_hint(value, match), "LAM024")
        if not self.least <= value <= self.most:
            raise Refused(f"{in_units(value)} is outside {in_units(self.least)} to {in_units(self.most)}")
        return value

    def schema(self) -> dict[str, Any]:
        units = "|".join([*UNITS, "pages?"])
        return {"anyOf": [{"type": "integer", "minimum": self.least, "maximum": self.most},
                          {"type": "string", "pattern": rf"^\s*[0-9]{{1,20}}\s*({units})?\s*$"}]}


def _size_hint(text: str, match: re.Match[str] | None) -> str:
    """What was probably meant by a string that is no size."""
    from .diagnostics import closest

    fraction = _FRACTION.match(text)
    if match or fraction:
        word = (match or fraction).group(2 if match else 3)  # type: ignore[union-attr]
        meant = word if word in UNITS else _MEANT.get(word.lower()) or closest(word, [*UNITS, "pages"])
        if match and meant:
            return f'did you mean "{match.group(1)} {meant}"?'
        if fraction and meant in UNITS:
            digits, scale = int(fraction.group(1) + fraction.group(2)), 10 ** len(fraction.group(2))
            if digits * UNITS[meant] % scale == 0 and digits:
                return f'sizes are whole numbers: write "{in_units(digits * UNITS[meant] // scale)}"'
    return "write a number with B, KiB, MiB, GiB, TiB or pages"


@dataclass(frozen=True)
class Int(Kind):
    """A whole number within bounds."""

    least: int = 0
    most: int = (1 << 32) - 1
    label = "an integer"

    def read(self, node: Node, page: int) -> int:
        value = self.expect(node, int)
        if not self.least <= value <= self.most:
            raise Refused(f"{value} is outside {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Alignment(Kind):
    """A power of two."""

    most: int = 1 << 21
    least: int = 1
    label = "an alignment in bytes"

    def read(self, node: Node, page: int) -> int:
        value = Size(0, self.most).read(node, page)
        if value == 0:
            raise Refused("an alignment of 0 is not a power of two", "1 is the smallest", "LAM040")
        if value & (value - 1):
            lower = 1 << (value.bit_length() - 1)
            raise Refused(f"an alignment of {value} is not a power of two", f"{lower} and {lower * 2} are", "LAM040")
        if value < self.least:
            raise Refused(f"{in_units(value)} is outside {in_units(self.least)} to {in_units(self.most)}")
        return value

    def schema(self) -> dict[str, Any]:
        powers = [1 << shift for shift in range(self.least.bit_length() - 1, self.most.bit_length())]
        return {"anyOf": [{"enum": powers}, Size(1, self.most).schema()["anyOf"][1]]}


@dataclass(frozen=True)
class Flag(Kind):
    """true or false."""

    label = "true or false"

    def read(self, node: Node, page: int) -> bool:
        return self.expect(node, bool)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few names."""

    names: tuple[str, ...]

    @property
    def label(self) -> str:  # type: ignore[override]
        return "one of " + ", ".join(f'"{name}"' for name in self.names)

    def read(self, node: Node, page: int) -> str:
        value = self.expect(node, str)
        if value not in self.names:
            from .diagnostics import closest

            meant = closest(value, self.names)
            raise Refused(f'"{value}" is not {self.label}', f'did you mean "{meant}"?' if meant else None)
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.names)}


def each(node: Seq, one: Callable[[Node, list[Any]], Any]) -> list[Any]:
    """Reads every item of a list with `one`, which also gets what was read before; tells all that are wrong, each
    where it stands."""
    out: list[Any] = []
    wrong: list[Refused] = []
    for item in node.items:
        try:
            out.append(one(item, out))
        except Refused as refused:
            refused.span = refused.span or item.span
            wrong.append(refused)
    if wrong:
        wrong[0].others = tuple(wrong[1:])
        raise wrong[0]
    return out


@dataclass(frozen=True)
class Pattern(Kind):
    """What poison writes: a byte, an 8-byte word, or false for nothing. Read as the 8-byte word."""

    label = "a byte, an 8-byte word, or false"

    def read(self, node: Node, page: int) -> int | bool:
        value = self.expect(node, int, bool)
        if value is True:
            raise Refused("true is no pattern", "write the byte, such as 0xDE", "LAM022")
        if value is False:
            return False
        if value < 0:
            value &= (1 << 64) - 1  # Lua's integers are signed: 0xDEADBEEFDEADBEEF arrives negative
        if value >= 1 << 64:
            raise Refused(f"{value:#x} is longer than 8 bytes")
        return value * 0x0101010101010101 if value <= 0xFF else value

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"const": False}, {"type": "integer", "minimum": -(1 << 63), "maximum": (1 << 64) - 1}]}


@dataclass(frozen=True)
class Name(Kind):
    """A C identifier, or free text where `text` says so."""

    text: bool = False
    label = "a name"

    def read(self, node: Node, page: int) -> str:
        value = self.expect(node, str)
        if self.text:
            if not value or len(value) > 79 or not value.isprintable() or not value.isascii() or set(value) & set('"\\'):
                raise Refused(f"{value!r} is not 1 to 79 printable ASCII characters without quotes")
            # It stands in comments and in a string literal, where these would begin something else.
            mark = next((mark for mark in ("*/", "/*", "??") if mark in value), None)
            if mark:
                raise Refused(f'"{mark}" has a meaning of its own in C', "leave it out")
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", value):
            raise Refused(f'"{value}" is not a C identifier', "1 to 63 of a-z, A-Z, 0-9 and _, and no digit first")
        elif value in C_WORDS:
            raise Refused(f'"{value}" is a word of C or C++', "take another name")
        return value

    def schema(self) -> dict[str, Any]:
        if self.text:
            return {"type": "string", "pattern": r"^(?!.*(\*/|/\*|\?\?))[ !#-\[\]-~]{1,79}$"}
        return {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$", "not": {"enum": sorted(C_WORDS)}}


@dataclass(frozen=True)
class Ints(Kind):
    """A list of different whole numbers, at least one."""

    least: int = 0
    most: int = 4095
    label = "a list of integers"

    def read(self, node: Node, page: int) -> tuple[int, ...]:
        if not isinstance(node, Seq):
            help = "a list of one is a list as well: {{ {0} }} in Lua, [{0}] in YAML".format(node.value) \
                if isinstance(node, Scalar) and type(node.value) is int else None
            raise Refused(f"expected {self.label}, got {describe(node)}", help, "LAM022")
        if not node.items:
            raise Refused("the list is empty", "name at least one")

        def one(item: Node, before: list[int]) -> int:
            value = Int(self.least, self.most).read(item, page)
            if value in before:
                raise Refused(f"{value} is named twice", "name it once")
            return value

        return tuple(each(node, one))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "integer", "minimum": self.least, "maximum": self.most}}


@dataclass(frozen=True)
class Levels(Kind):
    """Marks of a gauge: whole numbers, or strings in percent of the capacity, rising."""

    label = 'a list of numbers or percentages ("80 %")'

    def read(self, node: Node, page: int) -> tuple[int | str, ...]:
        if not isinstance(node, Seq):
            raise Refused(f"expected {self.label}, got {describe(node)}", 'levels = { "80 %", "95 %" }', "LAM022")
        if not 1 <= len(node.items) <= 16:
            raise Refused(f"{len(node.items)} levels are outside 1 to 16")

        def one(item: Node, before: list[int | str]) -> int | str:
            if not isinstance(item, Scalar) or type(item.value) not in (int, str):
                raise Refused(f"expected a number or a percentage, got {describe(item)}", 'write 800, or "80 %"', "LAM022")
            value = item.value
            if isinstance(value, str):
                match = re.fullmatch(r"\s*([0-9]{1,3})\s*%\s*", value)
                if not match or not 1 <= int(match.group(1)) <= 100:
                    raise Refused(f'"{value}" is not a percentage from 1 to 100', 'write "80 %"', "LAM024")
                return f"{int(match.group(1))}%"
            if value < 1:
                raise Refused(f"{value} is no level: it is always reached", "1 is the lowest")
            return value

        return tuple(each(node, one))

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "maxItems": 16, "items": {"anyOf": [
            {"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\s*[0-9]{1,3}\s*%\s*$"}]}}


@dataclass(frozen=True)
class BranchKind(Kind):
    """A list of layers from the memory up: validated as a stack of its own."""

    label = "a list of layers"

    def read(self, node: Node, page: int) -> Seq:
        if not isinstance(node, Seq):
            raise Refused(f"expected {self.label}, got {describe(node)}", code="LAM022")
        if not node.items:
            raise Refused("the branch has no layers", "begin it with a source, such as lamina.mmap {}", "LAM026")
        return node

    def schema(self) -> dict[str, Any]:
        return {"$ref": "#/$defs/layers"}


@dataclass(frozen=True)
class Param:
    """One parameter. A default of None means: absent, or derived as `doc` says."""

    name: str
    kind: Kind
    doc: str
    default: Any = None
    required: bool = False
    #: What of the platform (targets.ABILITIES) a value needs, by value; a string where any value does.
    needs: str | Mapping[Any, str] = ""

    def need(self, value: Any) -> str:
        """What of the platform this value needs; "" for nothing."""
        if isinstance(self.needs, str):
            return "" if value is None or value is False else self.needs
        return self.needs.get(value, "")


@dataclass(frozen=True)
class Descriptor:
    """All that is known of a layer before a spec uses it."""

    name: str
    role: Role
    brief: str
    doc: str
    params: tuple[Param, ...] = ()
    cost: str = "O(1)"
    idea: str = ""
    #: Diagnostic codes that this layer alone raises.
    codes: tuple[Code, ...] = ()
    #: First pass over a branch, from the memory up: what the layer adds to each block, what it declares.
    shape: Callable[[Layer, Branch], None] | None = None
    #: Second pass, store first, then blocks up, ranges down, the source: the layer's constants.
    plan: Callable[[Layer, Branch], None] | None = None
    #: Legality between this layer and its neighbours; reports through `branch.report`.
    rules: Callable[[Layer, Branch], None] | None = None
    #: Parameters of which exactly one must be given.
    exactly_one: tuple[str, ...] = ()
    #: Position among the block layers when the spec wrote it below the store: lower is nearer the memory.
    rank: int = 0
    #: A block layer whose bytes lie beside the payload, or an observer whose work the others see: the lowest of its
    #: role wherever the spec wrote it.
    innermost: bool = False
    #: Spec lines that the reference page shows.
    example: str = ""
    #: What of the platform (targets.ABILITIES) it can't do without, whatever its parameters.
    needs: tuple[str, ...] = ()
    #: A source that is its own store.
    whole: bool = False
    #: What a store hands out, as messages call it.
    unit: str = "block"

    def param(self, name: str) -> Param | None:
        return next((p for p in self.params if p.name == name), None)

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that it is there for."""
        return with_all(self.needs)
