"""The neutral tree: what a spec says, and where it says it, whatever language it is written in.

Both loaders give this tree and everything later reads it.  The nodes know nothing of layers: a tag is
only the word that stood before the braces.

Conventions that both loaders keep, so that Lua and YAML say the same one to one:

* An empty table or mapping is an empty ``Seq``: Lua cannot tell an empty list from an empty map.  Only a
  layer without parameters is an empty (tagged) ``Map``.
* Integers are Lua's 64-bit ones.  Hexadecimal wraps, so ``0xFFFFFFFFFFFFFFFF`` is ``-1`` in both languages.
* Keys are unique within a ``Map`` and stand in the order of the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source file.  Lines and columns count from 1, in characters; column 0 is unknown.

    ``length`` is the number of characters to underline, all on ``line``.
    """

    file: str
    line: int
    col: int = 0
    length: int = 0

    @property
    def in_yaml(self) -> bool:
        """Whether the file is YAML: remedies are then written so."""
        return self.file.endswith((".yaml", ".yml"))


@dataclass(frozen=True, slots=True)
class Scalar:
    value: None | bool | int | float | str
    span: Span


@dataclass(frozen=True, slots=True)
class Seq:
    items: tuple["Node", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    key: str
    key_span: Span
    value: "Node"

    @property
    def span(self) -> Span:
        """From the key to the end of its value where both stand on one line, else the key."""
        key, value = self.key_span, self.value.span
        if key.file != value.file or key.line != value.line or not 0 < key.col < value.col:
            return key
        return Span(key.file, key.line, key.col, value.col + value.length - key.col)


@dataclass(frozen=True, slots=True)
class Map:
    """Named values.  A ``tag`` is the name of a layer: ``lamina.slab {…}`` in Lua, ``- slab: {…}`` in YAML."""

    entries: tuple[Entry, ...]
    span: Span
    tag: str | None = None

    def get(self, key: str) -> Entry | None:
        for entry in self.entries:
            if entry.key == key:
                return entry
        return None


Node = Union[Scalar, Seq, Map]


@dataclass(frozen=True, slots=True)
class StackNode:
    """One stack.  ``layers`` holds tagged maps from the memory up, ``options`` everything else that is named."""

    name: Scalar
    options: Map
    layers: Seq
    span: Span


@dataclass(frozen=True, slots=True)
class Document:
    """A whole spec.  ``inputs`` names every file that was read, the spec first."""

    path: str
    stacks: tuple[StackNode, ...]
    inputs: tuple[str, ...]
