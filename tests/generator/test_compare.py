"""lamina compare: that it measures what it says, ranks nothing that isn't decided, and gives no wrong number."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from lamina.cli import Failed
from lamina.commands import compare
from lamina.comparing import allocators, bounds, intervals, measure, patterns, progress, session, subjects, table, verdicts
from lamina.comparing.pace import Pace
from lamina.report import documents, view, writing

ROOT = Path(__file__).resolve().parents[2]
SPECS = [*sorted((ROOT / "specs").glob("*.lua")), *sorted((ROOT / "specs").glob("*.yaml"))]
LONG = os.environ.get("LAMINA_LONG", "0") not in ("", "0")

#: The long tier goes without nothing: there a missing tool fails.
needs_tools = pytest.mark.skipif(not LONG and any(shutil.which(name) is None for name in ("valgrind", "strace", "gcc")),
                                 reason="measured with gcc, valgrind and strace")
#: As strict as the emitted C is compiled elsewhere.
STRICT = "-O2 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Werror"


def run(*arguments):
    return CliRunner(mix_stderr=False).invoke(compare.COMMAND, [str(a) for a in arguments])


def document_of(*arguments):
    result = run(*arguments, "--json", "-")
    assert result.exit_code == 0, result.stderr or result.exception
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def spec(folder):
    """A slab that any thread may use, and a bump, which frees nothing."""
    path = folder / "two.lua"
    path.write_text("""local lamina = require "lamina"
