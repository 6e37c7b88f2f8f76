"""Lua to YAML and back: what is written reads back as the same tree."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lamina.convert import WRITERS, to_lua, to_yaml
from lamina.diagnostics import Diagnostics
from lamina.load import load_spec
from lamina.tree import Document, Entry, Map, Node, Scalar, Seq, Span, StackNode

DATA = Path(__file__).parent / "data" / "load"
NOWHERE = Span("", 0)


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def bare(node: Node):
    """A node without its places."""
    if isinstance(node, Scalar):
        return (type(node.value).__name__, repr(node.value))
    if isinstance(node, Seq):
        return [bare(item) for item in node.items]
    return (node.tag, [(entry.key, bare(entry.value)) for entry in node.entries])


def stacks(doc: Document):
    return [(bare(stack.name), bare(stack.options), bare(stack.layers)) for stack in doc.stacks]


def read(text: str, suffix: str) -> Document:
    path = "converted" + suffix
    Path(path).write_text(text, encoding="utf-8")
    diags = Diagnostics()
    doc = load_spec(path, [], diags)
    assert doc is not None, text + diags.render()
    return doc


def load(path: Path) -> Document:
    diags = Diagnostics()
    doc = load_spec(str(path), [], diags)
    assert doc is not None, diags.render()
    return doc


@pytest.mark.parametrize("name", ["same.lua", "same.yaml", "forms.lua"])
def test_round_trips(name):
    doc = load(DATA / name)
    lua, yaml = to_lua(doc), to_yaml(doc)
    assert stacks(read(lua, ".lua")) == stacks(doc)
    assert stacks(read(yaml, ".yaml")) == stacks(doc)
    # What was written once is written the same again.
    assert to_yaml(read(lua, ".lua")).split("\n")[1:] == yaml.split("\n")[1:]
    assert to_lua(read(yaml, ".yaml")).split("\n")[1:] == lua.split("\n")[1:]


def test_lua_is_pretty():
    assert to_lua(load(DATA / "same.yaml")) == """\
-- Written by `lamina convert` from same.yaml.  Layers stand from the memory up.
local lamina = require "lamina"

return {
  lamina.stack "web" {
    brief = "requests, and what they need",
    instance = "static",
    budget = { alloc = 8, free = 10 },
    lamina.static { size = "64 KiB" },
    lamina.bump {},
  },
  lamina.stack "connections" {
    handler = "user",
    lamina.fallback {
      primary = {
        lamina.mmap { reserve = "64 MiB", commit = "lazy", huge = false },
        lamina.numa { bind = { 0, 1 } },
        lamina.slab { slot = 64, count = 1024, link = { kind = "xor", seed = -1 } },
      },
      secondary = { lamina.system {} },
    },
    lamina.poison { on_free = 222, verify = true, ratio = 0.5 },
    lamina.size_classes {
      table = { { size = 16, count = 100 }, { size = 32, count = 50 } },
      names = { "small", "off" },
    },
    lamina.single {},
  },
}
"""


def test_yaml_is_pretty():
    assert to_yaml(load(DATA / "same.lua")) == """\
# Written by `lamina convert` from same.lua.  Layers stand from the memory up.
stacks:
  - name: web
    brief: "requests, and what they need"
    instance: static
    budget: { alloc: 8, free: 10 }
    layers:
      - static: { size: 64 KiB }
      - bump
  - name: connections
    handler: user
    layers:
      - fallback:
          primary:
            - mmap: { reserve: 64 MiB, commit: lazy, huge: false }
            - numa: { bind: [0, 1] }
            - slab: { slot: 64, count: 1024, link: { kind: xor, seed: -1 } }
          secondary:
            - system: {}
      - poison: { on_free: 222, verify: true, ratio: 0.5 }
      - size_classes:
          table: [{ size: 16, count: 100 }, { size: 32, count: 50 }]
          names: [small, "off"]
      - single
