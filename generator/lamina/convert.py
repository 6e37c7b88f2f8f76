"""Writes a tree as a spec: Lua from YAML and YAML from Lua.

What is written reads back as the same tree.  The tree holds values, not programs: loops, functions, ``require`` and
conditions of a Lua spec are evaluated away, as are anchors of a YAML one; comments are lost, and ``0xDE`` is
written ``222``.  One thing has no form in Lua: a null is left out there, as Lua itself would.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

from .tree import Document, Map, Node, Scalar, Seq, StackNode

WIDTH = 100

_LUA_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LUA_KEYWORDS = frozenset(
    "and break do else elseif end false for function goto if in local nil not or repeat return then true until while"
    .split())
# Plain words that neither this project's loader nor another YAML reader takes for anything but a string.
_YAML_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_/+.()-]*( [A-Za-z0-9_/+.()-]+)*\Z|[0-9]+ [A-Za-z]+\Z")
_YAML_WORDS = frozenset("true false yes no on off null y n".split())


def to_lua(doc: Document) -> str:
    """The document as Lua source."""
    lines = [f"-- Written by `lamina convert` from {_base_name(doc)}.  Layers stand from the memory up.",
             'local lamina = require "lamina"', ""]
    stacks = [_lua_stack(stack) for stack in doc.stacks]
    if len(stacks) == 1:
        stacks[0][0] = "return " + stacks[0][0]
        lines += stacks[0]
    else:
        lines.append("return {")
        for stack in stacks:
            stack[-1] += ","
            lines += _indent(stack)
        lines.append("}")
    return "\n".join(lines) + "\n"


def to_yaml(doc: Document) -> str:
    """The document as YAML."""
    lines = [f"# Written by `lamina convert` from {_base_name(doc)}.  Layers stand from the memory up.", "stacks:"]
    for stack in doc.stacks:
        body = [f"name: {_yaml_scalar(stack.name)}"]
        for entry in stack.options.entries:
            body += _yaml_entry(entry.key, entry.value)
        if stack.layers.items:
            body.append("layers:")
            body += _indent([line for layer in stack.layers.items for line in _yaml_layer(layer, bare=True)])
        else:
            body.append("layers: []")
        lines += _indent(_item(body))
    return "\n".join(lines) + "\n"


def _base_name(doc: Document) -> str:
    name = re.split(r"[/\\]", doc.path)[-1]
    return "".join(char if char.isprintable() else "?" for char in name)


def _indent(lines: list[str]) -> list[str]:
    return ["  " + line for line in lines]


def _fits(text: str) -> bool:
    # Room for the indentation of the deepest usual place.
    return len(text) <= WIDTH - 12


# Lua ---------------------------------------------------------------------------------------------------------------

def _lua_stack(stack: StackNode) -> list[str]:
    lines = [f"lamina.stack {_lua_scalar(stack.name)} {{"]
    lines += _lua_entries(stack.options)
    for layer in stack.layers.items:
        lines += _indent(_ended(_lua_lines("", layer)))
    return [*lines, "}"]


def _lua_entries(node: Map) -> list[str]:
    lines: list[str] = []
    for entry in node.entries:
        if not (isinstance(entry.value, Scalar) and entry.value.value is None):
            lines += _indent(_ended(_lua_lines(_lua_key(entry.key) + " = ", entry.value)))
    return lines


def _ended(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + ","]


def _lua_lines(lead: str, node: Node) -> list[str]:
    flat = lead + _lua_flat(node)
    if isinstance(node, Scalar) or _fits(flat):
        return [flat]
    if isinstance(node, Map):
        return [f"{lead}{_lua_tag(node)}{{", *_lua_entries(node), "}"]
    items = [line for item in node.items for line in _indent(_ended(_lua_lines("", item)))]
    return [lead + "{", *items, "}"]


def _lua_flat(node: Node) -> str:
    if isinstance(node, Scalar):
        return _lua_scalar(node)
    if isinstance(node, Seq):
        return _braced("", [_lua_flat(item) for item in node.items])
    return _braced(_lua_tag(node), [f"{_lua_key(entry.key)} = {_lua_flat(entry.value)}" for entry in node.entries
                                    if not (isinstance(entry.value, Scalar) and entry.value.value is None)])


def _braced(head: str, parts: list[str]) -> str:
    return f"{head}{{ {', '.join(parts)} }}" if parts else head + "{}"


def _lua_tag(node: Map) -> str:
    if node.tag is None:
        return ""
    return f"lamina.{node.tag} " if _lua_is_name(node.tag) else f"lamina[{_lua_string(node.tag)}] "


def _lua_key(key: str) -> str:
    return key if _lua_is_name(key) else f"[{_lua_string(key)}]"


def _lua_is_name(text: str) -> bool:
    return bool(_LUA_NAME.match(text)) and text not in _LUA_KEYWORDS


def _lua_scalar(node: Scalar) -> str:
    value = node.value
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _lua_string(value)
    if isinstance(value, int):
        # The smallest integer has no decimal form: Lua reads the digits before the sign.
        return "math.mininteger" if value == -(1 << 63) else str(value)
    if math.isnan(value):
        return "0/0"
    if math.isinf(value):
        return "math.huge" if value > 0 else "-math.huge"
    return repr(value)


def _lua_string(text: str) -> str:
    def escape(found: re.Match[str]) -> str:
        char = found[0]
        return {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}.get(char) or f"\\u{{{ord(char):x}}}"

    return '"' + re.sub('[\x00-\x1f\x7f-\x9f"\\\\\u2028\u2029]', escape, text) + '"'


# YAML --------------------------------------------------------------------------------------------------------------

def _yaml_entry(key: str, node: Node) -> list[str]:
    return _yaml_lines(_yaml_string(key) + ":", node)


def _yaml_lines(lead: str, node: Node) -> list[str]:
    flat = f"{lead} {_yaml_flat(node)}"
    # Layers are read more often one to a line; values that fit stay on theirs.
    if isinstance(node, Scalar) or _fits(flat) and not _has_layers(node):
        return [flat]
    if isinstance(node, Map):
        lines = [line for entry in node.entries for line in _yaml_entry(entry.key, entry.value)]
    else:
        lines = [line for item in node.items for line in _yaml_list_item(item, node)]
    return [lead, *_indent(lines)]


def _has_layers(node: Node) -> bool:
    return isinstance(node, Seq) and any(isinstance(item, Map) and item.tag is not None for item in node.items)


def _yaml_list_item(item: Node, parent: Seq) -> list[str]:
    if isinstance(item, Map) and item.tag is not None:
        return _yaml_layer(item, bare=False)
    if isinstance(item, Map) and not _fits(_yaml_flat(item)):
        mark = ["!!map"] if _needs_mark(item, parent) else []
        body = [line for entry in item.entries for line in _yaml_entry(entry.key, entry.value)]
        return ["- " + mark[0], *_indent(body)] if mark else _item(body)
    return [f"- {_yaml_item_flat(item, parent)}"]


def _yaml_layer(layer: Node, bare: bool) -> list[str]:
    assert isinstance(layer, Map) and layer.tag is not None
    name = _yaml_string(layer.tag)
    if not layer.entries:
        # Among plain words alone a bare name would read back as a string.
        return [f"- {name}" if bare else f"- {name}: {{}}"]
    flat = f"- {name}: {_yaml_flat(Map(layer.entries, layer.span))}"
    if _fits(flat) and not any(_has_layers(entry.value) for entry in layer.entries):
        return [flat]
    body = [line for entry in layer.entries for line in _yaml_entry(entry.key, entry.value)]
    return [f"- {name}:", *_indent(_indent(body))]


def _item(lines: list[str]) -> list[str]:
    return ["- " + lines[0], *_indent(lines[1:])]


def _needs_mark(item: Map, parent: Seq) -> bool:
    """Whether the list would be taken for a list of layers, and this is the mapping whose mark says that it is not."""
    maps = [each for each in parent.items if isinstance(each, Map)]
    return item is maps[0] and all(len(each.entries) == 1 for each in maps)


def _yaml_item_flat(item: Node, parent: Seq) -> str:
    if isinstance(item, Map) and item.tag is not None:
        return f"{_yaml_string(item.tag)}: {_yaml_flat(Map(item.entries, item.span))}"
    if isinstance(item, Map) and _needs_mark(item, parent):
        return "!!map " + _yaml_flat(item)
    return _yaml_flat(item)


def _yaml_flat(node: Node) -> str:
    if isinstance(node, Scalar):
        return _yaml_scalar(node)
    if isinstance(node, Seq):
        return _flow("[", "]", [_yaml_flow_item(item, node) for item in node.items])
    return _flow("{", "}", [f"{_yaml_string(entry.key)}: {_yaml_flat(entry.value)}" for entry in node.entries])


def _yaml_flow_item(item: Node, parent: Seq) -> str:
    text = _yaml_item_flat(item, parent)
    return "{ " + text + " }" if isinstance(item, Map) and item.tag is not None else text


def _flow(opening: str, closing: str, parts: list[str]) -> str:
    if not parts:
        return opening + closing
    space = " " if opening == "{" else ""
    return f"{opening}{space}{', '.join(parts)}{space}{closing}"


def _yaml_scalar(node: Scalar) -> str:
    value = node.value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _yaml_string(value)
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    return repr(value)


def _yaml_string(text: str) -> str:
    if _YAML_PLAIN.match(text) and text.lower() not in _YAML_WORDS:
        return text
    # JSON's escapes are YAML's; what YAML forbids raw is escaped as well.
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


_Writer = Callable[[Document], str]
WRITERS: dict[str, _Writer] = {".lua": to_lua, ".yaml": to_yaml, ".yml": to_yaml}