return {
  lamina.stack "pool" { lamina.mmap {}, lamina.slab { slot = 64, count = 512 }, lamina.mutex {} },
  lamina.stack "frame" { lamina.mmap { size = "64 KiB" }, lamina.bump {} },
}""")
    return path


@pytest.fixture(scope="module")
def result(spec, folder):
    """One run of everything, and the document that it wrote."""
    out = folder / "result.json"
    done = run(spec, "--rounds", 6, "--with", "malloc", "--json", out, "--cflags", f"-std=c11 -DNDEBUG {STRICT}")
    assert done.exit_code == 0, done.stderr or done.exception
    return done, json.loads(out.read_text(encoding="utf-8"))


def stack_of(document, name):
    return next(stack for stack in document["stacks"] if stack["name"] == name)


def pattern_of(document, stack, pattern):
    return next(row for row in stack_of(document, stack)["patterns"] if row["pattern"] == pattern)


def result_of(document, stack, pattern, subject, touch=False):
    variant = next(v for v in pattern_of(document, stack, pattern)["variants"] if v["touch"] is touch)
    return next(r for r in variant["results"] if r["subject"] == subject)


# ---------------------------------------------------------------------------------------------
# Intervals.

@pytest.mark.parametrize("n, k", [(1, 0), (5, 0), (6, 1), (8, 1), (9, 2), (21, 6)])
def test_ranks_are_those_of_the_binomial_tables(n, k):
    assert intervals.rank(n) == k


@pytest.mark.parametrize("n", [6, 9, 21, 30])
def test_an_interval_holds_the_median_as_often_as_it_says(n):
    import random

    chance = random.Random(7)
    held = 0
    for _ in range(2000):
        found = intervals.interval([chance.expovariate(1.0) for _ in range(n)])
        held += found.low <= 0.6931 <= found.high  # the exponential distribution's median is ln 2
    assert held / 2000 >= 0.94


def test_too_few_samples_decide_nothing():
    found = intervals.ratio([1.0] * 5, [2.0] * 5)
    assert found.middle == 0.5 and not found.decided
    assert intervals.ratio([1.0] * 6, [2.0] * 6).decided


def test_what_disturbs_a_whole_round_falls_out_of_a_ratio():
    load = [1, 7, 1, 3, 30, 1, 2, 9, 1]
    found = intervals.ratio([2.0 * factor for factor in load], [4.0 * factor for factor in load])
    assert (found.middle, found.low, found.high) == (0.5, 0.5, 0.5)


def test_quartiles_lie_between_samples():
    assert intervals.quartiles([4, 1, 3, 2, 5]) == (2, 4)
    assert intervals.quartiles([1, 2]) == (1.25, 1.75)


# ---------------------------------------------------------------------------------------------
# Verdicts.

@pytest.mark.parametrize("low, high, middle, words", [
    (0.4, 0.6, 0.5, "2.0 times as fast as malloc"),
    (1.5, 2.5, 2.0, "2.0 times as slow as malloc"),
    (0.9, 1.1, 0.95, "no difference measured"),
    (1.0, 1.2, 1.1, "no difference measured"),
    (0.98, 0.999, 0.99, "no difference worth a word"),
    (None, None, 0.1, "no difference measured"),
])
def test_only_what_is_decided_is_ranked(low, high, middle, words):
    assert verdicts.of_ratio({"median": middle, "low": low, "high": high}, "malloc") == words


def rows(*ratios):
    """Patterns of which flat's time to malloc's is known."""
    out = []
    for i, (low, high) in enumerate(ratios):
        time = {"median": (low + high) / 2, "low": low, "high": high}
        out.append({"pattern": f"p{i}", "variants": [{"touch": True, "ratios": [
            {"to": "malloc", "time": time, "verdict": verdicts.of_ratio(time, "malloc")}]}]})
    return out


def test_where_malloc_does_as_well_the_verdict_says_so():
    assert verdicts.of_stack(rows((0.9, 1.1), (0.95, 1.2)), "malloc").startswith("use malloc")
    lost = verdicts.of_stack(rows((0.9, 1.1), (1.5, 1.7)), "malloc")
    assert lost.startswith("use malloc") and "slower in p1" in lost
    mixed = verdicts.of_stack(rows((0.4, 0.6), (0.9, 1.1), (2.0, 2.2)), "malloc")
    assert "faster than malloc in p0 (median 2.0 times)" in mixed
    assert "no difference in p1: there use malloc" in mixed and "slower in p2: there use malloc" in mixed
    assert verdicts.of_stack(rows(), "malloc") == "no times were measured: no verdict"


# ---------------------------------------------------------------------------------------------
# Bounds.

def stack_with(flat, generic, floor, pattern="lifo", touch=False):
    counts = {"flat": flat, "generic": generic, "floor": floor}
    return {"name": "s", "patterns": [{"pattern": pattern, "variants": [{"touch": touch, "results": [
        {"subject": name, "instructions": {"per_object": value, "own": value - 3}} for name, value in counts.items()]}]}]}


def test_bounds_hold_up_to_their_limit_and_not_beyond():
    good = bounds.check([stack_with(11.0, 40.0, 10.0)])
    assert [b["holds"] for b in good] == [True, True]
    assert not next(b for b in bounds.check([stack_with(11.2, 40.0, 10.0)]) if "floor" in b["bound"])["holds"]
    slow = next(b for b in bounds.check([stack_with(41.0, 40.0, 40.0)]) if "twin" in b["bound"])
    assert not slow["holds"] and slow["value"] == 1.025


def test_the_median_gain_is_held_over_enough_stacks():
    low, high = stack_with(23.0, 50.0, 23.0), stack_with(13.0, 63.0, 13.0)
    assert all(b["stack"] for b in bounds.check([low] * (bounds.GAIN_STACKS - 1)))
    for gain in bounds.check([low] * bounds.GAIN_STACKS)[-2:]:
        assert gain["stack"] is None and gain["value"] == 2.35 and not gain["holds"]
    for gain in bounds.check([low] * 3 + [high] * 4)[-2:]:
        assert gain["value"] == 6.0 and gain["holds"]


def test_the_median_gain_is_held_of_patterns_and_of_stacks():
    """Stacks of many patterns outweigh those of few in one median, and not in the other."""
    def with_patterns(number, flat, generic):
        return {"name": "s", "patterns": number * stack_with(flat, generic, flat)["patterns"]}

    gained, lost = with_patterns(8, 13.0, 63.0), with_patterns(1, 23.0, 50.0)
    for stacks, values in (([gained] * 3 + [lost] * 4, (6.0, 2.35)), ([gained] * 4 + [lost] * 3, (6.0, 6.0)),
                           ([with_patterns(8, 23.0, 50.0)] * 3 + [with_patterns(1, 13.0, 63.0)] * 4, (2.35, 6.0))):
        of_patterns, of_stacks = bounds.check(stacks)[-2:]
        assert (of_patterns["value"], of_stacks["value"]) == values
        assert (of_patterns["holds"], of_stacks["holds"]) == tuple(value >= 3.0 for value in values)
        assert "all patterns of all stacks" in of_patterns["bound"] and "of the stacks, each by" in of_stacks["bound"]
        shown = table._bounds([of_patterns, of_stacks])
        assert shown.count("\n") == 2 and shown.count("broken: ") == 2 - of_patterns["holds"] - of_stacks["holds"]


def test_a_stack_without_counts_is_no_stack_of_a_median():
    assert all(b["stack"] for b in bounds.check([stack_with(13.0, 63.0, 13.0)] * 6 + [{"name": "s", "patterns": []}]))


def test_patterns_that_are_not_served_bound_nothing():
    assert bounds.check([{"name": "s", "patterns": [{"pattern": "burst", "applicable": False}]}]) == []


#: What is bounded every day; all specs are with LAMINA_LONG.
EVERY_DAY = [ROOT / "specs" / "firmware.lua"]


@needs_tools
@pytest.mark.parametrize("selection", [EVERY_DAY, *([SPECS] if LONG else [])], ids=lambda s: f"{len(s)} specs")
def test_the_emitted_code_keeps_the_bounds(selection):
    done = run(*selection, "--measure", "instructions", "--check-bounds", "--with", "none", "--json", "-")
    document = json.loads(done.stdout)
    broken = [table.told(bound) for bound in document["bounds"] if not bound["holds"]]
    assert not broken and done.exit_code == 0, done.stderr
    kept = {(b["bound"], b["stack"]) for b in document["bounds"]}
    for stack in document["stacks"]:  # every stack of specs/ is held to its floor
        assert (f"flat is at most {bounds.FLOOR:.2f} times the floor", stack["name"]) in kept


@needs_tools
def test_a_broken_bound_is_told_and_is_an_error(folder, spec):
    floor = folder / "floors" / "frame"
    floor.mkdir(parents=True)
    # A floor that checks nothing and never fills up: faster than any promise.
    (floor / "frame.h").write_text("""