"""


def document(*layers: Map, options=()) -> Document:
    stack = StackNode(Scalar("s", NOWHERE), Map(tuple(options), NOWHERE), Seq(layers, NOWHERE), NOWHERE)
    return Document("x.lua", (stack,), ("x.lua",))


def entry(key: str, value) -> Entry:
    return Entry(key, NOWHERE, node(value))


def node(value) -> Node:
    if isinstance(value, list):
        return Seq(tuple(node(item) for item in value), NOWHERE)
    if isinstance(value, dict):
        return Map(tuple(entry(key, item) for key, item in value.items()), NOWHERE)
    if isinstance(value, tuple):
        return Map(tuple(entry(key, item) for key, item in value[1].items()), NOWHERE, value[0])
    return Scalar(value, NOWHERE)


def check(doc: Document):
    for suffix, write in WRITERS.items():
        text = write(doc)
        assert stacks(read(text, suffix)) == stacks(doc), text
        # A carriage return or tab in the text would mean something else to another reader.
        assert "\r" not in text and "\t" not in text
        assert all(line == line.rstrip() for line in text.split("\n"))


@pytest.mark.parametrize("value", [
    0, -1, (1 << 63) - 1, -(1 << 63), 1.0, -0.0, 1e300, 0.1, float("inf"), float("-inf"), float("nan"), 1e16, 5e-324,
    True, False, "", " ", "x", "64 MiB", "64", "0x10", "1e3", "true", "yes", "NO", "on", "null", "~", "-", "- x", "a: b",
    "a #b", "#a", "'", '"', "\\", "a\nb", "\n", "a\n", "\t", "\r\n", "\x00", "\x1b[0m", "\x7f", "\x85", "é", "漢字", "😀",
    "\u2028", "\ufeff", "\u00a0", "[[", "]]", "--[[", "%d", "{", "}", "*a", "&a", "!t", "!!map", "<<", "=", "|", ">", "@",
    "`", "?", ":", ",", "end", "2024-01-01", "1:30", "1_000", ".5", ".inf", "0o7", "a" * 200, "word " * 60, " lead", "trail ",
    [], [1], [1, 2.5, "x", True], ["system"], [[1], [2, [3]]], [[], []], {"a": 1}, {"a": {"b": {"c": [1]}}},
    [{"a": 1}], [{"a": 1}, {"b": 2}], [{"a": 1, "b": 2}, {"c": 3}], [{"a": {"b": 1}}], [{"a": 1}, "x"], [[{"a": 1}]],
    [("system", {})], [("mmap", {"a": 1}), ("slab", {})], [("f", {"p": [("a", {}), ("b", {"c": [1]})], "q": [("d", {})]})],
    [{"a": "x" * 90}, {"b": 1}], [{"a": "x" * 90, "c": 1}, {"b": "y" * 90}], ["x" * 60, "y" * 60],
    [("f", {"p": [("a", {"long": "x" * 100}), ("b", {})]})], {"k" * 60: {"l" * 60: ["m" * 60]}},
    [[("a", {}), ("b", {"x": [("c", {})]})]],
], ids=repr)
def test_values_survive(value):
    check(document(node(("x", {"v": value})), options=[entry("o", value)]))


@pytest.mark.parametrize("name", ["x", "end", "guard-pages", "a b", "1", "yes", "null", "é", "a.b", '"', "x:", "", "_", "<<x",
                                  "stack", "#", "-", "true"])
def test_names_survive(name):
    check(document(node((name, {})), node((name, {name: {name: 1}})), node(("f", {"p": [(name, {}), (name, {name: 1})]})),
                   options=[entry(name or "o", 1)]))


def test_a_stack_without_layers():
    check(document())


def test_what_lua_cannot_say_is_left_out():
    doc = document(node(("x", {"a": None, "b": 1})))
    assert stacks(read(to_yaml(doc), ".yaml")) == stacks(doc)
    assert stacks(read(to_lua(doc), ".lua")) == stacks(document(node(("x", {"b": 1}))))


def test_random_trees_survive():
    """The seed makes a failure repeatable; the index of the tree is in its name."""
    chance = random.Random(20240607)

    def scalar():
        return chance.choice([chance.randrange(-(1 << 63), 1 << 63), chance.random(), True, False, "lazy", "64 KiB", "a: b",
                              "é\n", "off", "12", ""])

    def name():
        return chance.choice(["slot", "count", "on_free", "end", "x-y", "kind", "é", "no"])

    def value(depth: int):
        kind = chance.randrange(6) if depth else 0
        if kind <= 2:
            return scalar()
        if kind == 3:
            return [value(depth - 1) for _ in range(chance.randrange(4))]
        if kind == 4:
            return {name(): value(depth - 1) for _ in range(chance.randrange(1, 4))}
        return [layer(depth - 1) for _ in range(chance.randrange(1, 3))]

    def layer(depth: int):
        return (f"layer_{name()}", {name(): value(depth) for _ in range(chance.randrange(4))})

    documents = []
    for number in range(150):
        top = [node(layer(3)) for _ in range(chance.randrange(5))]
        options = [entry(key, item) for key, item in {name(): value(2) for _ in range(3)}.items()]
        documents.append(StackNode(Scalar(f"stack_{number}", NOWHERE), Map(tuple(options), NOWHERE),
                                   Seq(tuple(top), NOWHERE), NOWHERE))
    check(Document("random.lua", tuple(documents), ()))
