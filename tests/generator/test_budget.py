"""lamina budget: that it counts right, and that what Lamina emits costs no more than is promised."""

from __future__ import annotations

import json
import os
import platform
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from lamina import toolchain
from lamina.commands import budget

ROOT = Path(__file__).resolve().parents[2]
LIMITS = ROOT / "tests" / "budget" / "limits.lua"

#: The promise, here too, so that a spec can't be made to fit: at most so many instructions for an alloc and a free.
PROMISED = {
    "plain": 18, "poison_written": 23, "poison_verified": 40, "bumped": 9, "quarantine_16": 28, "canary_both": 32,
    "zeroized": 26, "falls_back": 20, "owned": 22, "counted": 28, "audit": 340,
}

LONG = os.environ.get("LAMINA_LONG", "0") not in ("", "0")

#: The long tier goes without no tool: there a missing one fails.
counted = pytest.mark.skipif(
    not LONG and (shutil.which("valgrind") is None or shutil.which("gcc") is None) or platform.machine() != "x86_64",
    reason="instructions are counted by valgrind, with gcc for x86-64")


def run(*arguments):
    return CliRunner(mix_stderr=False).invoke(budget.COMMAND, [str(a) for a in arguments])


def costs_of(*arguments):
    """Costs by stack and form."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr or result.exception
    return {(c["stack"], c["form"]): c for c in json.loads(result.stdout)["costs"]}


@pytest.fixture(scope="module")
def limits():
    return costs_of(LIMITS)


@pytest.fixture
def spec(tmp_path):
    def write(text):
        path = tmp_path / "spec.lua"
        path.write_text('local lamina = require "lamina"\n' + text)
        return path
    return write


LOADED = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void told(void)
{
    char path[4096];
    const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
    FILE *const out = fopen(getenv("TOLD_LOADED"), "a");
    if (out != NULL && size > 0) {
        (void)fprintf(out, "%.*s\n", (int)size, path);
        (void)fclose(out);
    }
}
"""


@counted
def test_what_the_caller_says_of_allocators_reaches_no_measured_program(tmp_path, monkeypatch):
    """A library that the caller preloads writes down whom it was loaded by: the compiler, and nobody who is counted."""
    loaded, library, spec = tmp_path / "loaded", tmp_path / "told.so", tmp_path / "tiny.yaml"
    (tmp_path / "told.c").write_text(LOADED)
    toolchain.run(["gcc", "-shared", "-fPIC", "-o", str(library), str(tmp_path / "told.c")], tmp_path, "told.c does not compile")
    spec.write_text("name: tiny\nlayers:\n  - static: { bytes: 4 KiB }\n  - bump: {}\n")
    for name, value in (("TOLD_LOADED", loaded), ("LD_PRELOAD", library), ("GLIBC_TUNABLES", "glibc.malloc.arena_max=1")):
        monkeypatch.setenv(name, str(value))
    costs_of(spec)
    programs = {Path(line).name for line in loaded.read_text().splitlines()}
    assert any("gcc" in name for name in programs)
    assert not [name for name in programs if "grind" in name or name == "measure"]
    assert not {"LD_PRELOAD", "GLIBC_TUNABLES"} & toolchain.environment().keys()


@counted
@pytest.mark.parametrize("stack", PROMISED)
def test_fast_path_costs_no_more_than_promised(limits, stack):
    cost = limits[stack, "flat"]
    assert cost["budget"] == {"pair": PROMISED[stack]}
    assert cost["pair"] <= PROMISED[stack]


@counted
def test_every_limit_is_promised(limits):
    assert {stack for stack, _ in limits} == set(PROMISED)


@counted
def test_a_twin_is_counted_beside_each_stack_and_costs_more(limits):
    for stack in PROMISED:
        assert limits[stack, "generic"]["pair"] > limits[stack, "flat"]["pair"]


@counted
def test_counts_are_whole_and_the_parts_make_the_pair(limits):
    # Without branches to share, alloc and free one after the other are alloc, free and the loop's three.
    for stack in ("plain", "poison_written", "falls_back", "owned"):
        cost = limits[stack, "flat"]
        assert all(isinstance(cost[name], int) for name in ("alloc", "free", "pair"))
        assert cost["pair"] == cost["alloc"] + cost["free"] + 3
    assert limits["bumped", "flat"]["pair"] == limits["bumped", "flat"]["alloc"] + 3
    assert limits["bumped", "flat"]["free"] is None