#include <stddef.h>
typedef struct frame_t { unsigned char *at; } frame_t;
static _Alignas(64) unsigned char frame_bytes[1 << 20];
static inline int frame_init(frame_t *self) { self->at = frame_bytes; return 0; }
static inline void *frame_alloc(frame_t *self, size_t size, size_t align)
{
    (void)align;
    unsigned char *const out = self->at;
    self->at = out + ((size + 15U) & ~(size_t)15U);
    return out;
}
static inline void frame_reset(frame_t *self) { self->at = frame_bytes; }
static inline size_t frame_mark(frame_t *self) { return (size_t)(self->at - frame_bytes); }
static inline _Bool frame_rewind(frame_t *self, size_t mark) { self->at = frame_bytes + mark; return 1; }
""")
    done = run(spec, "--stack", "frame", "--measure", "instructions", "--check-bounds", "--patterns", "burst", "--with", "none",
               "--floors", folder / "floors")
    assert done.exit_code == 1
    assert "a bound is broken" in done.stderr
    assert "frame, burst, untouched: flat is at most 1.10 times the floor: " in done.stderr


# ---------------------------------------------------------------------------------------------
# Counts.

@needs_tools
def test_a_pair_costs_what_budget_counts(result):
    """Two programs that have little in common count the same loop."""
    from lamina.commands import budget

    _, document = result
    path = next(stack["spec"] for stack in document["stacks"])
    costs = CliRunner(mix_stderr=False).invoke(budget.COMMAND, [path, "--stack", "frame", "--no-generic", "--json"])
    alloc = json.loads(costs.stdout)["costs"][0]["pair"]
    flat = result_of(document, "frame", "burst", "flat")["instructions"]["per_object"]
    assert alloc <= flat <= alloc + 12  # a size from a table, the object's place in a list, the test for NULL


@needs_tools
def test_counts_are_the_same_on_every_run(spec):
    def counts():
        document = document_of(spec, "--stack", "pool", "--measure", "instructions", "--patterns", "lifo,shuffled", "--with", "malloc")
        return {(p["pattern"], v["touch"], r["subject"]): r["instructions"]["per_object"]
                for p in stack_of(document, "pool")["patterns"] for v in p["variants"] for r in v["results"]}

    first = counts()
    assert set(first) == {(p, t, s) for p in ("lifo", "shuffled") for t in (False, True) for s in ("flat", "generic", "malloc")}
    assert first == pytest.approx(counts(), abs=0.01)


@needs_tools
def test_malloc_is_called_and_never_left_out(result):
    for stack in ("pool", "frame"):
        for row in stack_of(result[1], stack)["patterns"]:
            if row["applicable"]:
                assert result_of(result[1], stack, row["pattern"], "malloc")["instructions"]["own"] > 50, (stack, row["pattern"])


@needs_tools
def test_touching_costs_all_the_same_and_the_loop_is_taken_off(result):
    document = result[1]
    for pattern in ("lifo", "in_order", "churn_clean"):
        for subject in ("flat", "generic", "malloc"):
            bare, touched = (result_of(document, "pool", pattern, subject, touch)["instructions"] for touch in (False, True))
            assert 0 < touched["per_object"] - bare["per_object"] < 10, (pattern, subject)
            assert 0 < bare["own"] < bare["per_object"]


def test_counts_are_read_from_the_parts_that_the_mark_ended():
    from lamina.toolchain import counts

    text = """part: 1
desc: Trigger: --dump-before=compare_end
events: Ir D1mr DLmr
summary: 100 3
part: 2
desc: Trigger: Program termination
events: Ir D1mr DLmr
summary: 7 7 7
part: 3
desc: Trigger: --dump-before=compare_end
events: Ir D1mr DLmr
summary: 200 4 5
"""
    assert counts(text, "compare_end") == [{"Ir": 100, "D1mr": 3, "DLmr": 0}, {"Ir": 200, "D1mr": 4, "DLmr": 5}]


# ---------------------------------------------------------------------------------------------
# Latency.

def test_a_quantile_is_the_smallest_value_that_enough_samples_keep_below():
    histogram = Counter({1.0: 50, 2.0: 49, 100.0: 1})
    assert [measure.quantile(histogram, share) for share in (0.0, 0.5, 0.99, 0.999, 1.0)] == [1.0, 1.0, 2.0, 100.0, 100.0]


def test_the_clock_is_taken_off_and_nothing_is_below_zero():
    late = measure.Latency()
    late.add("clock 8.00 3\nclock 9.00 1\nalloc 7.00 5\nfree 20.00 5\nalloc_most 7.00\nfree_most 22.50\n")
    assert late.overhead == 8.0
    assert (late.at(0.5), late.at(0.99), late.max) == (0.0, 12.0, 14.5)
    assert sum(late.calls.values()) == 10


@needs_tools
def test_the_histogram_is_at_most_a_thirty_second_off(folder):
    source = folder / "histogram.c"
    source.write_text("""
