"""Specs in YAML: the same trees as in Lua, and everything that YAML can get wrong."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from lamina.diagnostics import Diagnostics
from lamina.load import load_spec
from lamina.tree import Document, Map, Node, Scalar, Seq, Span

DATA = Path(__file__).parent / "data" / "load"


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text: str):
    Path("spec.yaml").write_text(text, encoding="utf-8")
    diags = Diagnostics()
    return load_spec("spec.yaml", [], diags), diags


def good(text: str) -> Document:
    doc, diags = load(text)
    assert diags.ok and doc is not None, diags.render()
    return doc


def bad(text: str) -> Diagnostics:
    started = time.monotonic()
    doc, diags = load(text)
    assert time.monotonic() - started < 3
    assert doc is None and diags.errors > 0
    return diags


def only(diags: Diagnostics):
    assert len(diags.items) == 1, diags.render()
    return diags.items[0]


def expect(diags: Diagnostics, code: str, line: int, col: int, message: str):
    item = only(diags)
    assert (item.code, item.span.line, item.span.col) == (code, line, col), diags.render()
    assert re.search(message, item.message), item.message


def under(span: Span) -> str:
    line = Path(span.file).read_text(encoding="utf-8").split("\n")[span.line - 1]
    assert span.col > 0
    return line[span.col - 1:span.col - 1 + span.length]


def plain(node: Node):
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    values = {entry.key: plain(entry.value) for entry in node.entries}
    return values if node.tag is None else (node.tag, values)


def params(text: str) -> dict:
    """The parameters of one layer whose YAML is given, indented as a block."""
    body = "\n".join("        " + line for line in text.split("\n"))
    doc = good(f"name: s\nlayers:\n  - x:\n{body}\n")
    return plain(doc.stacks[0].layers)[0][1]


def param(text: str):
    return params(f"v: {text}")["v"]


# What a spec says --------------------------------------------------------------------------------------------------

def test_yaml_and_lua_say_the_same():
    diags = Diagnostics()
    yaml = load_spec(str(DATA / "same.yaml"), [], diags)
    lua = load_spec(str(DATA / "same.lua"), [], diags)
    assert diags.ok, diags.render()
    assert [stack.name.value for stack in yaml.stacks] == [stack.name.value for stack in lua.stacks]
    for a, b in zip(yaml.stacks, lua.stacks):
        assert plain(a.options) == plain(b.options)
        assert plain(a.layers) == plain(b.layers)


def test_one_stack_at_the_top():
    doc = good("name: s\nbrief: text\nlayers: [system, slab: { slot: 64 }]\n")
    (stack,) = doc.stacks
    assert stack.name.value == "s" and plain(stack.options) == {"brief": "text"}
    assert plain(stack.layers) == [("system", {}), ("slab", {"slot": 64})]
    assert doc.path == "spec.yaml" and doc.inputs == ("spec.yaml",)


def test_forms_of_a_layer():
    doc = good("""\
name: s
layers:
  - single
  - "single"
  - single:
  - single: {}
  - single: ~
  - guard-pages: { n: 1 }
  - fallback:
      primary: [ mmap: {}, slab: { slot: 8 } ]
      words: [ mmap, slab ]
      mixed: [ mmap, slab: { slot: 8 } ]
      none: []
""")
    assert plain(doc.stacks[0].layers) == [
        ("single", {}), ("single", {}), ("single", {}), ("single", {}), ("single", {}), ("guard-pages", {"n": 1}),
        ("fallback", {"primary": [("mmap", {}), ("slab", {"slot": 8})], "words": ["mmap", "slab"],
                      "mixed": [("mmap", {}), ("slab", {"slot": 8})], "none": []})]


def test_lists_of_mappings_that_are_no_layers():
    assert params("classes:\n  - { size: 16, count: 2 }\n  - { size: 32 }")["classes"] == [
        {"size": 16, "count": 2}, {"size": 32}]
    assert params("classes:\n  - !!map { size: 16 }\n  - { size: 32 }")["classes"] == [{"size": 16}, {"size": 32}]
    assert params("one: { a: 1 }\nempty: {}") == {"one": {"a": 1}, "empty": []}


@pytest.mark.parametrize("text, value", [
    ("64", 64), ("-64", -64), ("+64", 64), ("0xDE", 0xDE), ("0Xde", "0Xde"), ("-0x10", -16), ("0o17", 15), ("017", 17),
    ("0", 0), ("00", 0), ("0xFFFFFFFFFFFFFFFF", -1), ("0x8000000000000000", -(1 << 63)),
    ("9223372036854775807", (1 << 63) - 1), ("-9223372036854775808", -(1 << 63)),
    ("1.5", 1.5), ("64.0", 64.0), ("1e3", 1000.0), (".5", 0.5), ("-.inf", float("-inf")), (".Inf", float("inf")),
    ("true", True), ("false", False), ("True", "True"), ("TRUE", "TRUE"),
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("n", "n"),
    ("null", None), ("~", None), ("", None), ('""', ""), ("''", ""),
    ("64 MiB", "64 MiB"), ("1:30", "1:30"), ("1_000", "1_000"), ("0b11", "0b11"), ("2024-01-01", "2024-01-01"),
    ('"64"', "64"), ("'true'", "true"), ("!!str 64", "64"), ("! 64", "64"), ("!!int 64", 64), ("!!float 64", 64.0),
    ("=", "="), (".", "."), ("-x", "-x"), ("1e", "1e"),
    ("|\n  a\n  b", "a\nb"), (">\n  a\n  b", "a b"), ('"\\u00e9\\x41"', "\u00e9A"), ("é", "é"), ("a#b", "a#b"),
    ("a # comment", "a"),
])
def test_plain_words(text, value):
    found = param(text.replace("\n", "\n  "))
    found = found.rstrip("\n") if isinstance(found, str) else found
    assert found == value and type(found) is type(value)


def test_anchors_aliases_and_merges():
    doc = good("""\
