"""The shape of diagnostics, to the character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lamina.codes import CODES
from lamina.diagnostics import MAX_SOURCE_WIDTH, Diagnostics, closest, yaml_form
from lamina.tree import Entry, Scalar, Span


@pytest.fixture
def diags():
    found = Diagnostics()
    found.add_source("specs/conn_pool.lua", "\n" * 8 + "  lamina.slab { slot = 40, payload = 32 },\n\n"
                                                       "  lamina.canary {},\n\tlamina.x {\tslot = 1 },\n")
    return found


def test_the_shape_of_an_error(diags):
    diags.error("LAM034", Span("specs/conn_pool.lua", 9, 17, 9), "slot of 40 bytes can't hold a 16-byte canary",
                notes=[(Span("specs/conn_pool.lua", 11, 3, 13), "canary adds 8 bytes on each side here")],
                help="slot = 48 is the smallest that fits")
    assert diags.render(False) == """\
specs/conn_pool.lua:9:17: error: slot of 40 bytes can't hold a 16-byte canary [LAM034]
    9 |   lamina.slab { slot = 40, payload = 32 },
      |                 ^~~~~~~~~
specs/conn_pool.lua:11:3: note: canary adds 8 bytes on each side here
help: slot = 48 is the smallest that fits
1 error
"""
    assert not diags.ok


def test_warnings_notes_and_totals(diags):
    diags.warning("LAM050", Span("specs/conn_pool.lua", 11), "no column")
    diags.warning("LAM051", None, "no place at all")
    diags.note(None, Span("specs/conn_pool.lua", 11, 3, 13), "read as the slab's slots", notes=[(None, "because")])
    diags.error("LAM001", Span("specs/absent.lua", 3, 4, 5), "no such source")
    assert diags.render(False) == """\
warning: no place at all [LAM051]
specs/conn_pool.lua:11: warning: no column [LAM050]
   11 |   lamina.canary {},
specs/conn_pool.lua:11:3: note: read as the slab's slots
   11 |   lamina.canary {},
      |   ^~~~~~~~~~~~~