#include <stddef.h>
#include "latency.h"
int main(void)
{
    for (uint64_t base = 1; base < (UINT64_C(1) << 60); base += base / 7U + 1U) {
        for (uint64_t value = base; value < base + 3U; value++) {
            const double off = value_of(bucket_of(value)) - (double)value;
            if ((bucket_of(value) >= BUCKETS) || ((off < 0 ? -off : off) > (double)value / 32.0) ||
                (bucket_of(value + 1U) < bucket_of(value))) {
                return 1;
            }
        }
    }
    return bucket_of(UINT64_MAX) == BUCKETS - 1U ? 0 : 2;
}
""")
    program = folder / "histogram"
    subprocess.run(["gcc", "-std=gnu11", "-O1", f"-I{subjects.tools()}", "-o", program, source], check=True)
    assert subprocess.run([program], check=False).returncode == 0


# ---------------------------------------------------------------------------------------------
# The document.

@needs_tools
def test_every_field_is_told_in_the_docs(result):
    page = (ROOT / "docs" / "compare-json.md").read_text(encoding="utf-8")
    told = set(re.findall(r"`(\w+)`", page))

    def keys(value, path=()):
        if isinstance(value, dict):
            for key, below in value.items():
                if path[-1:] not in (("tools",), ("caches",), ("by_name",), ("bytes_per_object",)):
                    yield key
                    yield from keys(below, (*path, key))
        elif isinstance(value, list):
            for below in value:
                yield from keys(below, path)

    assert {key for key in keys(result[1])} - told == set()
    sample = json.loads((ROOT / "tests" / "generator" / "data" / "compare" / "sample.json").read_text(encoding="utf-8"))
    assert set(keys(sample)) <= told | {"loop_instructions"}
    assert (sample["format"], sample["version"]) == (result[1]["format"], result[1]["version"])


@needs_tools
def test_everything_is_measured_for_every_subject(result):
    document = result[1]
    for stack in document["stacks"]:
        present = [s["name"] for s in stack["subjects"] if s["present"]]
        assert {"flat", "generic", "malloc"} <= set(present)
        for row in stack["patterns"]:
            for variant in row.get("variants", ()):
                assert [r["subject"] for r in variant["results"]] == present
                for r in variant["results"]:
                    assert r["instructions"]["per_object"] > 0 and r["time"]["median_ns"] > 0
                    assert len(r["time"]["samples_ns"]) == 6
                    assert r["time"]["quartile_low_ns"] <= r["time"]["median_ns"] <= r["time"]["quartile_high_ns"]
                    if variant["touch"]:
                        late = r["latency"]
                        assert late["p50_ns"] <= late["p99_ns"] <= late["p999_ns"] <= late["max_ns"] + late["max_ns"] / 32 + 1
                        assert late["calls"] > 1000 and r["memory"]["peak_bytes"] > 0
                assert [ratio["to"] for ratio in variant["ratios"]] == present[1:]


@needs_tools
def test_memory_is_what_the_pattern_holds(result):
    stack = stack_of(result[1], "pool")
    assert stack["overhead"]["live"] == 512
    for name, value in stack["overhead"]["bytes_per_object"].items():
        assert 0 <= value <= 64, name  # 32 KiB of objects; some pages of the allocator's own
    assert result_of(result[1], "pool", "in_order", "flat", True)["memory"]["peak_bytes"] >= 512 * 64


@needs_tools
def test_system_calls_are_those_of_the_allocator(result):
    flat = result_of(result[1], "pool", "lifo", "flat", True)["system_calls"]
    assert flat["by_name"].get("mmap", 0) >= 1 and flat["total"] == sum(flat["by_name"].values()) < 5
    heap = result_of(result[1], "pool", "in_order", "malloc", True)["system_calls"]
    assert heap["by_name"].get("brk", 0) >= 1
    assert "clone3" not in result_of(result[1], "pool", "handover", "flat", True)["system_calls"]["by_name"]


@needs_tools
def test_what_a_stack_cannot_serve_is_named_with_its_first_event(result):
    row = pattern_of(result[1], "frame", "shuffled")
    assert row == {"pattern": "shuffled", "applicable": False, "why": "it frees no single object",
                   "first_event": "event 257, the first free"}
    assert pattern_of(result[1], "frame", "handover")["first_event"] == "event 129, the first free by another thread"
    assert "not applicable: shuffled: it frees no single object (event 257, the first free)" in result[0].stdout


@needs_tools
def test_what_is_scaled_says_so(result):
    row = pattern_of(result[1], "pool", "reversed")
    assert row["live"] == 512 and row["wanted"] == 10000
    assert row["scaled"] == "512 in place of 10,000: the stack has room for 512"
    assert f"scaled: reversed: {row['scaled']}" in result[0].stdout


@needs_tools
def test_the_table_tells_machine_versions_and_how_to_repeat(result):
    done, document = result
    text = done.stdout
    assert document["machine"]["compiler"]["version"] in text and document["allocators"][0]["version"] in text
    assert f"again: {document['command']}" in text
    assert "--rounds 6" in document["command"] and "--with malloc" in document["command"]
    assert os.uname().nodename not in json.dumps(document["machine"])
    assert done.stderr == ""  # progress is for terminals


def test_no_difference_is_said_in_the_table():
    def ratio(low, high, median=0.97):
        time = {"median": median, "low": low, "high": high}
        return table._ratio({"time": time, "verdict": verdicts.of_ratio(time, "malloc")})

    assert ratio(0.9, 1.05) == "0.97 [0.90, 1.05] no difference measured"
    assert ratio(0.95, 0.99) == "0.97 [0.95, 0.99]"
    assert ratio(None, None) == "0.97 [too few rounds] no difference measured"
    assert ratio(0.98, 0.999, 0.99) == "0.99 [0.98, 1.00] no difference worth a word"


def test_the_method_says_what_the_driver_counts():
    """n and 2n objects, of which n is at least what is given: whole turns."""
    document = {"method": {"measures": ["instructions"], "objects_counted": measure.COUNTED, "caches": measure.CACHES}}
    (told,) = view._method(document)
    document["method"]["caches"] = {}
    without = view._method(document)[0]
    assert "caches were not simulated" in without and "misses" not in without
    page = (ROOT / "docs" / "comparison.md").read_text(encoding="utf-8")
    assert told in page or without in page  # as it was measured, or with --quick
    assert "a run of 2n objects less those of one of n, where n is 4,096 objects, or more" in told
    driver = (ROOT / "templates" / "tools" / "compare" / "driver.c").read_text(encoding="utf-8")
    assert re.search(r"compare_begin\(\);\s+what->run\(self, &b, turns\);\s+compare_end\(\);\s+compare_begin\(\);\s+"
                     r"what->run\(self, &b, 2U \* turns\);", driver)


# ---------------------------------------------------------------------------------------------
# Entries.

def test_every_pattern_has_its_file_and_every_file_its_pattern():
    files = {path.stem for path in (subjects.tools() / "patterns").glob("*.h")}
    assert files == {pattern.file for pattern in patterns.PATTERNS}
    assert len({p.name for p in patterns.PATTERNS}) == len(patterns.PATTERNS)


def test_every_stack_has_patterns_it_can_serve_or_a_reason():
    for pattern in patterns.PATTERNS:
        assert pattern.reason(set()) and not pattern.reason(set(pattern.needs))


@pytest.mark.parametrize("capacity, live", [(10000, 10000), (500, 500), (1, 1)])
def test_patterns_are_scaled_to_the_capacity(capacity, live):
    assert next(p for p in patterns.PATTERNS if p.name == "shuffled").objects(capacity) == live


def test_a_ring_has_a_power_of_two():
    ring = next(p for p in patterns.PATTERNS if p.name == "handover")
    assert [ring.objects(c) for c in (1000, 511, 100, 3, 1)] == [256, 128, 32, 1, 0]


@needs_tools
def test_every_allocator_that_is_here_is_really_the_one_that_answers(spec):
    here = [p for p in allocators.find([]) if not p.why]
    document = document_of(spec, "--stack", "pool", "--measure", "memory", "--patterns", "lifo")
    shown = {s["name"]: s["present"] for s in stack_of(document, "pool")["subjects"] if s["kind"] == "general"}
    assert [name for name, present in shown.items() if present] == [p.general.name for p in here]


@needs_tools
def test_the_measured_programs_compile_without_a_warning(spec):
    if shutil.which("clang") is None:
        pytest.skip("clang is not here")
    done = run(spec, "--measure", "memory", "--with", "malloc", "--cc", "clang", "--cflags", f"-std=c17 {STRICT}")
    assert done.exit_code == 0, done.stderr


# ---------------------------------------------------------------------------------------------
# Bad input, and what goes wrong.

@pytest.mark.parametrize("arguments, status, words", [
    (["--with", "jemaloc"], 2, "there is no such allocator: did you mean 'jemalloc'?"),
    (["--with", "flat=/bin/true"], 2, "an allocator of your own needs a name of its own"),
    (["--with", "floor=/bin/true"], 2, "an allocator of your own needs a name of its own"),
    (["--with", "jemalloc=/bin/true"], 2, "an allocator of your own needs a name of its own"),
    (["--with", "mine=/bin/true", "--with", "mine=/bin/false"], 2, "mine names a library already"),
    (["--with", "mine=/no/such/library.so"], 4, "there is no file /no/such/library.so"),
    (["--patterns", "lifos"], 2, "there is no such pattern: did you mean 'lifo'?"),
    (["--measure", "speed"], 2, "it may be instructions, time, latency, memory, calls"),
    (["--patterns", ","], 2, "--patterns ,: it names no pattern: it has lifo, "),
    (["--patterns", ""], 2, "--patterns : it names no pattern"),
    (["--measure", ","], 2, "--measure ,: it names nothing: it may be instructions, "),
    (["--check-bounds", "--measure", "time"], 2, "--check-bounds needs --measure instructions"),
    (["--rounds", "5"], 2, "5 is not in the range"),
    (["--cc", ""], 2, "--cc names no compiler"),
    (["--cc", "no-such-compiler"], 4, "no-such-compiler is missing"),
    (["--json", "/no/such/folder/result.json"], 4, "nothing can be written to /no/such/folder"),
    *((["--" + option, "/tmp"], 4, f"--{option} /tmp: it is a folder") for option in ("json", "html", "markdown", "picture")),
    *((["--" + option, ""], 2, f"--{option}: it names no file") for option in ("json", "html", "markdown", "picture")),
])
def test_a_wrong_command_line_is_told(spec, arguments, status, words):
    done = run(spec, "--stack", "pool", *arguments)
    assert done.exit_code == status, done.stderr
    assert words in done.stderr


@needs_tools
def test_what_is_no_file_is_written_to_and_never_replaced(spec, folder):
    """A pipe, as /dev/null is, and what a link stands for."""
    pipe, link, target = folder / "pipe", folder / "link.json", folder / "far.json"
    os.mkfifo(pipe)
    link.symlink_to(target)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    done = run(spec, "--stack", "frame", "--measure", "memory", "--patterns", "burst", "--with", "malloc", "--markdown", pipe,
               "--json", link)
    assert done.exit_code == 0, done.stderr
    assert os.read(reader, 1 << 16).startswith(b"#") and pipe.is_fifo()
    os.close(reader)
    assert link.is_symlink() and json.loads(target.read_text(encoding="utf-8"))["format"] == "lamina-compare"


@pytest.mark.parametrize("text, wrong", [("text", Failed), (None, TypeError)])
def test_what_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch, text, wrong):
    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(wrong):
        writing.put(str(tmp_path / "result.json"), text)
    assert not list(tmp_path.iterdir())


def test_an_allocator_that_is_asked_for_and_not_here_is_an_error(spec, monkeypatch):
    monkeypatch.setattr(allocators, "_listed", lambda soname: "")
    done = run(spec, "--with", "mimalloc")
    assert done.exit_code == 4
    assert "mimalloc: libmimalloc.so.2 is not here; on Debian: apt-get install libmimalloc2.0" in done.stderr


@needs_tools
def test_an_allocator_that_is_not_here_is_shown_as_absent(spec, monkeypatch):
    monkeypatch.setattr(allocators, "_listed", lambda soname: "")
    done = run(spec, "--stack", "pool", "--measure", "memory", "--patterns", "lifo")
    assert done.exit_code == 0, done.stderr
    assert "absent: mimalloc: libmimalloc.so.2 is not here; on Debian: apt-get install libmimalloc2.0" in done.stdout
    assert "absent: floor: none is written for it" in done.stdout


@needs_tools
def test_a_pattern_that_is_asked_for_must_be_served(spec):
    done = run(spec, "--patterns", "shuffled", "--with", "malloc")
    assert done.exit_code == 1 and done.stdout == ""
    assert '"frame" can\'t serve the pattern shuffled: it frees no single object; the first event that it can\'t serve is ' \
        "event 257, the first free" in done.stderr


@pytest.mark.parametrize("missing, package", [("valgrind", "valgrind"), ("strace", "strace"), ("gcc", "gcc")])
def test_a_missing_tool_is_named(spec, monkeypatch, missing, package):
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, *rest: None if name == missing else found(name, *rest) or name)
    done = run(spec)
    assert done.exit_code == 4 and done.stdout == ""
    assert f"{missing} is missing; on Debian: apt-get install {package}" in done.stderr


@pytest.mark.parametrize("script, words", [
    ("#!/bin/sh\necho 'valgrind: Fatal error at startup' >&2\nexit 1\n",
     ["the measurement failed under {valgrind} (exit status 1)", "valgrind: Fatal error at startup"]),
    ("#!/bin/sh\necho counted lifo touched 1 4096\n", ["flat: lifo: valgrind ended, but callgrind wrote no counts"]),
    ("#!/bin/sh\n> counted.1\necho counted lifo touched 1 4096\n",
     ["flat: lifo: valgrind's callgrind dumped 0 parts where 2 were to be"]),
    ("#!/bin/sh\nexit 0\n", ["0 of 2 counts came from under {valgrind}"]),
    ("no program", ["{valgrind} can't be started"]),
])
def test_a_valgrind_that_fails_is_named(tmp_path, script, words):
    valgrind = tmp_path / "valgrind"
    valgrind.write_text(script)
    valgrind.chmod(0o755)
    subject = subjects.Subject("flat", "flat", "flat", tmp_path)
    if "> counted" in script:
        valgrind.write_text(script.replace("> counted", f"> {tmp_path}/files/counted"))
    with pytest.raises(Failed) as told:
        measure.count(subject, [measure.Job("lifo", 1)], str(valgrind), tmp_path / "files")
    for each in words:
        assert each.format(valgrind=valgrind) in str(told.value)


def test_a_wrong_spec_is_told_as_everywhere(folder):
    path = folder / "wrong.lua"
    path.write_text('return lamina.stack "x" { lamina.mmap {}, lamina.slap { slot = 64 } }')
    done = run(path)
    assert done.exit_code == 1 and f"{path}:1:" in done.stderr


def library(folder, name, source):
    """A shared library with these functions."""
    path = folder / f"{name}.so"
    (folder / f"{name}.c").write_text(source)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-fno-builtin", "-o", path, folder / f"{name}.c"], check=True)
    return path


@needs_tools
@pytest.mark.parametrize("name, source, words", [
    ("nothing", "int nothing;", "was not loaded, malloc is that of"),
    ("empty", "#include <stddef.h>\nvoid *malloc(size_t n) { (void)n; return NULL; } void free(void *p) { (void)p; }",
     "gave no memory for object 0"),
    ("same", "#include <stddef.h>\nstatic _Alignas(64) char b[1 << 16]; void *malloc(size_t n) { (void)n; return b; } "
     "void free(void *p) { (void)p; }", "damaged object"),
    ("crash", "#include <stddef.h>\nvoid *malloc(size_t n) { (void)n; return (void *)64; } void free(void *p) { (void)p; }",
     "the measurement failed"),
])
def test_an_allocator_that_does_not_work_gives_no_number(spec, folder, name, source, words):
    path = library(folder, name, source)
    done = run(spec, "--stack", "pool", "--measure", "memory", "--patterns", "in_order", "--with", f"mine={path}")
    assert done.exit_code == 4 and done.stdout == ""
    assert words in done.stderr and "mine" in done.stderr


@needs_tools
def test_a_library_of_the_users_own_is_measured(spec, folder):
    path = library(folder, "bumping", "#include <stddef.h>\nstatic _Alignas(64) char b[64 << 20]; static size_t at;\n"
                   "void *malloc(size_t n) { char *p = b + at; at += (n + 15U) & ~(size_t)15; return p; }\n"
                   "void free(void *p) { (void)p; }\nvoid *calloc(size_t a, size_t n) { return malloc(a * n); }\n"
                   "void *realloc(void *p, size_t n) { (void)p; return malloc(n); }")
    document = document_of(spec, "--stack", "pool", "--measure", "instructions", "--patterns", "in_order", "--with", f"mine={path}")
    assert result_of(document, "pool", "in_order", "mine")["instructions"]["own"] < 40
    assert stack_of(document, "pool")["verdict"] == "no verdict: system malloc was not measured"


def test_the_environment_of_the_caller_chooses_and_sets_up_no_allocator(tmp_path, monkeypatch):
    (tmp_path / "driver").write_text("#!/bin/sh\nexec env\n")
    (tmp_path / "driver").chmod(0o755)
    audit = library(tmp_path, "audit", "unsigned la_version(unsigned version) { return version; }")
    other = library(tmp_path, "other", "int nothing;")
    taken = {"LD_PRELOAD": str(other), "LD_AUDIT": str(audit), "GLIBC_TUNABLES": "glibc.malloc.arena_max=1", "MALLOC_ARENA_MAX": "1",
             "MALLOC_CONF": "narenas:1", "JE_MALLOC_CONF": "narenas:1", "MIMALLOC_VERBOSE": "0", "TCMALLOC_SAMPLE_PARAMETER": "0"}
    left = {"LD_LIBRARY_PATH": "/nowhere", "LAMINA_KEPT": "yes", "MY_MALLOC_CONF": "kept"}
    for name, value in {**taken, **left}.items():
        monkeypatch.setenv(name, value)

    def seen(own):
        subject = subjects.Subject("malloc", "general", "malloc", tmp_path, own)
        return dict(line.split("=", 1) for line in subject.run([]).splitlines() if "=" in line)

    found = seen({})
    assert not taken.keys() & found.keys() and left.items() <= found.items()
    assert seen({"LD_PRELOAD": str(other)})["LD_PRELOAD"] == str(other)  # a subject's own


@needs_tools
def test_a_floor_that_does_not_compile_is_told(spec, folder):
    floor = folder / "bad-floors" / "pool"
    floor.mkdir(parents=True)
    (floor / "pool.h").write_text("typedef struct pool_t { int unused; } pool_t;\n")
    done = run(spec, "--stack", "pool", "--measure", "memory", "--floors", folder / "bad-floors", "--with", "malloc")
    assert done.exit_code == 4 and "pool, floor: does not compile" in done.stderr


@needs_tools
def test_a_stack_that_cannot_start_says_why(folder):
    path = folder / "far.lua"
    path.write_text('local lamina = require "lamina"\nreturn lamina.stack "far" { lamina.mmap { size = "1 MiB" }, '
                    "lamina.numa { bind = {1000} }, lamina.slab { slot = 64, count = 100 } }")
    done = run(path, "--measure", "memory", "--with", "malloc")
    assert done.exit_code == 4 and done.stdout == ""
    assert "init failed with status" in done.stderr




# ---------------------------------------------------------------------------------------------
# The time that it takes.

class Clock:
    """Seconds that pass only where somebody says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_step_is_done_where_there_is_room_for_what_it_took_the_last_time():
    clock = Clock()
    pace = Pace(10.0, clock)

    def work(seconds):
        return lambda: setattr(clock, "now", clock.now + seconds)

    assert pace.step("a", work(4.0)) and pace.step("a", work(3.0))
    assert not pace.step("a", work(1.0)) and pace.taken == 7.0  # three seconds are left, and it took three
    assert pace.step("b", work(1.0)) and not pace.step("a", work(1.0)) and pace.step("b", work(1.5))
    assert not pace.step("b", work(1.0)) and pace.taken == 9.5
    assert Pace(None, clock).step("c", work(1e9))