@counted
def test_the_specs_keep_their_budgets():
    specs = sorted((ROOT / "specs").glob("*.lua")) + sorted((ROOT / "specs").glob("*.yaml"))
    costs = costs_of(*specs, "--no-generic")
    assert len(costs) >= 12
    assert all(cost["budget"] for cost in costs.values())
    assert all(isinstance(cost["pair"], int) for cost in costs.values())


@counted
def test_every_way_to_get_memory_and_a_handle_can_be_measured(spec):
    costs = costs_of(spec("""
        return {
          lamina.stack "given" { lamina.caller {}, lamina.slab { slot = 64 } },
          lamina.stack "given_bump" { lamina.caller { align = 64 }, lamina.bump {} },
          lamina.stack "no_handle" { instance = "static", lamina.static {}, lamina.slab { slot = 64, count = 100 } },
          lamina.stack "bare" { target = "freestanding", lamina.static {}, lamina.slab { slot = 64, count = 100 } },
          lamina.stack "heap" { lamina.system {} },
          lamina.stack "lone" { lamina.static {}, lamina.slab { slot = 64, count = 1 } },
        }"""), "--no-generic")
    slab = {"alloc": 5, "free": 8, "pair": 16}
    for stack in ("given", "no_handle", "bare"):
        assert {name: costs[stack, "flat"][name] for name in slab} == slab
    assert costs["given_bump", "flat"]["alloc"] < 10 and costs["given_bump", "flat"]["free"] is None
    assert costs["heap", "flat"]["pair"] > 20  # the C library's malloc is in it
    assert costs["lone", "flat"]["pair"] == 16 and costs["lone", "flat"]["alloc"] is None  # one object says nothing


@counted
def test_a_handler_of_the_program_is_stood_in_for(spec):
    costs = costs_of(spec("""return lamina.stack "told" {
      lamina.mmap {}, lamina.slab { slot = 64, count = 100 },
      lamina.watermark { levels = { 50 }, edge = "both", handler = "somebody" } }"""))
    assert costs["told", "flat"]["pair"] < costs["told", "generic"]["pair"]


@counted
def test_over_budget_is_told_with_its_place(spec):
    path = spec("""return lamina.stack "tight" {
  budget = { alloc = 4, free = 100, pair = 15 },
  lamina.mmap {}, lamina.slab { slot = 64, count = 100 },
}""")
    result = run(path, "--no-generic")
    assert result.exit_code == 1
    told = result.stderr
    assert f"{path}:3:3: error: " in told
    assert '"tight": an inlined alloc takes 5 instructions, the budget is 4 [LAM064]' in told
    assert "takes 16 instructions, the budget is 15 [LAM064]" in told
    assert "a free takes" not in told
    assert "over" in result.stdout  # the table is printed all the same
    machine = run(path, "--no-generic", "--json")
    assert machine.exit_code == 1
    assert json.loads(machine.stdout)["costs"][0]["over"] == ["alloc", "pair"]


@counted
def test_a_stack_that_cannot_start_says_why(spec):
    result = run(spec('return lamina.stack "far" { lamina.mmap { size = "1 MiB" }, lamina.numa { bind = {1000} }, '
                      "lamina.slab { slot = 64, count = 100 } }"), "--no-generic")
    assert result.exit_code == 4
    assert "far, flat: can't be measured" in str(result.stderr)
    assert "init: " in str(result.stderr)


@pytest.mark.parametrize("missing, package", [("valgrind", "valgrind"), ("gcc", "gcc")])
def test_a_missing_tool_is_named(monkeypatch, missing, package):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *rest: None if name == missing else found(name, *rest) or name)
    result = run(LIMITS, "--no-generic")
    assert result.exit_code == 4
    assert f"{missing} is missing; on Debian: apt-get install {package}" in result.stderr


@counted
def test_flags_reach_the_compiler(spec):
    path = spec('return lamina.stack "pool" { lamina.mmap {}, lamina.slab { slot = 64, count = 100 } }')
    assert costs_of(path, "--no-generic", "--cflags", "-std=c11 -O0")["pool", "flat"]["pair"] > 30
    refused = run(path, "--no-generic", "--cflags", "-std=c11 --no-such-flag")
    assert refused.exit_code == 4
    assert "does not compile" in refused.stderr