note: because
specs/absent.lua:3:4: error: no such source [LAM001]
1 error, 2 warnings
"""
    assert (diags.errors, diags.warnings) == (1, 2)


def test_nothing_to_say():
    diags = Diagnostics()
    assert diags.render(False) == "" and diags.ok
    assert json.loads(diags.to_json()) == {"version": 1, "errors": 0, "warnings": 0, "diagnostics": []}


def test_only_notes_have_no_totals(diags):
    diags.note("LAM060", None, "how it was read")
    assert diags.render(False) == "note: how it was read [LAM060]\n" and diags.ok


def test_order_and_duplicates():
    diags = Diagnostics()
    diags.add_source("z_spec.lua", "one\ntwo\n")
    diags.add_source("a_module.lua", "one\n")
    for message, span in (("e", Span("a_module.lua", 1, 1, 1)), ("d", Span("z_spec.lua", 2, 3, 1)),
                          ("c", Span("z_spec.lua", 2, 1, 1)), ("c2", Span("z_spec.lua", 2, 1, 1)),
                          ("b", Span("z_spec.lua", 2)), ("f", Span("other.lua", 1)), ("a", None)):
        diags.error("LAM001", span, message)
        diags.error("LAM001", span, message, help="said again")
    assert [item.message for item in diags.items] == ["a", "b", "c", "c2", "d", "e", "f"]
    assert diags.errors == 7
    assert diags.render(False) == diags.render(False)


def test_tabs_are_drawn_and_counted(diags):
    diags.error("LAM001", Span("specs/conn_pool.lua", 12, 13, 4), "tab")
    assert diags.render(False).split("\n")[1:3] == [
        "   12 |     lamina.x {  slot = 1 },",
        "      |                 ^~~~",
    ]


@pytest.mark.parametrize("line, col, length, shown, caret", [
    ("a = 漢字 { b = 1 }", 10, 1, "a = 漢字 { b = 1 }", "           ^"),
    ("漢字", 2, 1, "漢字", "  ^~"),
    ("e\u0301 = x", 6, 1, "e\u0301 = x", "    ^"),
    ("é€ = x", 6, 1, "é€ = x", "     ^"),
    ("a\x1b[31m = 1", 9, 1, "a?[31m = 1", "        ^"),
    ("x = 1", 99, 5, "x = 1", "     ^"),
    ("x = 1", 5, 99, "x = 1", "    ^"),
    ("", 1, 1, None, None),
])
def test_widths(line, col, length, shown, caret):
    diags = Diagnostics()
    diags.add_source("s.lua", line)
    diags.error("LAM001", Span("s.lua", 1, col, length), "m")
    lines = diags.render(False).split("\n")
    if shown is not None:
        assert lines[1] == "    1 | " + shown
        assert lines[2] == "      | " + caret


def test_long_lines_are_cut_around_the_caret():
    for before in (0, 40, 200, 1000):
        for after in (0, 50, 2000):
            diags = Diagnostics()
            diags.add_source("s.lua", "-" * before + "HERE" + "+" * after)
            diags.error("LAM001", Span("s.lua", 1, before + 1, 4), "m")
            _, source, caret, *_ = diags.render(False).split("\n")
            source, caret = source[8:], caret[8:]
            assert len(source) <= MAX_SOURCE_WIDTH
            at = caret.index("^")
            assert caret[at:] == "^~~~" and source[at:at + 4] == "HERE"
            assert source.startswith("...") == (before + after + 4 > MAX_SOURCE_WIDTH and source.count("-") < before)
    diags = Diagnostics()
    diags.add_source("s.lua", "x" * 500)
    diags.error("LAM001", Span("s.lua", 1, 1, 500), "m")
    assert all(len(line) < MAX_SOURCE_WIDTH + 10 for line in diags.render(False).split("\n"))


def test_messages_cannot_steer_the_terminal(diags):
    diags.error("LAM005", Span("specs/conn_pool.lua", 9, 3, 1), "a\x1b[2Jb\rc\u202ed\x07", help="h\x1b")
    rendered = diags.render(False)
    assert "\x1b" not in rendered and "\r" not in rendered and "\u202e" not in rendered
    assert "a\\x1b[2Jb\\x0dc\\x202ed\\x07" in rendered


def test_colours(diags):
    import click

    diags.error("LAM001", Span("specs/conn_pool.lua", 9, 3, 11), "m", notes=[(None, "n")], help="h")
    assert "\x1b[" in diags.render(True) and "\x1b[" not in diags.render(False)
    assert click.unstyle(diags.render(True)) == diags.render(False)


def test_json(diags):
    diags.error("LAM034", Span("specs/conn_pool.lua", 9, 17, 9), "wörds",
                notes=[(Span("specs/conn_pool.lua", 11, 3, 13), "there"), (None, "why")], help="do")
    diags.warning("LAM050", None, "w")
    assert json.loads(diags.to_json()) == {
        "version": 1, "errors": 1, "warnings": 1,
        "diagnostics": [
            {"severity": "warning", "code": "LAM050", "message": "w", "file": None, "line": 0, "col": 0, "length": 0,
             "notes": [], "help": None},
            {"severity": "error", "code": "LAM034", "message": "wörds", "file": "specs/conn_pool.lua", "line": 9,
             "col": 17, "length": 9,
             "notes": [{"message": "there", "file": "specs/conn_pool.lua", "line": 11, "col": 3, "length": 13},
                       {"message": "why", "file": None, "line": 0, "col": 0, "length": 0}], "help": "do"}]}


@pytest.mark.parametrize("options, severity", [
    ([], "warning"), (["error"], "error"), (["-Werror"], "error"), (["error=LAM050"], "error"), (["-Wno-LAM050"], None),
    (["error=LAM051"], "warning"), (["error", "no-error=LAM050"], "warning"), (["no-LAM050", "error=LAM050"], "error"),
    (["error=LAM050", "no-LAM050"], None), (["error", "no-LAM050"], None), (["no-LAM050", "LAM050"], "warning"),
])
def test_warning_options(options, severity):
    diags = Diagnostics()
    diags.enable_werror(options)
    diags.warning("LAM050", None, "m")
    diags.error("LAM052", None, "errors stay errors")
    assert [item.severity for item in diags.items if item.code == "LAM050"] == ([severity] if severity else [])


def test_wrong_warning_options():
    for option in ("errors", "no-", "error=50", "no-error", "", "-Wall", "LAM05", "error=LAM050 "):
        with pytest.raises(ValueError):
            Diagnostics().enable_werror([option])


def test_sources_are_read_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.lua").write_bytes(b"\xef\xbb\xbffirst\r\nsecond\x0cpart\r\n")
    diags = Diagnostics()
    diags.error("LAM001", Span("s.lua", 2, 1, 6), "m")
    before = diags.render(False)
    assert "    2 | second?part\n" in before
    Path("s.lua").unlink()
    assert diags.render(False) == before


@pytest.mark.parametrize("word, meant", [
    ("slabb", "slab"), ("salb", "slab"), ("SLAB", "slab"), ("quarantin", "quarantine"), ("quar", "quarantine"),
    ("on-free", "on_free"), ("onfree", "on_free"), ("zzz", None), ("", None), ("mmap", "mmap"), ("map", "mmap"),
])
def test_closest(word, meant):
    assert closest(word, ["slab", "mmap", "quarantine", "on_free", "numa"]) == meant


def test_spans_of_entries():
    key = Span("s", 1, 3, 4)
    assert Entry("slot", key, Scalar(1, Span("s", 1, 10, 2))).span == Span("s", 1, 3, 9)
    for other in (Span("s", 2, 10, 2), Span("t", 1, 10, 2), Span("s", 1), Span("s", 1, 1, 1)):
        assert Entry("slot", key, Scalar(1, other)).span == key


def test_every_code_tells_its_story():
    assert list(CODES) == sorted(CODES)
    for name, code in CODES.items():
        assert code.id == name and code.title and len(code.text) > 200 and code.text.endswith("\n")
        assert all(len(line) <= 120 for line in code.text.split("\n"))


def test_every_code_that_the_loaders_use_is_in_the_catalogue():
    import re

    folder = Path(__file__).resolve().parents[2] / "generator" / "lamina" / "load"
    used = {code for path in folder.iterdir() if path.suffix in (".py", ".lua")
            for code in re.findall(r"LAM\d{3}", path.read_text(encoding="utf-8"))}
    assert used == {code for code in CODES if code <= "LAM019"}


@pytest.mark.parametrize("lua, yaml", [
    ("slot = 64", "slot: 64"), ('order = "lifo" or "fifo"', 'order: "lifo" or "fifo"'),
    ("begin with a source, such as lamina.mmap {}", "begin with a source, such as '- mmap'"),
    ('lamina.mmap { reserve = "64 MiB", commit = "lazy" }', """'- mmap: { reserve: "64 MiB", commit: "lazy" }'"""),
    ("such as lamina.numa { bind = {0} }", "such as '- numa: { bind: [0] }'"),
    ('levels = { "80 %", "95 %" }', 'levels: ["80 %", "95 %"]'),
    ("budget = { alloc = 8, free = 10 }", "budget: { alloc: 8, free: 10 }"),
    ("take lamina.mmap as the source", "take mmap as the source"),
    ("lamina list-layers shows all of them", "lamina list-layers shows all of them"),
    ("{ 0 } in Lua, [0] in YAML", "{ 0 } in Lua, [0] in YAML"),
    ('did you mean "slab"?', 'did you mean "slab"?'),
])
def test_remedies_in_yaml(lua, yaml):
    assert yaml_form(lua) == yaml
    for file, told in (("a.lua", lua), ("a.yaml", yaml), ("a.yml", yaml)):
        diags = Diagnostics()
        diags.error("LAM025", Span(file, 1), "x", help=lua)
        assert diags.items[0].help == told