def quick_choice(**changes):
    """What --quick chooses."""
    (usual, latencies), none = compare.QUICK_ROUNDS, subjects.floors_dir()
    return session.Choice(**{**dict(
        patterns=list(patterns.PATTERNS), asked=False, general=allocators.find([]), measures=session.MEASURES, repetitions=usual,
        latencies=latencies, bare_times=False, cc=["gcc"], cflags=["-O2"], floors=none, tools={"valgrind": "", "strace": ""},
        workers=2, command="", quick=True, budget=compare.QUICK_SECONDS), **changes})


@pytest.mark.parametrize("stacks", [1, 2, 3, 5])
def test_a_quick_run_is_expected_to_take_less_than_a_minute(stacks):
    assert 5 < session.seconds(quick_choice(), stacks) < 60


def slow_session(monkeypatch, clock, seconds, names=("one", "two", "three"), **changes):
    """A session whose measurements take so many seconds of the clock, by kind; its benches have all subjects."""
    def takes(what, answer):
        def work(*arguments):
            clock.now += seconds[what] / 8  # of eight subjects
            return answer() if callable(answer) else answer
        return work

    kinds = [("flat", "flat"), ("generic", "generic"), ("floor", "floor"), *((n, "general") for n in ("malloc", "a", "b", "c", "d"))]
    monkeypatch.setattr(measure, "count", lambda subject, jobs, *rest: (takes("count", None)(), {
        (job.pattern, touch): measure.Counted(10.0) for job in jobs for touch in (True, False)})[1])
    monkeypatch.setattr(measure, "time_once", takes("time", lambda: 5.0))
    monkeypatch.setattr(measure, "latency_once", lambda subject, job, into: (takes("latency", None)(), into.add("clock 1 1\nalloc 2 5\n")))
    monkeypatch.setattr(measure, "memory_once", takes("memory", measure.Memory(4096, 1, 64)))
    monkeypatch.setattr(measure, "calls_once", takes("calls", lambda: Counter()))

    def prepare(stack, spec, root, *rest, **more):
        clock.now += seconds["build"]
        members = [subjects.Subject(name, kind, name, root) for name, kind in kinds]
        return subjects.Bench(stack, spec, SimpleNamespace(sized=True), {"frees", "resets", "remote"}, members,
                              subjects.Subject("loop", "loop", "loop", root), subjects.OBJECTS)

    monkeypatch.setattr(subjects, "prepare", prepare)
    choice = quick_choice(workers=1, **changes)
    stacks = [(SimpleNamespace(name=name, brief="", layers=[]), "spec.lua") for name in names]
    return session.run(stacks, choice, Path("/nowhere"), lambda what, done: None, Pace(choice.budget, clock)), choice