x-common: &mmap { mmap: { reserve: 64 MiB } }
x-more:
  - &slab
    slot: 64
    count: 10
stacks:
  - name: a
    layers:
      - *mmap
      - slab: { <<: *slab, count: 20 }
      - x: { <<: [ { a: 1 }, { a: 2, b: 3 } ], c: &n 4 }
      - y: { d: *n, "<<": 5 }
  - name: b
    layers: [ *mmap, slab: *slab ]
""")
    assert plain(doc.stacks[0].layers) == [
        ("mmap", {"reserve": "64 MiB"}), ("slab", {"count": 20, "slot": 64}), ("x", {"c": 4, "a": 1, "b": 3}),
        ("y", {"d": 4, "<<": 5})]
    assert plain(doc.stacks[1].layers) == [("mmap", {"reserve": "64 MiB"}), ("slab", {"slot": 64, "count": 10})]
    merged = doc.stacks[0].layers.items[1].get("slot")
    assert (merged.key_span.line, under(merged.key_span), under(merged.value.span)) == (4, "slot", "64")


def test_windows_line_ends_and_byte_order_mark():
    Path("spec.yaml").write_bytes(b"\xef\xbb\xbfname: s\r\nlayers:\r\n  - x: { a: 1 }\r\n")
    diags = Diagnostics()
    doc = load_spec("spec.yaml", [], diags)
    assert diags.ok, diags.render()
    assert doc.stacks[0].layers.items[0].get("a").value.span == Span("spec.yaml", 3, 13, 1)


def test_yml_is_yaml_too():
    Path("spec.yml").write_text("name: s\nlayers: [x]\n")
    diags = Diagnostics()
    assert load_spec("spec.yml", [], diags) is not None and diags.ok


# Where it stands ---------------------------------------------------------------------------------------------------

def test_spans():
    doc = good("""\
# é comment
stacks:
  - name: numa_slab
    brief: "é€ quoted"   # comment
    layers:
      - mmap: { reserve: 64 MiB, "commit": 'lazy' }
      - single            # a word
      - x:
          é: [ 1, é€, { k: v, l: w } ]
          text: |
            one
            two
          list:
            - 7
          tagged: !!str 64
          anchored: &a [ 1 ]
          aliased: *a
