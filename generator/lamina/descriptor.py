"""What a layer says about itself: role, parameters, codes, and how it plans its numbers.

A layer is a module of `lamina.layers` that defines `LAYER = Descriptor(...)`, and a template of the same name
under `templates/layers/`. Nothing else in the tree names it: the registry finds the pair, and the schema, the
reference page, `explain`, `list-layers` and the completion are derived from the descriptor.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Callable

from .codes import Code
from .tree import Map, Node, Scalar, Seq

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
    """A value that a parameter does not take: the code, the message and the remedy."""

    def __init__(self, message: str, help: str | None = None, code: str = "LAM023") -> None:
        super().__init__(message)
        self.message, self.help, self.code = message, help, code


UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SIZE = re.compile(r"^\s*([0-9]+)\s*([A-Za-z]*)\s*$")


def describe(node: Node) -> str:
    """The kind of a value, as a message names it."""
    if isinstance(node, Scalar):
        kinds = {bool: "a boolean", int: "an integer", float: "a number with a fraction", str: "a string"}
        return kinds.get(type(node.value), "nothing")
    return "a list" if isinstance(node, Seq) else "a table"


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
        raise Refused(f"expected {self.label}, got {describe(node)}", code="LAM022")


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
                from .diagnostics import closest

                meant = closest(unit, [*UNITS, "pages"]) if unit else None
                lowered = {u.lower(): u for u in UNITS}
                meant = meant or lowered.get((unit or "").lower()) or {"kb": "KiB", "k": "KiB", "mb": "MiB",
                    "m": "MiB", "gb": "GiB", "g": "GiB"}.get((unit or "").lower())
                hint = f'did you mean "{match.group(1)} {meant}"?' if match and meant else \
                    "write a number with B, KiB, MiB, GiB, TiB or pages"
                raise Refused(f'"{value}" is not a size', hint, "LAM024")
        if not self.least <= value <= self.most:
            raise Refused(f"{value} bytes is outside {self.least} to {self.most}")
        return value

    def schema(self) -> dict[str, Any]:
        units = "|".join([*UNITS, "pages?"])
        return {"anyOf": [{"type": "integer", "minimum": self.least, "maximum": self.most},
                          {"type": "string", "pattern": rf"^\s*[0-9]+\s*({units})?\s*$"}]}


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
    label = "an alignment in bytes"

    def read(self, node: Node, page: int) -> int:
        value = Size(1, self.most).read(node, page)
        if value & (value - 1):
            lower = 1 << (value.bit_length() - 1)
            raise Refused(f"an alignment of {value} is not a power of two", f"{lower} and {lower * 2} are", "LAM040")
        return value

    def schema(self) -> dict[str, Any]:
        return Size(1, self.most).schema()


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
        return {"anyOf": [{"const": False}, {"type": "integer", "minimum": 0, "maximum": (1 << 64) - 1}]}


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
        elif not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise Refused(f'"{value}" is not a C identifier')
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": 79} if self.text else \
            {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}


@dataclass(frozen=True)
class Ints(Kind):
    """A list of different whole numbers, at least one."""

    least: int = 0
    most: int = 4095
    label = "a list of integers"

    def read(self, node: Node, page: int) -> tuple[int, ...]:
        if not isinstance(node, Seq):
            raise Refused(f"expected {self.label}, got {describe(node)}", code="LAM022")
        if not node.items:
            raise Refused("the list is empty", "name at least one")
        values = tuple(Int(self.least, self.most).read(item, page) for item in node.items)
        twice = next((v for i, v in enumerate(values) if v in values[:i]), None)
        if twice is not None:
            raise Refused(f"{twice} is named twice")
        return values

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "minItems": 1, "uniqueItems": True,
                "items": {"type": "integer", "minimum": self.least, "maximum": self.most}}


@dataclass(frozen=True)
class Levels(Kind):
    """Marks of a gauge: whole numbers, or strings in percent of the capacity, rising."""

    label = 'a list of numbers or percentages ("80 %")'

    def read(self, node: Node, page: int) -> tuple[int | str, ...]:
        if not isinstance(node, Seq):
            raise Refused(f"expected {self.label}, got {describe(node)}", code="LAM022")
        if not 1 <= len(node.items) <= 16:
            raise Refused("expected 1 to 16 levels")
        out: list[int | str] = []
        for item in node.items:
            value = self.expect(item, int, str)
            if isinstance(value, str):
                match = re.fullmatch(r"\s*([0-9]{1,3})\s*%\s*", value)
                if not match or not 1 <= int(match.group(1)) <= 100:
                    raise Refused(f'"{value}" is not a percentage from 1 to 100', 'write "80 %"', "LAM024")
                out.append(f"{int(match.group(1))}%")
            elif value < 1:
                raise Refused(f"{value} is no level: it is always reached")
            else:
                out.append(value)
        return tuple(out)

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
            raise Refused("the branch has no layers")
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
    #: Spec lines that the reference page shows.
    example: str = ""
    platforms: tuple[str, ...] = ("linux", "freestanding")
    #: A source that is its own store.
    whole: bool = False
    #: What a store hands out, as messages call it.
    unit: str = "block"

    def param(self, name: str) -> Param | None:
        return next((p for p in self.params if p.name == name), None)