FAST = {"build": 0.1, "count": 0.01, "time": 0.001, "latency": 0.001, "memory": 0.001, "calls": 0.001}


def test_what_fits_is_measured_whole(monkeypatch):
    clock = Clock()
    document, choice = slow_session(monkeypatch, clock, FAST)
    assert document["budget"]["cut"] == [] and document["method"]["repetitions"] == choice.repetitions
    assert "cut short" not in table.text(document)


@pytest.mark.parametrize("slow, rounds, cut", [
    ({"time": 0.5}, range(1, 5), {"time"}),  # a round takes 13.5 s
    ({"time": 0.25}, range(6, 9), {"time"}),  # latencies come after the sixth
    ({"time": 5.0}, range(0, 1), {"time", "latency"}),
    ({"time": 0.3, "latency": 1.0}, range(6, 7), {"time", "latency"}),
    ({"count": 60.0}, range(0, 1), {"memory", "calls", "time", "latency"}),
    ({"memory": 4.0}, range(0, 1), {"memory", "calls", "time", "latency"}),
])
def test_a_quick_run_stops_when_its_time_is_used_up(monkeypatch, slow, rounds, cut):
    """Whatever is slow: counts of all are there, the rest is cut, and all say so."""
    clock = Clock()
    document, choice = slow_session(monkeypatch, clock, {**FAST, **slow})
    if "count" not in slow:
        assert clock.now - 1000.0 < 60.0
    assert {entry["what"] for entry in document["budget"]["cut"]} == cut
    assert all(entry["done"] < entry["wanted"] for entry in document["budget"]["cut"])
    assert document["method"]["repetitions"] in rounds
    for stack in document["stacks"]:
        for row in stack["patterns"]:
            for variant in row["variants"]:
                assert all(r["instructions"] for r in variant["results"])
                samples = {len(r["time"]["samples_ns"]) if r["time"] else 0 for r in variant["results"]}
                assert len(samples) == 1  # pairs, never one alone
                if variant["touch"]:
                    assert min(samples) - document["method"]["repetitions"] in (0, 1)
    told = f"{document['method']['repetitions']} of {choice.repetitions} rounds of times"
    for text in (table.text(document), documents.html(document), documents.markdown(document)):
        assert "cut short: after " in text and told in text


