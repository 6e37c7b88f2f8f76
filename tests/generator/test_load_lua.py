"""Specs in Lua: what they give, where it stands, and how hostile ones end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamina.diagnostics import Diagnostics
from lamina.load import load_spec, lua
from lamina.tree import Document, Map, Node, Scalar, Seq, Span

DATA = Path(__file__).parent / "data" / "load"
HEAD = 'local lamina = require "lamina"\n'


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def load(text: str, include=(), name="spec.lua"):
    Path(name).write_text(text, encoding="utf-8")
    diags = Diagnostics()
    return load_spec(name, include, diags), diags


def good(text: str, include=()) -> Document:
    doc, diags = load(text, include)
    assert diags.ok and doc is not None, diags.render()
    return doc


def bad(text: str, include=(), within=120.0) -> Diagnostics:
    started = time.monotonic()
    doc, diags = load(text, include)
    assert time.monotonic() - started < within
    assert doc is None
    assert diags.errors > 0
    return diags


def only(diags: Diagnostics):
    assert len(diags.items) == 1, diags.render()
    return diags.items[0]


def expect(diags: Diagnostics, code: str, line: int, message: str, file="spec.lua"):
    item = only(diags)
    assert (item.code, item.span.file if item.span else None, item.span.line if item.span else 0) == (code, file, line), \
        diags.render()
    assert re.search(message, item.message), item.message
    assert "traceback" not in item.message and "[lamina]" not in item.message
    assert "spec.lua:" not in item.message


def under(span: Span) -> str:
    """The source text that a span underlines."""
    line = re.split("\r\n?|\n", Path(span.file).read_text(encoding="utf-8"))[span.line - 1]
    assert span.col > 0, span
    return line[span.col - 1:span.col - 1 + span.length]


def plain(node: Node):
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Seq):
        return [plain(item) for item in node.items]
    values = {entry.key: plain(entry.value) for entry in node.entries}
    return values if node.tag is None else (node.tag, values)


def layers(doc: Document, stack=0):
    return plain(doc.stacks[stack].layers)


def value(doc: Document, *path):
    node = doc.stacks[0].layers
    for step in path:
        if isinstance(node, Seq):
            node = node.items[step]
        else:
            node = node.get(step).value
    return node


# What a spec says --------------------------------------------------------------------------------------------------

def test_the_stack_that_names_the_project():
    doc = good(HEAD + '''return lamina.stack "numa_slab" {
  brief = "sixty-four", instance = "handle", budget = { alloc = 8, free = 10 },
  lamina.mmap { reserve = "64 MiB", commit = "lazy" },
  lamina.numa { bind = {0} },
  lamina.poison { on_free = 0xDE },
  lamina.slab { slot = 64 },
}''')
    (stack,) = doc.stacks
    assert stack.name.value == "numa_slab"
    assert plain(stack.options) == {"brief": "sixty-four", "instance": "handle", "budget": {"alloc": 8, "free": 10}}
    assert layers(doc) == [("mmap", {"reserve": "64 MiB", "commit": "lazy"}), ("numa", {"bind": [0]}),
                           ("poison", {"on_free": 0xDE}), ("slab", {"slot": 64})]
    assert doc.path == "spec.lua" and doc.inputs == ("spec.lua",)


def test_values_keep_their_kinds():
    doc = good(HEAD + r'''return lamina.stack "s" { lamina.x { a = 9007199254740993, b = 64.0, c = -1, d = 0xFFFFFFFFFFFFFFFF,
  e = math.mininteger, f = 1e300, g = math.huge, h = true, i = false, j = "q\"\\\n\u{e9}", k = 7 // 2, l = {},
  m = "", n = 1e15 } }''')
    found = plain(value(doc, 0))[1]
    assert found == {"a": 9007199254740993, "b": 64.0, "c": -1, "d": -1, "e": -(1 << 63), "f": 1e300, "g": float("inf"),
                     "h": True, "i": False, "j": 'q"\\\n\u00e9', "k": 3, "l": [], "m": "", "n": 1e15}
    assert isinstance(found["b"], float) and isinstance(found["n"], float) and type(found["k"]) is int


def test_every_form_of_layer_call():
    doc = good(HEAD + '''return lamina.stack "s" { lamina.single {}, lamina.single(), lamina["guard-pages"] { n = 1 },
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 8 } }, secondary = { lamina.system {} } },
  lamina.fallback { only = lamina.system() }, lamina.stack { count = 1 }, lamina.stack() }''')
    assert layers(doc) == [("single", {}), ("single", {}), ("guard-pages", {"n": 1}),
                           ("fallback", {"primary": [("mmap", {}), ("slab", {"slot": 8})],
                                         "secondary": [("system", {})]}),
                           ("fallback", {"only": [("system", {})]}), ("stack", {"count": 1}), ("stack", {})]


def test_a_family_of_stacks_from_loops_and_functions():
    doc = good(HEAD + '''local function pool(size)
  return lamina.stack("pool_" .. size) { lamina.system {}, lamina.slab { slot = size } }
end
local all = {}
for shift = 4, 6 do all[#all + 1] = pool(1 << shift) end
local function pair() return { pool(1), pool(2) } end
return { pair(), table.unpack(all) }''')
    assert [stack.name.value for stack in doc.stacks] == ["pool_1", "pool_2", "pool_16", "pool_32", "pool_64"]
    assert [layers(doc, index)[1][1]["slot"] for index in range(5)] == [1, 2, 16, 32, 64]


def test_several_results_are_several_stacks():
    doc = good(HEAD + 'return lamina.stack "a" { lamina.x {} }, lamina.stack "b" { lamina.x {} }')
    assert [stack.name.value for stack in doc.stacks] == ["a", "b"]


def test_conditions_leave_layers_out():
    doc = good(HEAD + '''local debug_build, hole = false, nil
return lamina.stack "s" { lamina.a {}, debug_build and lamina.b {}, hole, lamina.c {},
  lamina.f { branch = { lamina.d {}, false, hole, lamina.e {} } } }''')
    assert layers(doc) == [("a", {}), ("c", {}), ("f", {"branch": [("d", {}), ("e", {})]})]


def test_a_layer_is_what_it_was_when_it_was_made():
    doc = good(HEAD + '''local options = { slot = 8 }
local first = lamina.slab(options)
options.slot = 16
return lamina.stack "s" { first, lamina.slab(options) }''')
    assert layers(doc) == [("slab", {"slot": 8}), ("slab", {"slot": 16})]
    # The literal says 8 and the value is 16: only the line can be given.
    assert value(doc, 1, "slot").span == Span("spec.lua", 2, 0, 0)
    assert under(value(doc, 0, "slot").span) == "8"


def test_named_entries_stand_in_the_order_of_the_source():
    doc = good(HEAD + '''local o = { z = 1, a = 2, m = 3 }
o.c = 4 o.b = 5
return lamina.stack "s" { q = 1, lamina.x(o), b = 2 }''')
    assert [entry.key for entry in value(doc, 0).entries] == ["z", "a", "m", "b", "c"]
    assert [entry.key for entry in doc.stacks[0].options.entries] == ["q", "b"]


def test_the_library_is_the_whole_language():
    doc = good(HEAD + '''
local t = {}
for word in ("c,a,b"):gmatch("[^,]+") do table.insert(t, word) end
table.sort(t)
local co = coroutine.wrap(function(a) for i = a, 3 do coroutine.yield(i) end return "done" end)
local sum = co(1) + co() + co()
local ok, message = pcall(error, { code = 7 })
local handled = select(2, xpcall(error, function(m) return m .. "!" end, "no"))
local class = setmetatable({}, { __index = function(_, k) return k .. "?" end, __call = function(_, x) return x * 2 end })
goto skip
do sum = -1 end
::skip::
local closed = {}
do local guard <close> = setmetatable({}, { __close = function() closed[1] = "closed" end }) end
local keys = {}
for k, v in pairs({ b = 2, a = 1, 10, 20, [true] = 3, [2.5] = 4 }) do keys[#keys + 1] = tostring(k) .. "=" .. v end
local nexts, k, v = {}, nil, nil
local source = { y = 1, x = 2 }
k = next(source)
while k do nexts[#nexts + 1] = k k = next(source, k) end
return lamina.stack "s" { lamina.x {
  joined = table.concat(t, "-"), sum = sum, code = message.code, handled = handled, called = class(21), missed = class.k,
  closed = closed[1], keys = table.concat(keys, " "), nexts = table.concat(nexts), rep = ("ab"):rep(3, "-"),
  form = string.format("%5.1f|%s|%s|%q|%%|%-4d|", 1.25, true, {}, "x", 7), up = ("x"):upper(), b = ("A"):byte(),
  sub = ("hello"):gsub("l", { l = "L" }), bits = 0xF0 >> 4 | 1, u = utf8.char(233, 8364), n = math.tointeger(3.0),
  moved = table.concat(table.move({ 1, 2, 3 }, 2, 3, 1), ","), packed = #string.pack("<I4", 1), empty = next({}) == nil,
  version = _VERSION, g = _G.lamina == nil, tt = type(next), found = ("key = val"):match("(%w+)%s*=%s*(%w+)"),
  nothing = (""):rep(1e18) } }''')
    assert plain(value(doc, 0))[1] == {
        "joined": "a-b-c", "sum": 6, "code": 7, "handled": "no!", "called": 42, "missed": "k?", "closed": "closed",
        "keys": "1=10 2=20 2.5=4 a=1 b=2 true=3", "nexts": "xy", "rep": "ab-ab-ab",
        "form": "  1.2|true|table|\"x\"|%|7   |", "up": "X", "b": 65, "sub": "heLLo", "bits": 15, "u": "\u00e9\u20ac",
        "n": 3, "moved": "2,3,3", "packed": 4, "empty": True, "version": "Lua 5.4", "g": True, "tt": "function",
        "found": "key", "nothing": ""}


def test_runs_are_alike():
    text = HEAD + '''local out = {}
for i = 1, 5 do out[i] = math.random(1000) end
local names = {}
for k in pairs({ one = 1, two = 2, three = 3, four = 4, five = 5, [print] = nil }) do names[#names + 1] = k end
return lamina.stack "s" { lamina.x { r = out, names = names, shown = tostring({}) .. tostring(print) } }'''
    assert good(text) == good(text)


def test_print_goes_to_stderr_and_not_into_the_protocol(capsys):
    good(HEAD + 'print("R", 3, nil, {})\nprint("1\\nR\\n2\\n{}")\nreturn lamina.stack "s" { lamina.x {} }')
    out, err = capsys.readouterr()
    assert out == "" and err == "R\t3\tnil\ttable\n1\nR\n2\n{}\n"


def test_endless_printing_is_cut(capsys):
    bad(HEAD + 'while true do print(("x"):rep(1000)) end')
    assert len(capsys.readouterr().err) < 100_000


def test_print_cannot_steer_the_terminal(capsys):
    good(HEAD + 'print("a\\27[2J\\tb\\rc")\nreturn lamina.stack "s" { lamina.x {} }')
    assert capsys.readouterr().err == "a\\x1b[2J\tb\\x0dc\n"


def test_broken_specs_give_diagnostics_and_never_an_exception():
    text = (DATA / "forms.lua").read_text(encoding="utf-8")
    for cut in range(0, len(text), 23):
        for broken in (text[:cut], text[:cut] + text[cut + 1:], text[:cut] + "{" + text[cut:], text[:cut] + '"' + text[cut:]):
            doc, diags = load(broken)
            assert (doc is None) == (diags.errors > 0)
            diags.render()


def test_windows_line_ends_byte_order_mark_and_shebang():
    Path("spec.lua").write_bytes(b'\xef\xbb\xbf#!/usr/bin/env lamina\r\nlocal lamina = require "lamina"\r\n\r\n'
                                 b'return lamina.stack "s" {\r\n  lamina.x { a = 1 } }\r\n')
    diags = Diagnostics()
    doc = load_spec("spec.lua", [], diags)
    assert diags.ok, diags.render()
    assert value(doc, 0, "a").span == Span("spec.lua", 5, 18, 1)


def test_root_is_where_relative_paths_start(tmp_path, monkeypatch):
    (tmp_path / "project" / "specs").mkdir(parents=True)
    (tmp_path / "project" / "specs" / "a.lua").write_text(HEAD + 'return lamina.stack "s" { require "b" }')
    (tmp_path / "project" / "specs" / "b.lua").write_text(HEAD + 'return lamina.x { n = nil, f = print }')
    diags = Diagnostics()
    assert load_spec("specs/a.lua", [], diags, root=str(tmp_path / "project")) is None
    assert only(diags).span == Span("specs/b.lua", 2, 32, 5)
    assert "return lamina.x" in diags.render()


# Where it stands ---------------------------------------------------------------------------------------------------

def test_spans_of_literals():
    doc = good(HEAD + '''-- { "not", a = table } --[[ nor this { ]]
local s = [==[ { ]] ]==] .. "{\\"" .. '}' --[==[ { ]==]
return lamina.stack "é€" {
  brief = "ünïcode",  lamina.mmap { reserve = "64 " .. "MiB" ; ["commit"]="lazy", },
  lamina . slab{slot=-64,link={kind='xor';bits={1,2,  [3] = 3}},
    f = (function(a, b) local x, y = a, b; return x end)(5, 6), long = [[one
two]] },
}''')
    (stack,) = doc.stacks
    assert under(stack.span) == 'lamina.stack "é€"'
    assert under(stack.name.span) == '"é€"'
    assert under(stack.options.get("brief").key_span) == "brief"
    assert under(stack.options.get("brief").value.span) == '"ünïcode"'
    assert under(stack.options.get("brief").span) == 'brief = "ünïcode"'
    assert under(stack.layers.items[0].span) == "lamina.mmap"
    assert under(value(doc, 0, "reserve").span) == '"64 " .. "MiB"'
    assert under(stack.layers.items[0].get("commit").key_span) == '["commit"]'
    assert under(value(doc, 0, "commit").span) == '"lazy"'
    slab = stack.layers.items[1]
    assert under(slab.span) == "lamina . slab"
    assert under(value(doc, 1, "slot").span) == "-64"
    assert under(value(doc, 1, "link").span) == "{kind='xor';bits={1,2,  [3] = 3}}"
    assert under(value(doc, 1, "link", "kind").span) == "'xor'"
    assert [under(item.span) for item in value(doc, 1, "link", "bits").items] == ["1", "2", "3"]
    assert under(slab.get("f").value.span) == "(function(a, b) local x, y = a, b; return x end)(5, 6)"
    assert value(doc, 1, "f").value == 5
    assert under(value(doc, 1, "long").span) == "[[one"


def test_layers_of_one_name_on_one_line_keep_their_columns():
    doc = good(HEAD + 'return lamina.stack "s" { lamina.a(), lamina.a(), lamina.a { x = 1 }, lamina.a { x = 2 } }')
    columns = [layer.span.col for layer in doc.stacks[0].layers.items]
    assert columns == [27, 39, 51, 71]
    assert [value(doc, index, "x").span.col for index in (2, 3)] == [66, 86]


def test_spans_through_variables_functions_and_loops():
    doc = good(HEAD + '''local nodes = { 0, 1 }
local function slab(n)
  return lamina.slab { slot = n, align = 16 }
end
local slots = {}
for i = 1, 2 do
  slots[i] = lamina.slab(({ slot = i }))
end
local t = lamina
local options = {}
options.size = 8
return lamina.stack("n" .. 1) { lamina.numa { bind = nodes }, slab(8), slots[1], t.x(options), slab "9" }''')
    (stack,) = doc.stacks
    assert under(stack.span) == 'lamina.stack("n" .. 1)' and under(stack.name.span) == '"n" .. 1'
    assert under(value(doc, 0, "bind").span) == "nodes"
    assert [(item.span.line, under(item.span)) for item in value(doc, 0, "bind").items] == [(2, "0"), (2, "1")]
    assert (value(doc, 1).span.line, under(value(doc, 1).span)) == (4, "lamina.slab")
    assert (value(doc, 1, "slot").span.line, under(value(doc, 1, "slot").span)) == (4, "n")
    assert (value(doc, 2).span.line, under(value(doc, 2).span)) == (8, "lamina.slab")
    assert (value(doc, 2, "slot").span.line, under(value(doc, 2, "slot").span)) == (8, "i")
    assert under(value(doc, 3).span) == "t.x"
    assert value(doc, 3, "size").span == Span("spec.lua", 11)


def test_every_column_that_is_given_is_right():
    """Each scalar literal of a spec full of forms must stand exactly where its span says."""
    text = (DATA / "forms.lua").read_text(encoding="utf-8")
    doc = good(text)
    seen = set()

    def visit(node: Node):
        if isinstance(node, Scalar):
            if node.span.col and isinstance(node.value, str) and node.value.startswith("at "):
                assert f'"{node.value}"' in under(node.span)
                seen.add(node.value)
        elif isinstance(node, Seq):
            for item in node.items:
                visit(item)
        else:
            for entry in node.entries:
                if entry.key_span.col and entry.key.startswith("k"):
                    assert under(entry.key_span) in (entry.key, f'["{entry.key}"]')
                visit(entry.value)

    for stack in doc.stacks:
        visit(stack.options)
        visit(stack.layers)
    assert len(seen) == text.count('"at ')


# Modules -----------------------------------------------------------------------------------------------------------

def test_modules_beside_the_spec_and_in_include_folders():
    for folder in ("parts/deep", "shared/pkg", "unused"):
        Path(folder).mkdir(parents=True)
    Path("parts/deep/base.lua").write_text(HEAD + 'local M = {}\nfunction M.base(n)\n  return lamina.mmap { reserve = n }\n'
                                           'end\nname_of_module = ...\nreturn M\n')
    Path("shared/pkg/init.lua").write_text('count = (count or 0) + 1\nreturn { slot = 64 }')
    doc = good(HEAD + '''local base = require("parts.deep.base").base
assert(require "pkg" == require "pkg" and count == 1 and name_of_module == "parts.deep.base")
assert(require "string" == string and require "lamina" == lamina)
return lamina.stack "s" { base "1 MiB", lamina.slab(require "pkg") }''', include=["unused", "shared"])
    assert layers(doc) == [("mmap", {"reserve": "1 MiB"}), ("slab", {"slot": 64})]
    assert doc.inputs == ("spec.lua", "parts/deep/base.lua", "shared/pkg/init.lua")
    assert under(value(doc, 0).span) == "lamina.mmap" and value(doc, 0).span.file == "parts/deep/base.lua"
    assert value(doc, 1, "slot").span == Span("shared/pkg/init.lua", 2, 17, 2)


@pytest.mark.parametrize("name", ["../outside", "..outside", "/etc/passwd", "a/b", "outside.lua/../x", "", "a..b", "a\\0b",
                                  "~root", "a\\nb", ".hidden"])
def test_paths_are_not_modules(name):
    expect(bad(HEAD + f'\nlocal x = require("{name}")'), "LAM008", 3, "is not a module's name")


def test_a_missing_module():
    diags = bad(HEAD + '\nlocal x = require "nowhere"')
    expect(diags, "LAM008", 3, "module 'nowhere' was not found")
    assert "--include" in only(diags).help


def test_links_may_not_leave(tmp_path):
    outside = tmp_path / "secret.lua"
    outside.write_text("return {}")
    Path("sub").mkdir()
    Path("sub/link.lua").symlink_to(outside)
    Path("sub/folder").symlink_to(tmp_path, target_is_directory=True)
    Path("sub/inside.lua").write_text("return 1")
    Path("sub/fine.lua").symlink_to("inside.lua")
    for name, refused in (("link", True), ("folder.secret", True), ("fine", False)):
        Path("sub/spec.lua").write_text(HEAD + f'local x = require "{name}"\nreturn lamina.stack "s" {{ lamina.x {{}} }}')
        diags = Diagnostics()
        doc = load_spec("sub/spec.lua", [], diags)
        assert (doc is None) == refused, diags.render()
        if refused:
            expect(diags, "LAM008", 2, "link that leaves", file="sub/spec.lua")


def test_binary_modules_and_odd_files():
    Path("native.so").write_bytes(b"\x7fELF")
    Path("compiled.lua").write_bytes(b"\x1bLua")
    Path("folder.lua").mkdir()
    Path("latin.lua").write_bytes(b"-- \xe9\nreturn 1")
    os.mkfifo("pipe.lua")
    for name, message in (("native", "binary module"), ("compiled", "compiled Lua"), ("folder", "can't be read"),
                          ("latin", "can't be read"), ("pipe", "can't be read")):
        expect(bad(HEAD + f'local x = require "{name}"'), "LAM008", 2, message)


def test_modules_that_require_each_other():
    Path("a.lua").write_text('\nreturn require "b"')
    Path("b.lua").write_text('return require "a"')
    expect(bad(HEAD + 'local x = require "a"'), "LAM008", 1, "module 'a' requires itself", file="b.lua")
    diags = bad('local x = require("spec")', include=["."])
    expect(diags, "LAM008", 1, "module 'spec' requires itself")
    assert under(only(diags).span) == 'require("spec")'


def test_a_module_that_failed_can_be_tried_again():
    Path("fails.lua").write_text('tries = (tries or 0) + 1\nif tries < 2 then error("no") end\nreturn 5')
    doc = good(HEAD + '''local ok = pcall(require, "fails")
assert(not ok)
assert(not pcall(require, "absent"))
return lamina.stack "s" { lamina.x { n = require "fails" } }''')
    assert layers(doc) == [("x", {"n": 5})]


def test_errors_in_modules_name_the_module():
    Path("broken.lua").write_text("return {\n  1,\n  = }")
    Path("raises.lua").write_text("\n\nlocal function f(x)\n  return x.y.z\nend\nreturn f({})")
    diags = bad(HEAD + '\nlocal x = require "broken"')
    expect(diags, "LAM004", 3, "unexpected symbol near '='", file="broken.lua")
    assert only(diags).span.col == 3
    assert only(diags).notes == ((Span("spec.lua", 3, 11, 16), "required here"),)
    expect(bad(HEAD + '\nlocal x = require "raises"'), "LAM005", 4, "field 'y'", file="raises.lua")


def test_modules_run_in_the_same_sandbox():
    Path("m.lua").write_text("\nreturn os.time()")
    diags = bad(HEAD + 'local x = require "m"')
    expect(diags, "LAM005", 2, "global 'os'", file="m.lua")
    assert "sandbox" in only(diags).help
    Path("m.lua").write_text("\nwhile true do end")
    expect(bad(HEAD + 'pcall(require, "m")'), "LAM006", 2, "endless loop", file="m.lua")


def test_long_paths_are_named_in_full():
    folder = Path("a_rather_long_folder_name/" * 4)
    folder.mkdir(parents=True)
    path = folder / "spec_with_a_long_name.lua"
    path.write_text(HEAD + "\nlocal x = nil + 1")
    diags = Diagnostics()
    assert load_spec(str(path), [], diags) is None
    expect(diags, "LAM005", 3, "^attempt to perform arithmetic on a nil value$", file=str(path))


# Mistakes ----------------------------------------------------------------------------------------------------------

def test_all_mistakes_of_a_spec_at_once():
    diags = bad(HEAD + '''local loop = {}
loop.self = loop
return lamina.stack "s" {
  "mmap", lamina.slab, 5,
  lamina.a { 64 },
  lamina.b { f = print, g = lamina.mmap, h = { 1, x = 2 }, i = { 1, nil, 3 } },
  lamina.c { [1.5] = 2, [true] = 3, x = loop, s = "\\xff" },
  lamina.d { branch = { lamina.mmap {}, lamina.slab, "x" }, h = coroutine.create(print) },
  name = "s", layers = {},
}''')
    found = [(item.code, item.span.line, under(item.span) if item.span.col else "", item.message) for item in diags.items]
    assert found == [
        ("LAM012", 2, "", "a table that contains itself can't be a value of a spec"),
        ("LAM010", 5, '"mmap"', "entry 1 of stack 's' is a string, not a layer"),
        ("LAM010", 5, "lamina.slab", "entry 2 of stack 's' is a function, not a layer"),
        ("LAM010", 5, "5", "entry 3 of stack 's' is a number, not a layer"),
        ("LAM011", 6, "64", "lamina.a takes named parameters, this one (a number) has no name"),
        ("LAM012", 7, "print", "a function can't be a value of a spec"),
        ("LAM012", 7, "lamina.mmap", "lamina.mmap is not called here"),
        ("LAM011", 7, "1", "a table is either a list or named values, this one is both"),
        ("LAM011", 7, "{ 1, nil, 3 }", "a list with a hole: item 2 is nil"),
        ("LAM012", 8, "lamina.c", "1.5 can't be a key: keys are names, positions are 1, 2, 3…"),
        ("LAM012", 8, "lamina.c", "a boolean can't be a key: keys are names, positions are 1, 2, 3…"),
        ("LAM012", 8, '"\\xff"', "a string that is not UTF-8 text"),
        ("LAM010", 9, "lamina.slab", "a function stands in a list of layers"),
        ("LAM010", 9, '"x"', "a string stands in a list of layers"),
        ("LAM012", 9, "coroutine.create(print)", "a coroutine can't be a value of a spec"),
        ("LAM011", 10, "name", "'name' is not an option of a stack in Lua"),
        ("LAM011", 10, "layers", "'layers' is not an option of a stack in Lua"),
    ]


@pytest.mark.parametrize("text, line, message", [
    ("return lamina.slab(64)", 2, "lamina.slab takes one table of named parameters, got a number"),
    ("local x = lamina.slab({}, 1)", 2, "got 2 values"),
    ("local x = lamina.slab(lamina.a {})", 2, r"got a layer \(a\)"),
    ("local x = lamina.slab(nil, nil)", 2, "got 2 values"),
    ("local x = lamina.slab(nowhere)", 2, "got nil"),
    ("local x = lamina.stack(nowhere)", 2, "got nil"),
    ("return lamina.stack(5)", 2, "takes the stack's name first, got a number"),
    ('return lamina.stack("a", {})', 2, "takes the name alone"),
    ('\nlocal x = lamina.stack "a" "b"', 3, "stack 'a' takes one table"),
    ('return lamina.stack "a" (lamina.x {})', 2, r"got a layer \(x\)"),
])
def test_wrong_calls(text, line, message):
    expect(bad(HEAD + text), "LAM011", line, message)


@pytest.mark.parametrize("text, message", [
    ("", "the spec returns no stack"),
    ('lamina.stack "forgotten" { lamina.x {} }', "returns no stack"),
    ("return 5", "returns a number where a stack"),
    ("return {}", "returns no stack"),
    ("return { a = lamina.stack 'x' { lamina.y {} } }", "not named values"),
    ("return lamina.slab {}", r"returns a layer \(slab\)"),
    ("return lamina.stack 'x'", "returns lamina.stack \"x\" without its table"),
    ("return lamina", "returns no stack"),
    ("local t = {} t[1] = t return t", "returns a table"),
])
def test_what_is_not_a_stack(text, message):
    diags = bad(HEAD + text)
    assert only(diags).code == "LAM009" and re.search(message, only(diags).message), diags.render()


@pytest.mark.parametrize("text, line, col, message", [
    ("\nlocal x = ]", 3, 11, "unexpected symbol near ']'"),
    ("return {\n 1,\n 2", 4, 0, "'}' expected .* near <eof>"),
    ('x = "abc\n', 2, 5, "unfinished string"),
    ("x = 1 -- [[\ny = [[", 3, 0, "unfinished long string"),
    ("goto nowhere", 2, 0, "no visible label 'nowhere'"),
    ("x = 3x", 2, 5, "malformed number"),
    ("return f { b = 1 c = 2 }", 2, 18, "near 'c'"),
    ("local t = " + "{" * 300 + "}" * 300, 2, 0, "more nested than Lua can compile"),
    ("break", 2, 0, "break"),
])
def test_syntax_errors(text, line, col, message):
    diags = bad(HEAD + text)
    expect(diags, "LAM004", line, message)
    assert only(diags).span.col == col, diags.render()


@pytest.mark.parametrize("text, line, message", [
    ("\nerror('plain')", 3, "^plain$"),
    ("\nerror('bare', 0)", 3, "^bare$"),
    ("\nerror({ a = 1 })", 3, "raised an error that is a table"),
    ("\nerror()", 3, "raised an error that is nil"),
    ("\nerror(setmetatable({}, { __tostring = function() while true do end end }))", 3, "that is a table"),
    ("\nerror(print)", 3, "that is a function"),
    ("\nerror('a\\nb\\27[31m')", 3, "^a\nb\x1b"),
    ("\nerror('\\xff\\xfe')", 3, "not text"),
    ("\nassert(false)", 3, "assertion failed!"),
    ("\nassert(nil, 'with text')", 3, "^with text$"),
    ("local function f()\n  local x = nil\n  x()\nend\nf()", 4, "attempt to call a nil value \\(local 'x'\\)"),
    ("\n\ntable.concat({ {} })", 4, "invalid value"),
    ("\nstring.rep()", 3, "bad argument #1 to 'rep'"),
    ("\nlocal x = ('x'):format(nil) .. nil", 3, "concatenate a nil value"),
    ("\nstring.format('%d', 'x')", 3, "bad argument #2 to 'format'"),
    ("\nstring.format('%999d', 1)", 3, "invalid conversion"),
    ("\nstring.format('%p', {})", 3, "address"),
    ("\nfor k in pairs(nil) do end", 3, "bad argument #1 to 'pairs'"),
    ("\nfor k in pairs({ [{}] = 1 }) do end", 3, "no fixed order"),
    ("\nmath.randomseed()", 3, "needs a seed"),
    ("\ncoroutine.yield(1)", 3, "yields outside a coroutine"),
    ("local co = coroutine.wrap(function()\n  error('inside')\nend)\nco()", 3, "^inside$"),
    ("\nlamina.slab = 5", 3, "'lamina' can't be changed"),
    ("local l = lamina.a {}\nl.x = 5", 3, "can't be changed"),
    ("\nsetmetatable(lamina.a {}, {})", 3, "protected metatable"),
    ("\nsetmetatable(lamina, nil)", 3, "protected metatable"),
    ("\nsetmetatable({}, { __gc = function() end })", 3, "finalizers"),
    ("\ngetmetatable('').__index = {}", 3, "attempt to index a boolean value"),
    ("\nlocal x = lamina[5]", 3, "name is a string"),
    ("\ntable.unpack({}, 1, 1e7)", 3, "too many results"),
    ("\ntable.unpack({}, 1, 10000000)", 3, "too many results"),
    ("\nutf8.codepoint('\\xff')", 3, "invalid UTF-8"),
    ("\nlocal x <close> = 5", 3, "non-closable"),
])
def test_run_time_errors(text, line, message):
    expect(bad(HEAD + text), "LAM005", line, message)


@pytest.mark.parametrize("name", ["io", "os", "debug", "package"])
def test_no_door_to_the_outside(name):
    diags = bad(HEAD + f"local x = {name}.x")
    expect(diags, "LAM005", 2, f"global '{name}'")
    assert "sandbox" in only(diags).help


@pytest.mark.parametrize("name", ["load", "loadfile", "dofile", "loadstring", "collectgarbage", "warn", "string.dump", "arg"])
def test_absent_functions(name):
    assert layers(good(HEAD + f'return lamina.stack "s" {{ lamina.x {{ absent = {name} == nil }} }}')) == [
        ("x", {"absent": True})]


def test_the_sandbox_can_be_spoilt_only_for_the_spec_itself():
    doc = good(HEAD + '''string.format = nil; table.concat = nil; string.rep = function() return "mine" end
math = nil; pairs = nil; type = nil; error = nil; next = nil; _G.require = nil
local s = ("x"):rep(3)
for k in ipairs({}) do end
return lamina.stack "s" { lamina.x { s = s, t = { a = 1, b = { 2, 3 } } } }''')
    assert layers(doc) == [("x", {"s": "mine", "t": {"a": 1, "b": [2, 3]}})]


# Attacks -----------------------------------------------------------------------------------------------------------

@pytest.fixture
def short(monkeypatch):
    """Limits that keep the tests quick; how an attack ends does not depend on them."""
    monkeypatch.setattr(lua, "INSTRUCTION_BUDGET", 10_000_000)
    monkeypatch.setattr(lua, "CPU_SECONDS", 1)


def test_the_real_limits_leave_room_and_end():
    doc = good(HEAD + "local n = 0 for i = 1, 5000000 do n = n + 1 end\n"
               "local t = {} for i = 1, 200000 do t[i] = i end\nreturn lamina.stack 's' { lamina.x { n = n + #t } }")
    assert layers(doc) == [("x", {"n": 5_200_000})]
    expect(bad(HEAD + "\nwhile true do end"), "LAM006", 3, "after 50 million instructions: an endless loop")
    expect(bad(HEAD + "\nwhile true do ('x'):rep(4000000):upper() end"), "LAM006", 3, "after 2 seconds: an endless loop")

@pytest.mark.parametrize("text, line", [
    ("while true do end", 2),
    ("\nwhile true do pcall(error) end", 3),
    ("while true do\n  pcall(function()\n    while true do end\n  end)\nend", 4),
    ("while true do xpcall(function() while true do end end, function() end) end", 2),
    ("\nlocal co = coroutine.wrap(function()\n  while true do end\nend)\nco()", 4),
    ("while true do\n  coroutine.resume(coroutine.create(function()\n    while true do end\n  end))\nend", 4),
    ("local function f()\n  coroutine.wrap(function() pcall(coroutine.wrap(function() while true do end end)) end)()\nend\nf()", 3),
    ("\nrepeat until false", 3),
    ("\n::top:: goto top", 3),
    ("for i = 1, math.maxinteger do end", 2),
    ("local t = setmetatable({}, { __index = function(t, k)\n  while true do end\nend })\nlocal x = t.x", 3),
    ("local x = setmetatable({}, { __tostring = function()\n  while true do end end })\ntostring(x)", 3),
    ("local x = setmetatable({}, { __close = function()\n  while true do end end })\npcall(function() local y <close> = x error('z') end)", 3),
    ("pcall(function()\n  local x <close> = setmetatable({}, { __close = function() while true do end end })\n  while true do end\nend)", 4),
    ("table.sort({ 1, 2, 3 }, function()\n  while true do end\nend)", 3),
    ("string.gsub('x', 'x', function()\n  while true do end\nend)", 3),
    ("for _ in (function() return 1 end) do end", 2),
    ("local t = setmetatable({}, { __pairs = function()\n  return function() return 1 end end })\nfor _ in pairs(t) do end", None),
    ("local s = setmetatable({}, { __concat = function()\n  while true do end\nend })\nlocal x = s .. 'x'", 3),
    ("local t = {}\nsetmetatable(t, { __index = function(_, i)\n  return i\nend })\nfor i, v in ipairs(t) do end", None),
    ("xpcall(error, function()\n  while true do end\nend)", 3),
    ("\nwhile true do local ok, e = pcall(string.rep) end", 3),
    ("return lamina.stack 'x' { lamina.y { f = (function()\n  while true do end\nend)() } }", 3),
    ("while true do pcall(require, 'lamina') end", 2),
    ("while true do pcall(require, '..') end", 2),
    ("while true do lamina.x { a = 1 } end", 2),
])
def test_endless_loops_end_and_name_their_line(short, text, line):
    diags = bad(HEAD + text)
    item = only(diags)
    assert item.code == "LAM006" and item.span.file == "spec.lua", diags.render()
    assert item.span.line == line if line else item.span.line > 1, diags.render()
    assert "endless loop" in item.message


@pytest.mark.parametrize("text, line", [
    ("\nlocal s = ('x'):rep(1e9)", 3),
    ("\nlocal s = string.rep('x', 1 << 40)", 3),
    ("\nlocal s = ('x'):rep(1e18, 'yy')", 3),
    ("\npcall(string.rep, 'x', 1e9)", 3),
    ("local rep = getmetatable('x') or ('x').rep\nrep('x', 1e9)", 3),
    ("local t = {}\nwhile true do t[#t + 1] = {} end", 3),
    ("local t = {}\nwhile true do\n  t = { t }\nend", 4),
    ("local s = 'x'\nwhile true do s = s .. s end", 3),
    ("local s = 'x'\nwhile true do\n  pcall(function() s = s .. s end)\nend", 4),
    ("local s = 'x'\ncoroutine.wrap(function()\n  while true do s = s .. s end\nend)()", 4),
    ("local s = 'x'\npcall(coroutine.wrap(function()\n  while true do s = s .. s end\nend))", 4),
    ("local s = ('x'):rep(1 << 20)\nlocal t = {}\nfor i = 1, 1000 do t[i] = s end\nlocal all = table.concat(t)", 5),
    ("local s = ('x'):rep(1 << 20)\nlocal t = s:gsub('x', ('y'):rep(1000))", 3),
    ("\nlocal s = string.pack('c2000000000', '')", 3),
    ("local t = {}\nfor i = 1, 1e9 do t[i] = coroutine.create(function() end) end", 3),
    ("local t = {}\nfor i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end", 3),
    ("local function grow(...) return grow(1, ...) end\ngrow()", None),
    ("local t = {}\nfor i = 1, 1e9 do t['k' .. i] = i end", 3),
])
def test_memory_bombs_end_and_name_their_line(short, text, line):
    diags = bad(HEAD + text)
    item = only(diags)
    if line is None:
        assert item.code in ("LAM007", "LAM018", "LAM006") and item.span.line == 2, diags.render()
        return
    assert (item.code, item.span.file, item.span.line) == ("LAM007", "spec.lua", line), diags.render()


@pytest.mark.parametrize("text, line", [
    ("local function f() return 1 + f() end\nf()", 2),
    ("local function f()\n  pcall(f)\nend\nf()", 3),
    ("local function f()\n  local ok, e = pcall(f)\n  while true do pcall(f) end\nend\nf()", None),
    ("local x = setmetatable({}, { __tostring = function(x)\n  return tostring(x)\nend })\ntostring(x)", 3),
    ("local t = {}\nsetmetatable(t, { __index = function(t, k)\n  return t[k .. 'x']\nend })\nlocal x = t.x", 4),
    ("local function f()\n  coroutine.wrap(f)()\nend\nf()", None),
    ("local function f()\n  return ('x'):gsub('x', f)\nend\nf()", None),
    ("local function f(e)\n  error(e)\nend\nxpcall(f, f)", None),
])
def test_recursion_ends_and_names_its_line(short, text, line):
    diags = bad(HEAD + text)
    item = only(diags)
    assert item.code in ("LAM018", "LAM006", "LAM005"), diags.render()
    assert item.span.file == "spec.lua" and item.span.line > 1
    if line:
        assert (item.code, item.span.line) == ("LAM018", line), diags.render()


@pytest.mark.parametrize("text, what", [
    ("local x = ('x'):rep(8 << 20):byte(1, -1)", "string slice too long"),
    ("local t = {}\nfor i = 1, 60000 do t[i] = 'x' end\nlocal s = utf8.codepoint(('x'):rep(8 << 20), 1, -1)",
     "string slice too long"),
])
def test_more_values_than_fit_is_no_recursion(short, text, what):
    diags = bad(HEAD + text)
    item = only(diags)
    assert (item.code, item.span.line) == ("LAM005", 2 + text.count("\n")), diags.render()
    assert item.message == f"one call takes or gives more values than Lua can hold ({what})" and "portions" in item.help
    # An error like others: a spec may catch it.
    good(HEAD + text.rpartition("\n")[0] + "\nlocal ok, e = pcall(function() " + text.rpartition("\n")[2] + " end)\n"
         "assert(not ok and e:find('too long'))\n" + 'return lamina.stack "a" { lamina.mmap {} }')


@pytest.mark.parametrize("text, line", [
    ("\nlocal x = ('a'):rep(5000):find(('.-'):rep(20) .. 'b')", 3),
    ("\nfor w in ('a'):rep(5000):gmatch(('.*'):rep(9) .. 'b') do end", 3),
    ("\npcall(string.gsub, ('a'):rep(5000), ('a*'):rep(12) .. 'b', '')", 3),
    ("\nlocal x = ('a'):rep(5000):match(('a-'):rep(12) .. 'b')", 3),
    ("local s = ('a'):rep(8000000)\nlocal x = s:find(('a'):rep(4000000) .. 'b', 1, true)", 3),
    ("local t, s = {}, ('a'):rep(8000000)\nfor i = 1, 3000 do t[i] = s .. '' end\ntable.sort(t)", None),
])
def test_what_stays_inside_one_library_call_ends_too(short, text, line):
    diags = bad(HEAD + text)
    item = only(diags)
    assert item.code in ("LAM006", "LAM007"), diags.render()
    assert item.span.file == "spec.lua" and (item.span.line == line if line else item.span.line > 1), diags.render()


@pytest.mark.parametrize("text", [
    "table.insert(setmetatable({}, { __len = function() return math.maxinteger end }), 1, 2)",
    "table.remove(setmetatable({}, { __len = function() return 1 << 40 end }), 1)",
    "table.concat(setmetatable({}, { __len = function() return 1 << 40 end, __index = type }))",
    "table.concat(setmetatable({}, { __index = type }), '', 1, 1 << 40)",
    "table.move({}, 1, 1 << 40, 2)",
    "table.move({}, math.mininteger, math.maxinteger, 2)",
    "table.sort(setmetatable({}, { __len = function() return 1 << 30 end }), rawequal)",
    "table.unpack(setmetatable({}, { __len = function() return 1 << 40 end }))",
    "local t = {} for i = 1, 1000000 do t[i] = 1 end table.sort(t, rawequal)",
    "local t = {} for i = 1, 1000000 do t[i] = 1 end while true do table.insert(t, 1, 1) end",
    "local s = ('x'):rep(8000000) while true do s:upper() end",
    "local s = ('x'):rep(8000000) local r = s .. '' while true do local x = s == r end",
    "local s = ('x'):rep(8000000) local r = s .. 'x' while true do local x = s < r end",
    "while true do string.format('%99.99f', 1e308) end",
    "local s = ('x'):rep(8000000) while true do utf8.len(s) end",
])
def test_made_up_lengths_and_slow_calls_end(short, text):
    diags = bad(HEAD + "\n" + text)
    item = only(diags)
    assert item.code in ("LAM005", "LAM006", "LAM007") and item.span == Span("spec.lua", 3), diags.render()


def test_the_hook_cannot_be_starved_at_the_bottom_of_the_stack(short):
    """Where the stack is nearly used up the hook itself could fail, and a loop there would never be counted."""
    for text in ('''
local function deep(n)
  local ok = pcall(deep, n + 1)
  while true do pcall(function() while true do end end) end
end
deep(1)''', '''
local function deep(n, ...)
  if n == 0 then while true do pcall(function() while true do end end) end end
  return (deep(n - 1, ...))
end
local t = {}
for i = 1, 9000 do t[i] = i end
for n = 60, 200 do pcall(deep, n, table.unpack(t)) end''', '''
local function deep(n)
  local x <close> = setmetatable({}, { __close = function() error("other") end })
  return (coroutine.wrap(deep))(n + 1)
end
while true do pcall(deep, 1) end'''):
        diags = bad(HEAD + text)
        assert only(diags).code in ("LAM006", "LAM018", "LAM007"), diags.render()
        assert only(diags).span.line > 2, diags.render()


def test_a_tree_that_unfolds_without_end():
    for text, line in (('local l = lamina.a {}\nfor i = 1, 40 do l = lamina.f { p = { l, l } } end', 3),
                       ('local t = { 1 }\nfor i = 1, 40 do t = { a = t, b = t } end\nlocal l = lamina.x(t)', 3),
                       ('local t = {}\nfor i = 1, 100000 do t[i] = i end\nlocal l = lamina.x { t = t }', 4),
                       ('local t = {}\nfor i = 1, 100 do t = { t } end\nlocal l = lamina.x { t = t }', 3),
                       ('local l = lamina.a {}\nfor i = 1, 20000 do l = lamina.f { p = { l } } end', 3),
                       ('local l = lamina.a {}\nfor i = 1, 20000 do l = lamina.f { p = l } end', 3)):
        diags = bad(HEAD + text)
        assert (only(diags).code, only(diags).span.line) == ("LAM019", line), diags.render()


def test_names_that_collide_with_the_marks():
    doc = good(HEAD + 'local _LAMINA_MARK_ = 1\nreturn lamina.stack "s" { lamina.x { a = _LAMINA_MARK_ } }')
    assert value(doc, 0, "a").value == 1 and value(doc, 0, "a").span.line == 3


def test_no_process_is_left_behind():
    good(HEAD + 'return lamina.stack "s" { lamina.x {} }')
    bad(HEAD + "while true do end")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


# The interpreter ---------------------------------------------------------------------------------------------------

def fake(path: str, text: str) -> str:
    Path(path).write_text(text)
    os.chmod(path, 0o755)
    return os.path.abspath(path)


def test_a_missing_interpreter(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("LAMINA_LUA", raising=False)
    diags = bad(HEAD)
    assert only(diags).code == "LAM003" and "apt-get install lua5.4" in only(diags).help
    monkeypatch.setenv("LAMINA_LUA", "/nonexistent/lua")
    assert only(bad(HEAD)).code == "LAM003"


def test_the_wrong_interpreter(monkeypatch):
    for script in ('#!/bin/sh\nprintf "1\\nV7\\nLua 5.1"\n', "#!/bin/sh\nexit 3\n", "#!/bin/sh\necho hello\n",
                   "#!/bin/sh\nkill -SEGV $$\n", "not a program"):
        monkeypatch.setenv("LAMINA_LUA", fake("lua-fake", script))
        diags = bad(HEAD)
        assert only(diags).code in ("LAM003", "LAM005"), diags.render()


def test_a_plain_lua_that_reports_5_4_will_do(monkeypatch, tmp_path):
    import shutil

    real = shutil.which("lua5.4") or pytest.skip("no lua5.4")
    (tmp_path / "bin").mkdir()
    fake("bin/lua", f'#!/bin/sh\nexec {real} "$@"\n')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    good(HEAD + 'return lamina.stack "s" { lamina.x {} }')
    fake("bin/lua", "#!/bin/sh\necho 'Lua 5.3.6' >&2\n")
    assert only(bad(HEAD)).code == "LAM003"


def test_files_that_cannot_be_read():
    for name, reason in (("absent.lua", "No such file"), ("folder.lua", "directory|not a file"), ("pipe.lua", "not a file"),
                         ("large.lua", "larger than"), ("spec.txt", "neither Lua nor YAML")):
        if name.startswith("folder"):
            Path(name).mkdir()
        elif name.startswith("pipe"):
            os.mkfifo(name)
        elif name.startswith("large"):
            Path(name).write_text("-" * (1 << 20) + "-")
        diags = Diagnostics()
        assert load_spec(name, [], diags) is None
        assert only(diags).code == ("LAM002" if name.endswith("txt") else "LAM001")
        assert re.search(reason, only(diags).message), diags.render()
    Path("latin.lua").write_bytes(b"-- fine\n-- caf\xe9\n")
    diags = Diagnostics()
    assert load_spec("latin.lua", [], diags) is None
    assert only(diags).span == Span("latin.lua", 2) and "UTF-8" in only(diags).message


def test_it_is_quick():
    text = HEAD + 'return lamina.stack "s" { lamina.x {} }'
    good(text)
    times = []
    for _ in range(5):
        started = time.monotonic()
        good(text)
        times.append(time.monotonic() - started)
    # The best of several, since the machine may be busy.
    assert min(times) < 0.05


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = "import sys; import lamina.load, lamina.diagnostics, lamina.convert\n" \
           "print([m for m in ('yaml', 'subprocess', 'click', 'jsonschema', 'difflib', 'unicodedata') if m in sys.modules])"
    generator = str(Path(__file__).resolve().parents[2] / "generator")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": generator})
    assert done.stdout.strip() == "[]", done.stderr