""")
    (stack,) = doc.stacks
    assert under(stack.span) == "numa_slab" and under(stack.name.span) == "numa_slab"
    assert under(stack.options.get("brief").key_span) == "brief"
    assert under(stack.options.get("brief").value.span) == '"é€ quoted"'
    mmap, single, x = stack.layers.items
    assert under(mmap.span) == "mmap" and mmap.span.line == 6
    assert under(mmap.get("reserve").key_span) == "reserve" and under(mmap.get("reserve").value.span) == "64 MiB"
    assert under(mmap.get("reserve").span) == "reserve: 64 MiB"
    assert under(mmap.get("commit").key_span) == '"commit"' and under(mmap.get("commit").value.span) == "'lazy'"
    assert under(single.span) == "single"
    values = x.get("é").value
    assert under(values.span) == "[ 1, é€, { k: v, l: w } ]"
    assert under(x.get("text").value.span) == "|"
    assert under(x.get("list").value.span) == "-" and under(x.get("list").value.items[0].span) == "7"
    assert under(x.get("anchored").value.span) == "[ 1 ]"
    assert under(x.get("tagged").value.span) == "!!str 64"
    assert x.get("aliased").value.span == x.get("anchored").value.span


# Mistakes ----------------------------------------------------------------------------------------------------------

def test_duplicate_keys_are_all_told_with_the_first():
    diags = bad("name: s\nlayers:\n  - slab: { slot: 64, count: 1, slot: 48, 'slot': 3 }\nname: t\n")
    assert [(item.code, item.span.line, item.span.col) for item in diags.items] == [
        ("LAM015", 3, 33), ("LAM015", 3, 43), ("LAM015", 4, 1)]
    assert [(note[0].line, note[0].col) for item in diags.items for note in item.notes] == [(3, 13), (3, 13), (1, 1)]


@pytest.mark.parametrize("text, line, col, message", [
    ("name: s\nlayers:\n\t- x\n", 3, 1, "cannot start any token"),
    ("name: s\nlayers: [a, b\n", 3, 1, "expected ',' or ']'"),
    ("name: 's\n", 2, 1, "unexpected end of stream"),
    ("name: s\n layers: x\n", 2, 8, "mapping values are not allowed"),
    ("name: %x\n@: y\n", 1, 7, "cannot start any token"),
    ("a: *nowhere\n", 1, 4, "no anchor '&nowhere'"),
    ("a: b\n- c\n", 2, 1, "expected"),
    ("a: \"\\q\"\n", 1, 5, "unknown escape"),
    ("name: a\x00b\n", 1, 8, "U\\+0000 is not allowed"),
    ("# fine\nname: \x07\n", 2, 7, "U\\+0007 is not allowed"),
    ("%YAML 3.0\n---\na: b\n", 1, 1, "incompatible"),
])
def test_syntax_errors(text, line, col, message):
    expect(bad(text), "LAM013", line, col, message)


def test_a_syntax_error_says_what_was_being_read():
    item = only(bad("name: s\nlayers: [a, b\n"))
    assert item.notes == ((Span("spec.yaml", 2, 9, 1), "while parsing a flow sequence"),)
    assert "tabs" in only(bad("name: s\nlayers:\n\t- x\n")).help
    assert "did you mean '*mmap'" in only(bad("x-a: &mmap 1\nb: *mmpa\n")).help


@pytest.mark.parametrize("text, line, col, shown", [
    ("name: !!python/object/apply:os.system [ls]\n", 1, 7, "!!python/object/apply:os.system"),
    ("name: !!python/name:os.system\n", 1, 7, "!!python/name:os.system"),
    ("name: !custom x\n", 1, 7, "!custom"),
    ("name: !<tag:example.com,2000:x> y\n", 1, 7, "tag:example.com,2000:x"),
    ("name: !!binary aGk=\n", 1, 7, "!!binary"),
    ("name: !!set { a }\n", 1, 7, "!!set"),
    ("name: !!seq x\n", 1, 7, "!!seq"),
    ("!!python/tuple name: x\n", 1, 1, "!!python/tuple"),
])
def test_tags(text, line, col, shown):
    diags = bad(text)
    assert (diags.items[0].code, diags.items[0].span.line, diags.items[0].span.col) == ("LAM016", line, col), diags.render()
    assert shown in diags.items[0].message


@pytest.mark.parametrize("text, line, col, message", [
    ("name: !!int x\n", 1, 7, "not what its tag says"),
    ("name: !!int true\n", 1, 7, "not what its tag says"),
    ("name: !!bool yes\n", 1, 7, "not what its tag says"),
    ("name: s\nlayers: [x]\n---\nname: t\nlayers: [x]\n", 3, 1, "one YAML document"),
    ("a: &a [ 1, *a ]\n", 1, 12, "inside what it names"),
    ("a: &a { <<: *a }\n", 1, 13, "inside what it names"),
])
def test_what_a_spec_does_not_use(text, line, col, message):
    item = bad(text).items[0]
    assert (item.code, item.span.line, item.span.col) == ("LAM016", line, col)
    assert re.search(message, item.message)


@pytest.mark.parametrize("text, code, line, col, message", [
    ("", "LAM017", 1, 0, "is empty"),
    ("# nothing\n", "LAM017", 1, 0, "is empty"),
    ("~\n", "LAM017", 1, 1, "not a mapping"),
    ("- name: s\n", "LAM017", 1, 1, "is a list"),
    ("{}\n", "LAM017", 1, 1, "nothing"),
    ("stacks: []\n", "LAM017", 1, 1, "at least one stack"),
    ("stacks: { name: s }\n", "LAM017", 1, 1, "is a list"),
    ("stacks: [ s ]\n", "LAM017", 1, 11, "a stack is a mapping"),
    ("stack:\n  - name: s\n", "LAM017", 1, 1, "unknown key 'stack'"),
    ("stacks:\n  - name: s\n    layers: [x]\nbrief: y\n", "LAM017", 4, 1, "unknown key 'brief'"),
    ("layers: [x]\n", "LAM017", 1, 1, "without 'name'"),
    ("name: s\nlayer: [x]\n", "LAM017", 1, 1, "without 'layers'"),
    ("name: 5\nlayers: [x]\n", "LAM017", 1, 7, "name is a string"),
    ("name: [s]\nlayers: [x]\n", "LAM017", 1, 7, "name is a string"),
    ("name: s\nlayers: x\n", "LAM017", 2, 9, "'layers' is a list"),
    ("name: s\nlayers: { x: y }\n", "LAM017", 2, 9, "'layers' is a list"),
    ("name: s\n? [a]\n: b\n", "LAM017", 2, 3, "a key is a plain word"),
    ("name: s\n*x : b\n", "LAM017", 2, 1, "a key is a plain word"),
    ("name: s\nlayers:\n  - 5\n", "LAM010", 3, 5, "a layer is a name"),
    ("name: s\nlayers:\n  - [x]\n", "LAM010", 3, 5, "a layer is a name"),
    ("name: s\nlayers:\n  - x: {}\n    y: {}\n", "LAM010", 4, 5, "a second key, 'y', in the layer 'x'"),
    ("name: s\nlayers:\n  - x: 5\n", "LAM011", 3, 8, "takes named parameters"),
    ("name: s\nlayers:\n  - x: [1]\n", "LAM011", 3, 8, "takes named parameters"),
    ("name: s\nlayers:\n  - x: { <<: 5 }\n", "LAM017", 3, 10, "'<<' takes"),
    ("name: s\nlayers:\n  - x: { a: 99999999999999999999 }\n", "LAM012", 3, 13, "64 bits"),
    ("name: s\nlayers:\n  - x: { a: 0x1FFFFFFFFFFFFFFFF }\n", "LAM012", 3, 13, "64 bits"),
    ("name: s\nlayers:\n  - x: { a: " + "9" * 5000 + " }\n", "LAM012", 3, 13, "64 bits"),
])
def test_wrong_shapes(text, code, line, col, message):
    diags = bad(text)
    item = diags.items[0]
    assert (item.code, item.span.line, item.span.col) == (code, line, col), diags.render()
    assert re.search(message, item.message), item.message


def test_several_mistakes_at_once():
    diags = bad("stacks:\n  - name: 5\n    layers: [x]\n  - layers: []\n  - name: s\n    layers:\n      - x: 5\n      - 6\n")
    assert [(item.span.line, item.code) for item in diags.items] == [
        (2, "LAM017"), (4, "LAM017"), (7, "LAM011"), (8, "LAM010")]


# Attacks -----------------------------------------------------------------------------------------------------------

def test_alias_bombs():
    bomb = "x-a: &a [ lol, lol, lol, lol, lol, lol, lol, lol, lol ]\n"
    for previous, name in zip("abcdefgh", "bcdefghi"):
        bomb += f"x-{name}: &{name} [ {', '.join(['*' + previous] * 9)} ]\n"
    assert only(bad(bomb)).code == "LAM019"
    bomb = "x-a: &a { k: 1 }\n"
    for previous, name in zip("abcdefgh", "bcdefghi"):
        bomb += f"x-{name}: &{name} {{ {', '.join(f'k{i}: *{previous}' for i in range(9))} }}\n"
    assert only(bad(bomb)).code == "LAM019"


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000, "- " * 100_000 + "x", "a: " + "[" * 100 + "]" * 100,
                                  "? " * 50_000])
def test_deep_nesting(text):
    item = only(bad(text))
    assert item.code in ("LAM019", "LAM017") and item.span.line == 1


def test_many_values():
    assert only(bad("x-a: [" + "1, " * 60_000 + "1]\n")).code == "LAM019"


def test_every_prefix_and_every_lost_character_ends_in_order():
    """Broken specs must give diagnostics, never an exception."""
    text = (DATA / "same.yaml").read_text(encoding="utf-8")
    for cut in range(0, len(text), 7):
        for broken in (text[:cut], text[:cut] + text[cut + 1:], text[:cut] + "\t" + text[cut:], text[:cut] + "{" + text[cut:],
                       text[:cut] + ":" + text[cut:], text[:cut] + "*" + text[cut:]):
            doc, diags = load(broken)
            assert (doc is None) == (diags.errors > 0)
            diags.render()


def test_files_that_cannot_be_read():
    diags = Diagnostics()
    assert load_spec("absent.yaml", [], diags) is None
    assert only(diags).code == "LAM001"
    Path("latin.yaml").write_bytes(b"name: caf\xe9\n")
    diags = Diagnostics()
    assert load_spec("latin.yaml", [], diags) is None
    assert only(diags).span == Span("latin.yaml", 1)


def test_the_slower_parser_gives_the_same(monkeypatch):
    import yaml

    text = (DATA / "same.yaml").read_text(encoding="utf-8")
    quick = good(text)
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert good(text) == quick