def test_without_quick_nothing_is_cut(monkeypatch):
    clock = Clock()
    document, _ = slow_session(monkeypatch, clock, {**FAST, "time": 100.0}, names=("one",), quick=False, budget=None, repetitions=6)
    assert document["budget"] is None and document["method"]["repetitions"] == 6 and clock.now > 1000.0 + 60.0


@needs_tools
def test_quick_is_given_its_seconds_and_says_what_was_cut(spec, monkeypatch):
    monkeypatch.setattr(compare, "QUICK_SECONDS", 0.1)
    document = document_of(spec, "--stack", "frame", "--with", "none", "--quick")
    assert document["budget"]["seconds"] == 0.1 and {"time", "latency", "memory"} <= {c["what"] for c in document["budget"]["cut"]}
    flat = result_of(document, "frame", "burst", "flat", True)
    assert flat["instructions"]["per_object"] > 0 and flat["time"] is None and flat["cache_misses"] is None
    assert document["bounds"]


@needs_tools
def test_counts_without_caches_are_those_with_them(spec):
    counts = []
    for quick in ([], ["--quick"]):
        document = document_of(spec, "--stack", "pool", "--measure", "instructions", "--patterns", "lifo,shuffled", "--with", "malloc", *quick)
        counts.append({(p["pattern"], v["touch"], r["subject"]): r["instructions"]["per_object"]
                       for p in stack_of(document, "pool")["patterns"] for v in p["variants"] for r in v["results"]})
    assert counts[0] == pytest.approx(counts[1], abs=0.01)


def test_progress_is_shown_where_somebody_watches(monkeypatch, capfd):
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    with progress.progress("comparing", 10.0) as told:
        for _ in range(4):
            told("pool: timing lifo", 2.5)
    shown = capfd.readouterr().err
    assert "comparing" in shown


@needs_tools
def test_the_estimate_counts_what_is_told(spec, tmp_path):
    """What is told to the bar adds up to what it expects, so that it neither stops short nor runs over."""
    from lamina.diagnostics import Diagnostics
    from lamina.pipeline import Options, all_stacks

    stacks = [(stack, path) for stack, path, _ in all_stacks([str(spec)], Options(only=("pool",)), Diagnostics())]
    choice = session.Choice(
        patterns=patterns.find(["lifo,in_order"]), asked=True, general=allocators.find(["malloc"]), measures=("time", "memory"),
        repetitions=6, latencies=1, bare_times=False, cc=["gcc"], cflags=["-std=c11", "-O2"], floors=subjects.floors_dir(),
        tools={}, workers=2, command="", quick=True)
    told = []
    session.run(stacks, choice, tmp_path, lambda what, done: told.append(done))
    assert sum(told) == pytest.approx(session.seconds(choice, len(stacks)), rel=0.3)
