"""generate and check on the command line: status, outputs, and what must never happen."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lamina import cli as cli_module
from lamina import emit, pipeline
from lamina.format import FormatterMissing, formatter

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted((ROOT / "specs").glob("*.*"))

GOOD = """\
local lamina = require "lamina"
return lamina.stack "pool" { lamina.mmap {}, lamina.slab { slot = 64, count = 64 } }
"""
TWO = """\
local lamina = require "lamina"
local sizes = require "parts.sizes"
return {
  lamina.stack "small" { lamina.static {}, lamina.slab { slot = sizes.small, count = 8 } },
  lamina.stack "large" { lamina.static {}, lamina.slab { slot = sizes.large, count = 8 } },
}
"""
WRONG = 'local lamina = require "lamina"\nreturn lamina.stack "wrong" { lamina.mmap {}, lamina.slab { slot = 4, count = 8 } }\n'
NOTED = GOOD.replace("lamina.mmap {}", "lamina.poison {}, lamina.mmap {}")
WARNED = """\
local lamina = require "lamina"
return lamina.stack "pool" {
  lamina.mmap { reserve = "1 MiB", commit = "lazy" },
  lamina.slab { slot = 64, count = 64, growth = "extend" },
  lamina.quarantine { count = 64 },
}
"""

POOL_C = Path("generated/pool/pool.c")

try:
    formatter()
    HAS_FORMATTER = True
except FormatterMissing:
    HAS_FORMATTER = False


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("good.lua", GOOD), ("two.lua", TWO), ("wrong.lua", WRONG), ("noted.lua", NOTED), ("warned.lua", WARNED)):
        Path(name).write_text(text, encoding="utf-8")
    Path("parts").mkdir()
    Path("parts/sizes.lua").write_text("return { small = 32, large = 512 }\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def lamina(monkeypatch, capsys):
    """Runs the whole program in this process: status, stdout, stderr."""
    def run(*arguments: str, status: int | None = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["lamina", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli_module.main()
        out, err = capsys.readouterr()
        assert status is None or (ended.value.code or 0) == status, out + err
        return out, err
    return run


def process(*arguments: str, cwd: Path | None = None, **more) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "generator"), **more.pop("env", {})}
    return subprocess.run([sys.executable, "-m", "lamina", *arguments], cwd=cwd, env=environment, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, **more)


def tree(folder: str | Path = ".") -> dict[str, bytes]:
    base = Path(folder)
    return {str(p.relative_to(base)): p.read_bytes() for p in sorted(base.rglob("*")) if p.is_file()}


# Status ------------------------------------------------------------------------------------------------------------

def test_done(lamina):
    out, err = lamina("generate", "--no-format", "good.lua")
    assert re.fullmatch(r"generated.pool: (\d+) of \1 files changed\n", out) and err == ""
    assert lamina("generate", "--no-format", "-q", "good.lua") == ("", "")


def test_wrong_spec_is_1(lamina):
    out, err = lamina("generate", "wrong.lua", status=1)
    assert out == "" and "[LAM041]" in err and err.endswith("1 error\n")
    assert "[LAM001]" in lamina("generate", "nothing.lua", status=1)[1]
    assert "[LAM002]" in lamina("generate", "good.txt", status=1)[1]


@pytest.mark.parametrize("arguments, told", [
    (["genrate", "good.lua"], "did you mean 'generate'?"),
    (["frobnicate"], "it has budget, check, comp"),
    (["generate"], "Missing argument"),
    (["generate", "--dryrun", "good.lua"], "Did you mean --dry-run?"),
    (["generate", "--diagnostics", "xml", "good.lua"], "'xml' is not one of"),
    (["generate", "-W", "eror", "good.lua"], "'eror' is no warning option"),
    (["check", "-W", "LAM29", "good.lua"], "'LAM29' is no warning option"),
    (["explain"], "Missing argument"),
])
def test_wrong_command_line_is_2(lamina, arguments, told):
    out, err = lamina(*arguments, status=2)
    assert out == "" and told in err and err.startswith("Usage: lamina")
    assert "[" not in err.split("Error:")[1] or "one of" in err


def test_outdated_is_3(lamina):
    assert lamina("check", "--no-format", "good.lua", status=3)[0].count(": missing") >= 4


def test_no_formatter_is_4(lamina, monkeypatch):
    monkeypatch.setenv("LAMINA_CLANG_FORMAT", "no-such-formatter")
    formatter.cache_clear()
    try:
        _, err = lamina("generate", "good.lua", status=4)
    finally:
        formatter.cache_clear()
    assert err.startswith("lamina: clang-format 13 to 16 is needed") and "--no-format" in err
    assert not Path("generated").exists()


def test_no_folder_is_4(lamina):
    Path("generated").write_text("a file", encoding="utf-8")
    _, err = lamina("generate", "--no-format", "good.lua", status=4)
    assert err == "lamina: generated: File exists\n"


def test_a_bug_is_70(lamina, monkeypatch):
    def bug(*_):
        raise KeyError("oops")
    monkeypatch.setattr(pipeline, "load_all", bug)
    _, err = lamina("generate", "good.lua", status=70)
    assert "a bug in Lamina: KeyError: 'oops'" in err and "LAMINA_TRACEBACK=1" in err and "Traceback" not in err


def test_traceback_on_demand(monkeypatch):
    monkeypatch.setenv("LAMINA_TRACEBACK", "1")
    monkeypatch.setattr(pipeline, "load_all", lambda *_: 1 // 0)
    monkeypatch.setattr(sys, "argv", ["lamina", "generate", "good.lua"])
    with pytest.raises(ZeroDivisionError):
        cli_module.main()


# What is written ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("options", [[], ["--no-generic"], ["--no-tests"], ["--no-generic", "--no-tests"], ["--standalone"],
                                     ["--stack", "large"]])
def test_list_outputs_is_what_is_written(lamina, options):
    arguments = ["generate", "--no-format", *options, "-o", "out", "two.lua", *([] if "--stack" in options else ["good.lua"])]
    listed = lamina(*arguments, "--list-outputs")[0].splitlines()
    assert not Path("out").exists()
    lamina(*arguments)
    assert sorted(listed) == sorted(os.path.join("out", name) for name in tree("out"))
    assert len(listed) == len(set(listed))


def test_list_outputs_of_a_wrong_spec(lamina):
    assert lamina("generate", "--list-outputs", "wrong.lua", status=1)[0] == ""


def test_stdout(lamina):
    out, err = lamina("generate", "--no-format", "--stdout", "good.lua")
    assert err == "" and not Path("generated").exists()
    lamina("generate", "--no-format", "good.lua")
    files = tree("generated/pool")
    assert out.encode() == files["pool.h"] + files["pool.c"]


def test_dry_run(lamina):
    before = tree()
    out, _ = lamina("generate", "--no-format", "--dry-run", "good.lua")
    assert tree() == before
    assert {line.split()[0] for line in out.splitlines()} == {"new"}
    lamina("generate", "--no-format", "good.lua")
    assert [line.split()[1] for line in out.splitlines()] == \
        [line.split()[1] for line in lamina("generate", "--no-format", "--dry-run", "good.lua")[0].splitlines()]
    Path("generated/pool/pool.c").write_text("int x;\n", encoding="utf-8")
    for options, state, status in (([], "edited", 3), (["--force"], "edited", 0)):
        out, _ = lamina("generate", "--no-format", "--dry-run", *options, "good.lua", status=status)
        assert [line for line in out.splitlines() if not line.startswith("same ")] == [f"{state:8} {POOL_C}"]
        assert POOL_C.read_text(encoding="utf-8") == "int x;\n"


def test_a_dry_run_reads_each_file_once(lamina, monkeypatch):
    lamina("generate", "--no-format", "good.lua")
    read, real = [], open

    def counting(path, *arguments, **more):
        read.append(os.path.realpath(path) if isinstance(path, (str, os.PathLike)) else path)
        return real(path, *arguments, **more)

    monkeypatch.setattr("builtins.open", counting)
    monkeypatch.setattr("io.open", counting)
    out, _ = lamina("generate", "--no-format", "--dry-run", "good.lua")
    paths = [line.split()[1] for line in out.splitlines() if not line.endswith("manifest.json")]
    assert len(paths) > 5 and {line.split()[0] for line in out.splitlines()} == {"same"}
    assert [read.count(os.path.realpath(path)) for path in paths] == [1] * len(paths)


def rule(text: str) -> tuple[list[str], list[str]]:
    """Targets and prerequisites of a depfile, as make reads them."""
    words = [word.replace("\\ ", " ").replace("\\#", "#").replace("$$", "$")
             for word in re.findall(r"(?:\\.|[^\s\\])+", text.replace("\\\n", " "))]
    at = next(i for i, word in enumerate(words) if word.endswith(":"))
    return [*words[:at], words[at][:-1]], words[at + 1:]


def test_depfile(lamina):
    Path("a folder").mkdir()
    shutil.copy("two.lua", "a folder/my #1 spec.lua")
    shutil.copytree("parts", "a folder/parts")
    spec = os.path.join("a folder", "my #1 spec.lua")
    lamina("generate", "--no-format", "-o", "out", "--depfile", "deps/two.d", spec)
    targets, inputs = rule(Path("deps/two.d").read_text(encoding="utf-8"))
    assert sorted(targets) == sorted(os.path.join("out", name) for name in tree("out"))
    assert spec in inputs and os.path.join("a folder", "parts", "sizes.lua") in inputs
    assert all(Path(name).is_file() for name in inputs)
    names = {Path(name).name for name in inputs}
    assert {"slab.py", "slab.c.j2", "validate.py", "prelude.lua", "clang-format.yaml", "flat.h.j2"} <= names
    assert len(inputs) == len(set(inputs))


@pytest.mark.skipif(not shutil.which("make"), reason="make is not there")
def test_make_reads_the_depfile(lamina):
    lamina("generate", "--no-format", "-o", "out", "--depfile", "two.d", "two.lua")
    Path("Makefile").write_text("out/small/small.h:\n\t@echo again\ninclude two.d\n", encoding="utf-8")
    assert "again" not in subprocess.run(["make", "out/small/small.h"], capture_output=True, text=True).stdout
    time.sleep(0.01)
    Path("parts/sizes.lua").touch()
    assert "again" in subprocess.run(["make", "out/small/small.h"], capture_output=True, text=True).stdout


def test_no_depfile_after_an_error(lamina):
    lamina("generate", "--depfile", "two.d", "wrong.lua", status=1)
    assert not Path("two.d").exists()


def test_the_generated_folder_names_no_host(lamina):
    lamina("generate", "--no-format", "two.lua")
    for name, data in tree("generated").items():
        assert str(Path.cwd()).encode() not in data, name
        assert str(ROOT).encode() not in data, name


# Diagnostics -------------------------------------------------------------------------------------------------------

def test_diagnostics_as_json(lamina):
    out, err = lamina("generate", "--diagnostics", "json", "wrong.lua", status=1)
    report = json.loads(err)
    assert out == "" and report["version"] == 1 and report["errors"] == 1
    found = report["diagnostics"][0]
    assert found["code"] == "LAM041" and found["file"] == "wrong.lua" and found["line"] == 2
    assert WRONG.splitlines()[1][found["col"] - 1:][:found["length"]] == "slot = 4"
    assert json.loads(lamina("generate", "--no-format", "--diagnostics", "json", "good.lua")[1])["diagnostics"] == []
    assert json.loads(lamina("check", "--diagnostics", "json", "wrong.lua", status=1)[1])["errors"] == 1


def test_notes_and_warnings(lamina):
    assert "note: poison is read as" in lamina("generate", "--no-format", "noted.lua")[1]
    assert lamina("generate", "--no-format", "-W", "no-LAM029", "noted.lua")[1] == ""
    # A note is no warning, whatever is made of those.
    lamina("generate", "--no-format", "-W", "error", "noted.lua")
    assert "warning: " in lamina("generate", "--no-format", "warned.lua")[1]
    for options, status in ((["-W", "error"], 1), (["-W", "error=LAM053"], 1), (["-W", "error", "-W", "no-error=LAM053"], 0),
                            (["-W", "error=LAM041"], 0), (["-W", "error", "-W", "no-LAM053"], 0)):
        err = lamina("generate", "--no-format", *options, "warned.lua", status=status)[1]
        assert ("error: " in err) == (status == 1)
    assert lamina("generate", "--no-format", "-W", "no-LAM053", "warned.lua")[1] == ""


def test_all_errors_of_all_specs(lamina):
    shutil.copy("wrong.lua", "also.lua")
    err = lamina("generate", "wrong.lua", "good.lua", "nothing.lua", "also.lua", status=1)[1]
    assert err.count("[LAM041]") == 2 and err.count("[LAM001]") == 1 and err.endswith("\n")


def test_two_specs_with_one_stack(lamina):
    shutil.copy("good.lua", "copy.lua")
    err = lamina("generate", "good.lua", "copy.lua", status=1)[1]
    assert "copy.lua:2:" in err and "note: first declared here" in err and "[LAM030]" in err
    assert not Path("generated").exists()
    assert "[LAM030]" in lamina("generate", "--list-outputs", "good.lua", "copy.lua", status=1)[1]


def test_the_same_spec_twice_is_one_mistake(lamina):
    assert "[LAM030]" in lamina("generate", "good.lua", "./good.lua", status=1)[1]


def test_include(lamina):
    Path("far").mkdir()
    shutil.move("parts", "far/parts")
    assert "[LAM008]" in lamina("generate", "--no-format", "two.lua", status=1)[1]
    lamina("generate", "--no-format", "-I", "far", "two.lua")
    out, err = lamina("check", "--no-format", "-I", "far", "two.lua")
    assert "up to date" in out and err == ""


# check -------------------------------------------------------------------------------------------------------------

def test_check_fresh(lamina):
    lamina("generate", "--no-format", "two.lua")
    out, err = lamina("check", "--no-format", "two.lua")
    assert out == "2 stacks are up to date\n" and err == ""


def test_check_outdated(lamina):
    lamina("generate", "--no-format", "two.lua")
    Path("parts/sizes.lua").write_text("return { small = 64, large = 512 }\n", encoding="utf-8")
    out, err = lamina("check", "--no-format", "two.lua", status=3)
    header = os.path.join("generated", "small", "small.h")
    assert f"{header}: outdated\n--- {header}\n+++ {header} (as the spec gives it)\n" in out
    assert re.search(r"^\+.*SMALL_SLOT_BYTES.*64", out, re.M)
    assert "edited by hand" not in out and os.path.join("generated", "large", "large.h") not in out
    command = re.search(r"^run: lamina (.*)$", err, re.M)
    assert command
    lamina(*command[1].split())
    lamina("check", "--no-format", "two.lua")


def test_the_command_of_check_repeats_the_options(lamina):
    options = ["-I", "parts", "--stack", "small", "--no-generic", "--no-tests"]
    err = lamina("check", "--no-format", *options, "-o", "out", "two.lua", status=3)[1]
    command = re.search(r"^run: lamina (.*)$", err, re.M)
    assert command
    lamina(*command[1].split())
    lamina("check", "--no-format", *options, "-o", "out", "two.lua")


def test_check_missing(lamina):
    lamina("generate", "--no-format", "good.lua")
    Path("generated/pool/pool.c").unlink()
    out, _ = lamina("check", "--no-format", "good.lua", status=3)
    assert out == os.path.join("generated", "pool", "pool.c") + ": missing\n"


def test_check_edited_by_hand(lamina):
    lamina("generate", "--no-format", "good.lua")
    path = Path("generated/pool/pool.c")
    path.write_text(path.read_text(encoding="utf-8") + "/* mine */\n", encoding="utf-8")
    out, err = lamina("check", "--no-format", "good.lua", status=3)
    assert f"{path}: edited by hand" in out and "-/* mine */" in out
    assert "is lost then" in err
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: edited by hand" in lamina("check", "--no-format", "good.lua", status=3)[0]


def another_formatter(monkeypatch) -> None:
    """clang-format, but of another opinion: more columns."""
    program = Path("other-format").absolute()
    program.write_text('#!/bin/sh\nfor word; do\n  shift\n  set -- "$@" "$(printf %s "$word" | sed "s/ColumnLimit: [0-9]*/'
                       f'ColumnLimit: 60/")"\ndone\nexec {formatter()[0]} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("LAMINA_CLANG_FORMAT", str(program))
    formatter.cache_clear()


@pytest.mark.skipif(not HAS_FORMATTER, reason="clang-format is not there")
def test_check_formatter_differs(lamina, monkeypatch):
    with monkeypatch.context() as other:
        another_formatter(other)
        lamina("generate", "good.lua")
    formatter.cache_clear()
    out, err = lamina("check", "good.lua", status=3)
    states = set(re.findall(r"^\S+: (.*)$", out.replace("+", "").replace("-", ""), re.M))
    assert "formatter differs" in states and not states & {"outdated", "edited by hand", "missing"}
    assert "only the formatting differs" in err
    lamina("generate", "good.lua")
    lamina("check", "good.lua")


@pytest.mark.skipif(not HAS_FORMATTER, reason="clang-format is not there")
def test_another_formatter_of_the_same_opinion_is_fine(lamina):
    lamina("generate", "good.lua")
    manifest = Path("generated/pool/manifest.json")
    manifest.write_text(re.sub(r'"formatter": "[^"]+"', '"formatter": "16.0.1"', manifest.read_text(encoding="utf-8")), encoding="utf-8")
    lamina("check", "good.lua")
    manifest.write_text(manifest.read_text(encoding="utf-8").replace('"stack": "pool"', '"stack": "loop"'), encoding="utf-8")
    assert f"{manifest}: outdated" in lamina("check", "good.lua", status=3)[0]


def test_check_writes_nothing(lamina):
    lamina("generate", "--no-format", "good.lua")
    before = tree()
    Path("good.lua").write_text(GOOD.replace("64 }", "128 }"), encoding="utf-8")
    lamina("check", "--no-format", "good.lua", status=3)
    after = tree()
    del before["good.lua"], after["good.lua"]
    assert after == before


def test_check_with_a_broken_manifest(lamina):
    lamina("generate", "--no-format", "good.lua")
    for text in ("", "[]", "{", '{"outputs": []}', '{"outputs": {"pool.c": 7}}', "null"):
        Path("generated/pool/manifest.json").write_text(text, encoding="utf-8")
        Path("generated/pool/pool.c").write_text("int x;\n", encoding="utf-8")
        assert "pool.c: " in lamina("check", "--no-format", "good.lua", status=3)[0]


# The options of a folder --------------------------------------------------------------------------------------------

def banner_command(path: Path) -> list[str]:
    found = re.search(r"to regenerate:\n \*\n \*     lamina (.*)$", path.read_text(encoding="utf-8"), re.M)
    assert found, path
    return shlex.split(found[1])


@pytest.mark.parametrize("options", [
    [], ["--no-generic"], ["--no-tests"], ["--no-tests", "--no-generic"], ["--standalone"], ["--stack", "large"],
    ["-I", "a far/away place", "-I", "unused"], ["-I", "a very long name/" * 12 + "of a folder"], ["-I", "st*/", "--stack", "small", "--no-tests"],
], ids=" ".join)
@pytest.mark.parametrize("formatted", ["--no-format", pytest.param("--format", marks=pytest.mark.skipif(
    not HAS_FORMATTER, reason="clang-format is not there"))])
def test_the_banner_regenerates_its_folder(lamina, monkeypatch, options, formatted):
    if "-I" in options:
        Path("unused").mkdir()
        Path(options[1]).mkdir(parents=True)
        shutil.move("parts", options[1])
    lamina("generate", formatted, *options, "-o", "out", "two.lua")
    before = tree("out")
    for folder in sorted(Path("out").iterdir()):
        command = banner_command(folder / f"{folder.name}.h")
        assert not {"unused", "../../unused"} & set(command)
        page = (folder / f"{folder.name}.md").read_text(encoding="utf-8")
        assert shlex.join(["lamina", *command]).replace("*/", "*''/") in page.replace("/''*", "/*")
        for file in folder.iterdir():
            if file.name != "manifest.json":
                file.unlink() if file.is_file() else shutil.rmtree(file)
        with monkeypatch.context() as there:
            there.chdir(folder)
            lamina(*command)
        assert tree("out") == before
    assert lamina("check", *options[:4 if "-I" in options else 0], "-o", "out", "two.lua",
                  status=3 if "--stack" in options and "-I" not in options else None)


def test_a_path_can_not_end_the_banner(lamina):
    Path("st*").mkdir()
    shutil.copy("good.lua", "st*/good.lua")
    lamina("generate", "--no-format", "st*/good.lua")
    text = Path("generated/pool/pool.h").read_text(encoding="utf-8")
    banner = text[text.index("/*\n"):text.index("#ifndef")]
    assert banner.count("*/") == banner.count("/*") and "good.lua" in banner
    assert banner_command(Path("generated/pool/pool.h"))[1] == "../../st*/good.lua"


@pytest.mark.parametrize("options", [["--standalone"], ["--no-tests"], ["--no-generic", "--no-format"], ["--stack", "large"]],
                         ids=" ".join)
def test_check_compares_with_what_the_folder_was_emitted_as(lamina, options):
    lamina("generate", "--no-format", *options, "two.lua")
    chosen = options if "--stack" in options else []
    assert "up to date" in lamina("check", *chosen, "two.lua")[0]
    Path("parts/sizes.lua").write_text("return { small = 64, large = 1024 }\n", encoding="utf-8")
    err = lamina("check", *chosen, "two.lua", status=3)[1]
    command = re.search(r"^run: lamina (.*)$", err, re.M)
    assert command and err.count("run: ") == 1
    files = set(tree("generated"))
    lamina(*shlex.split(command[1]))
    lamina("check", *chosen, "two.lua")
    assert set(tree("generated")) == files


def test_check_of_folders_that_were_emitted_differently(lamina):
    lamina("generate", "--no-format", "--stack", "large", "--standalone", "two.lua")
    lamina("generate", "--no-format", "--stack", "small", "--no-tests", "two.lua")
    lamina("generate", "--no-format", "good.lua")
    lamina("check", "two.lua", "good.lua")
    Path("parts/sizes.lua").write_text("return { small = 64, large = 1024 }\n", encoding="utf-8")
    files = set(tree("generated"))
    commands = re.findall(r"^run: lamina (.*)$", lamina("check", "two.lua", "good.lua", status=3)[1], re.M)
    for command in commands:
        lamina(*shlex.split(command))
    assert set(tree("generated")) == files
    lamina("check", "two.lua", "good.lua")


def test_the_flags_of_check_come_first(lamina):
    lamina("generate", "--no-format", "--standalone", "good.lua")
    assert "test_pool.cpp: missing" in lamina("check", "--tests", "good.lua", status=3)[0]
    assert "test_pool.cpp: missing" in lamina("check", "--no-standalone", "good.lua", status=3)[0]
    lamina("generate", "--no-format", "good.lua")
    out = lamina("check", "--no-tests", "good.lua", status=3)[0]
    assert f"{os.path.join('generated', 'pool', 'test_pool.cpp')}: no longer given\n" in out


def test_check_of_a_broken_standalone_folder(lamina):
    lamina("generate", "--no-format", "--standalone", "good.lua")
    Path("generated/pool/lamina/core.h").unlink()
    source = Path("generated/pool/lamina_status.c")
    source.write_text("int x;\n", encoding="utf-8")
    out = lamina("check", "good.lua", status=3)[0]
    assert os.path.join("lamina", "core.h") + ": missing" in out and f"{source}: edited by hand" in out


def test_check_tells_stacks_that_are_gone(lamina):
    lamina("generate", "--no-format", "two.lua", "good.lua")
    Path("two.lua").write_text(TWO.replace('"large"', '"huge"'), encoding="utf-8")
    lamina("generate", "--no-format", "--stack", "huge", "two.lua")  # of chosen stacks no other is touched
    lamina("generate", "--no-format", "--stack", "small", "two.lua")
    large = os.path.join("generated", "large")
    out, err = lamina("check", "two.lua", status=3)
    assert out == f"{large}: no longer given\n"
    assert err == f"{large}: the spec declares no such stack; lamina generate removes what it emitted there\n"
    lamina("check", "--stack", "huge", "two.lua")
    lamina("check", "good.lua")


def test_generate_removes_stacks_that_are_gone(lamina):
    lamina("generate", "--no-format", "--standalone", "two.lua", "good.lua")
    large, before = Path("generated/large"), set(tree("generated"))
    Path("two.lua").write_text(TWO.replace('"large"', '"huge"'), encoding="utf-8")
    dry = lamina("generate", "--no-format", "--standalone", "--dry-run", "two.lua")[0]
    assert {line.split()[1] for line in dry.splitlines() if line.startswith("removed ")} == \
        {str(path) for path in large.rglob("*") if path.is_file()}
    assert set(tree("generated")) == before
    out, err = lamina("generate", "--no-format", "--standalone", "two.lua")
    assert f"removed {large}: the spec declares no such stack\n" in out and err == ""
    assert not large.exists() and Path("generated/huge/huge.h").is_file()
    lamina("check", "two.lua", "good.lua")  # another spec's folders are nobody else's


def test_of_stacks_that_are_gone_what_is_not_ours_stays(lamina, tmp_path_factory):
    lamina("generate", "--no-format", "two.lua")
    large = Path("generated/large")
    Path("two.lua").write_text(TWO.replace('"large"', '"huge"'), encoding="utf-8")
    mine = large / "mine.txt"
    mine.write_text("mine\n", encoding="utf-8")
    edited = large / "large.c"
    text = edited.read_text(encoding="utf-8")
    edited.write_text("int x;\n", encoding="utf-8")
    out, err = lamina("generate", "--no-format", "--force", "two.lua")
    assert err == f"lamina: {edited} is no longer given, but was edited by hand: it stays\n" and "removed" not in out
    assert {path.name for path in large.iterdir()} == {"mine.txt", "large.c", "manifest.json"}
    assert "large: no longer given\n" in lamina("check", "two.lua", status=3)[0]
    edited.write_text(text, encoding="utf-8")  # the edit is taken back: what is left is the user's
    out, err = lamina("generate", "--no-format", "two.lua")
    assert {path.name for path in large.iterdir()} == {"mine.txt"} and err == "" and f"removed {large}: " in out
    lamina("check", "two.lua")
    # A folder that is only a link to somewhere is left alone, whatever its manifest says.
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "large"
    os.rename("generated/huge", elsewhere)
    os.symlink(elsewhere, "generated/huge")
    Path("two.lua").write_text(TWO, encoding="utf-8")
    lamina("generate", "--no-format", "two.lua")
    assert (elsewhere / "huge.h").is_file()


# Files that are not ours any more -----------------------------------------------------------------------------------

def test_standalone_after_the_whole(lamina):
    lamina("generate", "--no-format", "good.lua")
    mine = Path("generated/pool/mine.txt")
    mine.write_text("mine\n", encoding="utf-8")
    dry, _ = lamina("generate", "--no-format", "--standalone", "--dry-run", "good.lua")
    gone = {os.path.join("generated", "pool", name) for name in
            ("pool_generic.c", "pool_generic.h", "test_pool.cpp", "test_pool_flat.c", "test_pool_generic.c")}
    assert {line.split()[1] for line in dry.splitlines() if line.startswith("removed ")} == gone
    assert all(Path(name).is_file() for name in gone)
    out, err = lamina("generate", "--no-format", "--standalone", "good.lua")
    assert {line.split()[1].rstrip(",") for line in out.splitlines() if line.startswith("removed ")} == gone
    assert ", 5 removed\n" in out and err == ""
    assert not any(Path(name).exists() for name in gone) and mine.is_file()
    if shutil.which("cc"):
        sources = [path.name for path in Path("generated/pool").glob("*.c")]
        subprocess.run(["cc", "-std=c11", "-I.", "-c", *sources], cwd="generated/pool", check=True)
    lamina("check", "good.lua")
    # And back: the runtime's files go, with their folder.
    lamina("generate", "--no-format", "good.lua")
    assert not Path("generated/pool/lamina").exists() and not list(Path("generated/pool").glob("lamina_*.c"))
    lamina("check", "good.lua")


def test_a_stale_file_that_was_edited_stays(lamina):
    lamina("generate", "--no-format", "good.lua")
    path = Path("generated/pool/test_pool_flat.c")
    path.write_text("int x;\n", encoding="utf-8")
    for options in (["--no-tests"], ["--no-tests", "--force"]):
        assert f"kept     {path}\n" in lamina("generate", "--no-format", *options, "--dry-run", "good.lua")[0]
    out = lamina("check", "--no-tests", "good.lua", status=3)[0]
    assert f"{path}: no longer given, and edited by hand\n" in out
    out, err = lamina("generate", "--no-format", "--no-tests", "good.lua")
    assert err == f"lamina: {path} is no longer given, but was edited by hand: it stays\n"
    assert path.read_text(encoding="utf-8") == "int x;\n" and not Path("generated/pool/test_pool.cpp").exists()


@pytest.mark.parametrize("name", ["../../precious", "/precious", "link/precious", "link", ".", "", "lamina/../../../precious"])
def test_a_manifest_removes_nothing_outside_its_folder(lamina, here, name):
    lamina("generate", "--no-format", "good.lua")
    Path("precious").write_text("precious\n", encoding="utf-8")
    Path("generated/pool/link").symlink_to(here if name != "link" else here / "precious")
    manifest = Path("generated/pool/manifest.json")
    document = json.loads(manifest.read_text(encoding="utf-8"))
    document["outputs"][name.replace("/precious", str(here / "precious")) if name == "/precious" else name] = \
        {"sha256": emit.digest("precious\n")}
    manifest.write_text(json.dumps(document), encoding="utf-8")
    assert "removed" not in lamina("generate", "--no-format", "good.lua")[0]
    assert Path("precious").read_text(encoding="utf-8") == "precious\n" and Path("generated/pool/link").is_symlink()


def test_an_edit_is_not_written_over(lamina):
    lamina("generate", "--no-format", "good.lua", "two.lua")
    POOL_C.write_text("int x;\n", encoding="utf-8")
    for spec in (GOOD, GOOD.replace("64 }", "128 }")):
        Path("good.lua").write_text(spec, encoding="utf-8")
        before = tree("generated")
        out, err = lamina("generate", "--no-format", "--depfile", "x.d", "two.lua", "good.lua", status=3)
        assert out == "" and err == f"lamina: {POOL_C} was edited by hand\nlamina: nothing was written: move the edit into " \
            "the spec, or write over it with --force\n"
        assert tree("generated") == before and not Path("x.d").exists()
    # The command that check names does it.
    command = re.search(r"^run: lamina (.*)$", lamina("check", "good.lua", status=3)[1], re.M)
    assert command and "--force" in command[1]
    lamina(*command[1].split())
    lamina("check", "good.lua", "two.lua")


def test_what_is_no_edit_is_written_over(lamina):
    lamina("generate", "--no-format", "good.lua")
    text = POOL_C.read_text(encoding="utf-8")
    # Ends of lines, as a checkout may give them; the spec's own change, made by hand; files that are gone.
    POOL_C.write_bytes(text.replace("\n", "\r\n").encode())
    lamina("generate", "--no-format", "good.lua")
    assert POOL_C.read_text(encoding="utf-8") == text
    Path("good.lua").write_text(GOOD.replace("64 }", "128 }"), encoding="utf-8")
    lamina("generate", "--no-format", "-o", "other", "good.lua")
    shutil.copy("other/pool/pool.c", POOL_C)
    Path("generated/pool/pool.h").unlink()
    lamina("generate", "--no-format", "good.lua")
    lamina("check", "good.lua")
    # Nor is anything told of files that no manifest knows.
    Path("generated/pool/manifest.json").unlink()
    POOL_C.write_text("int x;\n", encoding="utf-8")
    lamina("generate", "--no-format", "good.lua")
    lamina("check", "good.lua")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is not there")
@pytest.mark.parametrize("arguments, what", [
    (["generate", "--no-format", "--stdout", "good.lua"], "standard output, while pool/pool.h was printed"),
    (["list-layers"], "standard output"), (["generate", "--no-format", "good.lua"], "standard output")])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_standard_output_is_full(arguments, what, unbuffered):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "generator"), "PYTHONUNBUFFERED": unbuffered}
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "lamina", *arguments], env=environment, stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.stderr == f"lamina: {what}: No space left on device; what was printed is incomplete\n"
    assert done.returncode == 4


# What must never happen --------------------------------------------------------------------------------------------

def test_nothing_is_touched_that_did_not_change(lamina):
    lamina("generate", "--no-format", "two.lua")
    stamps = {path: path.stat().st_mtime_ns for path in Path("generated").rglob("*") if path.is_file()}
    time.sleep(0.01)
    assert "up to date" in lamina("generate", "--no-format", "two.lua")[0]
    assert {path: path.stat().st_mtime_ns for path in Path("generated").rglob("*") if path.is_file()} == stamps
    # Only what the change reaches is written.
    Path("two.lua").write_text(TWO.replace('"small" {', '"small" { brief = "changed",'), encoding="utf-8")
    lamina("generate", "--no-format", "two.lua")
    touched = {path.name for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert "small.h" in touched and "large.h" not in touched and "large.c" not in touched


def test_no_output_when_a_later_spec_is_wrong(lamina):
    before = tree()
    lamina("generate", "--no-format", "good.lua", "two.lua", "wrong.lua", status=1)
    assert tree() == before and not Path("generated").exists()


def test_no_output_when_a_later_template_fails(lamina, monkeypatch):
    real, calls = pipeline.render_stack, []

    def fails(stack, *rest):
        calls.append(stack.name)
        if len(calls) == 2:
            raise OSError(5, "Input/output error", "some.j2")
        return real(stack, *rest)
    monkeypatch.setattr(pipeline, "render_stack", fails)
    assert lamina("generate", "--no-format", "two.lua", status=4)[1] == "lamina: some.j2: Input/output error\n"
    assert not Path("generated").exists()


def test_no_partial_output_when_the_disk_is_full(lamina):
    lamina("generate", "--no-format", "good.lua")
    before = tree("generated")
    Path("good.lua").write_text(GOOD.replace("64 }", "128 }"), encoding="utf-8")
    largest = max(len(data) for data in before.values())
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest - 100, resource.RLIM_INFINITY))
    done = process("generate", "--no-format", "good.lua", "two.lua", preexec_fn=limit)
    assert done.returncode == 4 and "File too large" in done.stderr, done.stderr
    assert tree("generated") == before
    assert [p.name for p in Path("generated").iterdir()] == ["pool"]


def test_no_partial_output_when_a_file_can_not_be_replaced(lamina):
    lamina("generate", "--no-format", "good.lua")
    before = tree("generated")
    Path("generated/pool/pool.h").unlink()
    Path("generated/pool/pool.h").mkdir()
    Path("good.lua").write_text(GOOD.replace("64 }", "128 }"), encoding="utf-8")
    _, err = lamina("generate", "--no-format", "good.lua", status=4)
    assert "pool.h: Is a directory" in err
    del before["pool/pool.h"]
    assert tree("generated") == before
    assert not list(Path("generated").glob(".lamina-*"))


def test_an_interrupted_run_leaves_no_stage(lamina, monkeypatch):
    real, calls = os.replace, []

    def refuses(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError(28, "No space left on device", str(target))
        real(source, target)
    monkeypatch.setattr(emit.os, "replace", refuses)
    lamina("generate", "--no-format", "good.lua", status=4)
    monkeypatch.setattr(emit.os, "replace", real)
    assert not list(Path("generated").glob(".lamina-*"))
    lamina("generate", "--no-format", "good.lua")
    lamina("check", "--no-format", "good.lua")


# Determinism and time ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("formatted", ["--no-format", pytest.param("--format", marks=pytest.mark.skipif(
    not HAS_FORMATTER, reason="clang-format is not there"))])
def test_the_same_bytes_everywhere(tmp_path, formatted):
    one, other = tmp_path / "one", tmp_path / "some" / "where else"
    names = [path.name for path in SPECS]
    for folder in (one, other):
        shutil.copytree(ROOT / "specs", folder / "specs")
    runs = [process("generate", formatted, *(os.path.join("specs", name) for name in names), cwd=one,
                    env={"PYTHONHASHSEED": "1", "TZ": "UTC", "LANG": "C"}),
            process("generate", formatted, *(str(other / "specs" / name) for name in reversed(names)), "-o",
                    str(other / "generated"), cwd=tmp_path, env={"PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo",
                                                                "LC_ALL": "C.UTF-8", "HOSTNAME": "elsewhere"})]
    assert [done.returncode for done in runs] == [0, 0], runs[0].stderr + runs[1].stderr
    assert tree(one / "generated") == tree(other / "generated")
    assert len(tree(one / "generated")) > 60


def cheapest(here: Path, *arguments: str) -> float:
    """Processor seconds of one run and its children, the least of five: what other programs do meanwhile doesn't count.
    As where Lamina is installed, Python may keep what it compiled."""
    environment = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(here / "compiled"), "XDG_CACHE_HOME": str(here / "cache")}
    best = 60.0
    for _ in range(5):
        shutil.rmtree("out", ignore_errors=True)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = process("generate", "-o", "out", *arguments, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0, done.stderr
    return best


@pytest.mark.skipif(not HAS_FORMATTER, reason="clang-format is not there")
def test_time_of_all_specs(here):
    took = cheapest(here, *map(str, SPECS))
    print(f"all specs: {took:.2f} s")
    assert took < 2.0


def test_time_of_one_spec(here):
    took = cheapest(here, "--no-format", str(ROOT / "specs" / "numa_slab.lua"))
    print(f"one spec without clang-format: {took:.3f} s")
    assert took < 0.3
