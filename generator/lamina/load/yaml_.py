"""Reads specs in YAML.

The tree is built from libyaml's events rather than by PyYAML's loaders, since it needs what those drop or do:
places of keys, duplicate keys, a bound on nesting and on what aliases unfold to, and no objects made from tags.

Which plain words are more than strings follows YAML 1.2 with Lua's integers: ``true`` and ``false`` (``yes``,
``no``, ``on``, ``off`` are strings), ``~`` and ``null``, decimal, ``0x…`` and ``0o…`` integers, floats.

A list means layers when it is a stack's ``layers``, or when each mapping in it has one key and there is at least
one: ``- slab: {slot: 64}`` is a layer, and so is a plain word beside it.  Two cases need care:

* A list of plain words alone, ``secondary: [system]``, stays a ``Seq`` of ``Scalar``: whoever reads a branch takes
  its scalars as names of layers without parameters.
* A mapping with one key that is no layer is written with the tag ``!!map``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..diagnostics import Diagnostics, closest
from ..tree import Document, Entry, Map, Node, Scalar, Seq, Span, StackNode
from .source import read_source

if TYPE_CHECKING:
    from yaml import Event, Mark

DEPTH_LIMIT = 64
# Counted as if aliases were written out, since that is what later stages walk.
NODE_LIMIT = 50_000

_CORE = "tag:yaml.org,2002:"
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"([-+]?)(0x[0-9a-fA-F]+|0o[0-7]+)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_NODE_TAGS = {"scalar": ("str", "int", "float", "bool", "null"), "list": ("seq",), "mapping": ("map",)}


def load_yaml(path: str, diags: Diagnostics, root: str | None = None) -> Document | None:
    """Read the spec at ``path``; None after errors."""
    text = read_source(path, diags, root)
    if text is None:
        return None
    errors = diags.errors
    composer = _Composer(path, text, diags)
    top = composer.compose()
    if diags.errors > errors or top is None:
        return None
    stacks = _Stacks(diags, composer.plain_maps).read(top)
    if diags.errors > errors:
        return None
    return Document(path, stacks, (path,))


class _Stop(Exception):
    """Ends the reading of a document that can't be read further; the reason is already reported."""


class _Composer:
    """Events to untagged nodes."""

    def __init__(self, path: str, text: str, diags: Diagnostics) -> None:
        self._path = path
        self._text = text
        self._diags = diags
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._count = 0
        self._depth = 0
        # Mappings whose author wrote !!map, by identity.
        self.plain_maps: dict[int, Map] = {}

    def compose(self) -> Node | None:
        import yaml

        self._yaml = yaml
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            parser = loader(self._text)
            try:
                self._next = parser.get_event
                return self._document()
            finally:
                parser.dispose()
        except yaml.YAMLError as error:
            self._syntax_error(error)
        except _Stop:
            pass
        return None

    def _document(self) -> Node:
        yaml = self._yaml
        self._next()
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._fail("LAM017", Span(self._path, 1), "the spec is empty",
                       help="a spec holds 'stacks:', a list of stacks, or one stack with 'name' and 'layers'")
        node = self._node(self._next())
        self._next()
        event = self._next()
        if not isinstance(event, yaml.StreamEndEvent):
            self._fail("LAM016", self._span(event.start_mark, event.start_mark, 3), "a spec is one YAML document",
                       help="put several stacks into one list under 'stacks:'")
        return node

    def _node(self, event: Event) -> Node:
        yaml = self._yaml
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._grow(1, event)
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event, "scalar")
            node: Node = Scalar(self._value(event), self._span(event.start_mark, event.end_mark))
        else:
            self._depth += 1
            if self._depth > DEPTH_LIMIT:
                self._fail("LAM019", self._span(event.start_mark, event.start_mark, 1),
                           f"the spec is nested more than {DEPTH_LIMIT} deep")
            node = self._sequence(event) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event)
            self._depth -= 1
        if anchor is not None:
            self._anchors[anchor] = (node, self._count - before)
        return node

    def _alias(self, event: Event) -> Node:
        span = self._span(event.start_mark, event.end_mark)
        if event.anchor not in self._anchors:
            known = [name for name, found in self._anchors.items() if found]
            near = closest(event.anchor, known)
            self._fail("LAM013", span, f"no anchor '&{event.anchor}' stands before this alias",
                       help=f"did you mean '*{near}'?" if near else None)
        found = self._anchors[event.anchor]
        if found is None:
            self._fail("LAM016", span, f"the alias '*{event.anchor}' stands inside what it names")
        node, size = found
        self._grow(size, event)
        return node

    def _grow(self, size: int, event: Event) -> None:
        self._count += size
        if self._count > NODE_LIMIT:
            self._fail("LAM019", self._span(event.start_mark, event.end_mark),
                       f"the spec describes more than {NODE_LIMIT} values once its aliases are written out")

    def _sequence(self, event: Event) -> Seq:
        self._check_tag(event, "list")
        items = []
        while not isinstance(item := self._next(), self._yaml.SequenceEndEvent):
            items.append(self._node(item))
        return Seq(tuple(items), self._collection_span(event, item, None))

    def _mapping(self, event: Event) -> Node:
        self._check_tag(event, "mapping")
        yaml = self._yaml
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        first: Span | None = None
        merge_span: Span | None = None
        while not isinstance(key := self._next(), yaml.MappingEndEvent):
            span = self._span(key.start_mark, key.end_mark)
            if not isinstance(key, yaml.ScalarEvent):
                self._fail("LAM017", self._span(key.start_mark, key.start_mark, 1), "a key is a plain word")
            self._check_tag(key, "scalar")
            if key.anchor is not None:
                self._anchors[key.anchor] = (Scalar(key.value, span), 1)
            self._grow(1, key)
            first = first or span
            value = self._node(self._next())
            if key.value == "<<" and key.implicit[0] and key.style in (None, ""):
                if merge_span is not None:
                    self._duplicate("<<", span, merge_span)
                merge_span = merge_span or span
                for entry in self._merge(value, span):
                    merged.setdefault(entry.key, entry)
            elif key.value in entries:
                self._duplicate(key.value, span, entries[key.value].key_span)
            else:
                entries[key.value] = Entry(key.value, span, value)
        # A merge key gives what the mapping itself leaves open.
        found = (*entries.values(), *(entry for name, entry in merged.items() if name not in entries))
        where = self._collection_span(event, key, first)
        if not found:
            return Seq((), where)
        node = Map(found, where)
        if event.tag == _CORE + "map":
            self.plain_maps[id(node)] = node
        return node

    def _merge(self, value: Node, span: Span) -> Iterator[Entry]:
        for source in value.items if isinstance(value, Seq) else (value,):
            if isinstance(source, Map):
                yield from source.entries
            else:
                self._diags.error("LAM017", span, "'<<' takes a mapping or a list of mappings",
                                  help="write <<: *anchor, where the anchor stands at a mapping")

    def _duplicate(self, key: str, span: Span, first: Span) -> None:
        self._diags.error("LAM015", span, f"the key '{key}' stands twice in one mapping",
                          notes=[(first, "it stands here first")], help="keep one of the two")

    def _check_tag(self, event: Event, kind: str) -> None:
        tag = event.tag
        if tag is None or tag == "!":
            return
        if tag.startswith(_CORE) and tag[len(_CORE):] in _NODE_TAGS[kind]:
            return
        shown = "!!" + tag[len(_CORE):] if tag.startswith(_CORE) else tag if tag.startswith("!") else f"!<{tag}>"
        at = event.start_mark
        line = self._diags.source_line(Span(self._path, at.line + 1)) or ""
        length = len(shown) if line.startswith(shown, at.column) else 1
        self._diags.error("LAM016", self._span(at, at, length), f"the tag '{shown}' has no meaning here",
                          help="a spec is made of plain strings, numbers, true and false, lists and mappings")

    def _value(self, event: Event) -> None | bool | int | float | str:
        text = event.value
        tag = event.tag
        if tag is None and not event.implicit[0] or tag in ("!", _CORE + "str"):
            return text
        if tag is None and text and text[0] not in "-+.0123456789~nNtf":
            return text
        value = self._plain(text, event)
        if tag is not None and tag.startswith(_CORE):
            kinds = {"int": int, "float": (float, int), "bool": bool, "null": type(None)}
            kind = kinds.get(tag[len(_CORE):])
            if kind is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
                self._diags.error("LAM016", self._span(event.start_mark, event.end_mark),
                                  f"'{text}' is not what its tag says", help="leave the tag out")
            elif kind == (float, int) and isinstance(value, int):
                value = float(value)
        return value

    def _plain(self, text: str, event: Event) -> None | bool | int | float | str:
        if text in _NULL:
            return None
        if text in ("true", "false"):
            return text == "true"
        based = _BASED.match(text)
        if based:
            number = int(based[2], 0)
            if number >= 1 << 64:
                return self._too_large(text, event)
            # Two's complement, as Lua reads hexadecimal.
            number -= (number >> 63) << 64
            return -number if based[1] == "-" and number != -(1 << 63) else number
        if _INTEGER.match(text):
            digits = text.lstrip("+-").lstrip("0")
            if len(digits) > 19 or not -(1 << 63) <= int(text) < 1 << 63:
                return self._too_large(text, event)
            return int(text)
        if _FLOAT.match(text):
            return float(text)
        if text.lower() in _SPECIAL:
            return float(_SPECIAL[text.lower()])
        return text

    def _too_large(self, text: str, event: Event) -> int:
        shown = text if len(text) <= 40 else text[:37] + "..."
        self._diags.error("LAM012", self._span(event.start_mark, event.end_mark), f"{shown} does not fit in 64 bits")
        return 0

    def _span(self, start: Mark, end: Mark, length: int | None = None) -> Span:
        if length is None:
            if end.line == start.line:
                length = end.column - start.column
            else:
                line = self._diags.source_line(Span(self._path, start.line + 1)) or ""
                length = len(line.rstrip()) - start.column
        return Span(self._path, start.line + 1, start.column + 1, max(length, 1))

    def _collection_span(self, start: Event, end: Event, first: Span | None) -> Span:
        """A flow collection on one line from brace to brace, else its first key or its first character."""
        if start.flow_style:
            if end.end_mark.line == start.start_mark.line:
                line = self._diags.source_line(Span(self._path, start.start_mark.line + 1)) or ""
                # The start mark is at the anchor or tag where there is one.
                opening = min((at for at in (line.find(c, start.start_mark.column) for c in "[{") if at >= 0),
                              default=start.start_mark.column)
                return Span(self._path, start.start_mark.line + 1, opening + 1, end.end_mark.column - opening)
            return self._span(start.start_mark, start.start_mark, 1)
        return first or self._span(start.start_mark, start.start_mark, 1)

    def _fail(self, code: str, span: Span, message: str, help: str | None = None) -> None:
        self._diags.error(code, span, message, help=help)
        raise _Stop

    def _syntax_error(self, error: Exception) -> None:
        problem = getattr(error, "problem", None)
        mark = getattr(error, "problem_mark", None)
        if problem is None or mark is None:
            self._reader_error(error)
            return
        span = self._span(mark, mark, 1)
        context, context_mark = getattr(error, "context", None), getattr(error, "context_mark", None)
        notes: list[tuple[Span | None, str]] = []
        if context and context_mark is not None:
            notes.append((self._span(context_mark, context_mark, 1), context))
        help_text = None
        line = self._diags.source_line(span) or ""
        if "\t" in line[:len(line) - len(line.lstrip())]:
            help_text = "YAML is indented with spaces, never with tabs"
        self._diags.error("LAM013", span, f"YAML syntax: {problem}", notes=notes, help=help_text)

    def _reader_error(self, error: Exception) -> None:
        """A character that YAML does not allow; the reader knows only its place in the whole text."""
        found = re.search("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self._text)
        if not found:
            self._diags.error("LAM013", Span(self._path, 1), f"YAML syntax: {str(error).splitlines()[0]}")
            return
        line = self._text.count("\n", 0, found.start()) + 1
        column = found.start() - (self._text.rfind("\n", 0, found.start()) + 1) + 1
        self._diags.error("LAM013", Span(self._path, line, column, 1),
                          f"YAML syntax: the character U+{ord(found[0]):04X} is not allowed")


class _Stacks:
    """Untagged nodes to stacks and layers."""

    def __init__(self, diags: Diagnostics, plain_maps: dict[int, Map]) -> None:
        self._diags = diags
        self._plain_maps = plain_maps
        # What aliases share is converted once; the original is kept so that its identity stays its own.
        self._done: dict[int, tuple[Node, Node]] = {}

    def read(self, top: Node) -> tuple[StackNode, ...]:
        shape = "a spec holds 'stacks:', a list of stacks, or one stack with 'name' and 'layers'"
        if not isinstance(top, Map):
            what = "a list" if isinstance(top, Seq) and top.items else "nothing" if isinstance(top, Seq) else "a value"
            self._diags.error("LAM017", top.span, f"the spec is {what}, not a mapping", help=shape)
            return ()
        stacks = top.get("stacks")
        if stacks is None:
            if top.get("name") is None and top.get("layers") is None:
                first = top.entries[0]
                near = closest(first.key, ("stacks", "name", "layers"))
                self._diags.error("LAM017", first.key_span, f"unknown key '{first.key}' at the top of a spec",
                                  help=f"did you mean '{near}'?" if near else shape)
                return ()
            stack = self._stack(top)
            return (stack,) if stack else ()
        for entry in top.entries:
            if entry is not stacks and not entry.key.startswith("x-"):
                self._diags.error("LAM017", entry.key_span, f"unknown key '{entry.key}' beside 'stacks'",
                                  help="it belongs into a stack; a key that only holds anchors starts with 'x-'")
        if not isinstance(stacks.value, Seq) or not stacks.value.items:
            self._diags.error("LAM017", stacks.key_span, "'stacks' is a list of at least one stack",
                              help="write '- name: …' for each stack")
            return ()
        found = (self._stack(item) for item in stacks.value.items)
        return tuple(stack for stack in found if stack is not None)

    def _stack(self, node: Node) -> StackNode | None:
        if not isinstance(node, Map):
            self._diags.error("LAM017", node.span, "a stack is a mapping with 'name' and 'layers'")
            return None
        name, layers = node.get("name"), node.get("layers")
        keys = [entry.key for entry in node.entries if entry.key not in ("name", "layers")]
        for key, found in (("name", name), ("layers", layers)):
            if found is None:
                near = closest(key, keys)
                self._diags.error("LAM017", node.span, f"a stack without '{key}'",
                                  help=f"did you mean '{key}' where '{near}' stands?" if near else None)
        if name is None or layers is None:
            return None
        if not isinstance(name.value, Scalar) or not isinstance(name.value.value, str):
            self._diags.error("LAM017", name.value.span, "a stack's name is a string")
            return None
        if not isinstance(layers.value, Seq):
            self._diags.error("LAM017", layers.value.span, "'layers' is a list, from the memory up",
                              help="write '- ' before each layer")
            return None
        options = tuple(Entry(entry.key, entry.key_span, self._value(entry.value)) for entry in node.entries
                        if entry is not name and entry is not layers)
        return StackNode(name.value, Map(options, node.span), self._layers(layers.value), name.value.span)

    def _layers(self, node: Seq) -> Seq:
        layers = []
        for item in node.items:
            layer = self._layer(item)
            if layer is not None:
                layers.append(layer)
        return Seq(tuple(layers), node.span)

    def _layer(self, item: Node) -> Map | None:
        if isinstance(item, Scalar) and isinstance(item.value, str):
            return Map((), item.span, item.value)
        if not isinstance(item, Map) or id(item) in self._plain_maps:
            self._diags.error("LAM010", item.span, "a layer is a name, or a name and its parameters",
                              help="write '- single' or '- slab: {slot: 64}'")
            return None
        head = item.entries[0]
        if len(item.entries) > 1:
            second = item.entries[1]
            self._diags.error("LAM010", second.key_span, f"a second key, '{second.key}', in the layer '{head.key}'",
                              notes=[(head.key_span, "the layer is named here")],
                              help=f"write '- {second.key}' for a layer of its own, or indent a parameter deeper")
            return None
        body = head.value
        if isinstance(body, Map):
            entries = tuple(Entry(entry.key, entry.key_span, self._value(entry.value)) for entry in body.entries)
            return Map(entries, head.key_span, head.key)
        if isinstance(body, Scalar) and body.value is None or isinstance(body, Seq) and not body.items:
            return Map((), head.key_span, head.key)
        self._diags.error("LAM011", body.span, f"the layer '{head.key}' takes named parameters",
                          help=f"write '- {head.key}: {{name: value, …}}'")
        return None

    def _value(self, node: Node) -> Node:
        if isinstance(node, Scalar):
            return node
        done = self._done.get(id(node))
        if done is None:
            done = (self._convert(node), node)
            self._done[id(node)] = done
        return done[0]

    def _convert(self, node: Seq | Map) -> Node:
        if isinstance(node, Map):
            return Map(tuple(Entry(entry.key, entry.key_span, self._value(entry.value)) for entry in node.entries),
                       node.span)
        maps = [item for item in node.items if isinstance(item, Map)]
        if maps and all(len(item.entries) == 1 and id(item) not in self._plain_maps for item in maps):
            return self._layers(node)
        return Seq(tuple(self._value(item) for item in node.items), node.span)
