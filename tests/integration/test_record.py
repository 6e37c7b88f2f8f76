"""lamina record and lamina trace-report: what is recorded of real programs, and what is said about those that can't be.

The programs of tests/recorder/programs make calls of sizes that nobody else asks for, so that each can be counted.
"""

from __future__ import annotations

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree
from pathlib import Path
from typing import Any

import pytest

import tree

PROGRAMS = tree.ROOT / "tests" / "recorder" / "programs"
TRACES = sorted((tree.ROOT / "tests" / "traces").glob("*.trace"))
CC = shutil.which("gcc") or shutil.which("cc") or "cc"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tools are built once for this run, and not into the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of tests/recorder/programs, compiled."""
    folder = tmp_path_factory.mktemp("programs")
    tree.run(CC, "-std=c11", "-O0", "-pthread", PROGRAMS / "calls.c", "-o", folder / "calls")
    tree.run("g++", "-std=c++17", "-O0", PROGRAMS / "objects.cpp", "-o", folder / "objects")
    tree.run(CC, "-std=c11", "-shared", "-fPIC", PROGRAMS / "early.c", "-o", folder / "early.so")
    return folder


def record(output: Path, *program: object, status: int = 0, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    return tree.run(tree.PYTHON, tree.LAUNCHER, "record", "-o", output, "--", *program, status=status, env=env, cwd=cwd)


def report(trace: Path, *options: object, status: int = 0) -> Any:
    return json.loads(tree.lamina("trace-report", trace, "--json", *options, status=status))


def tool(*arguments: object) -> str:
    """lamina-trace itself, as the commands built it."""
    found = next(Path(os.environ["XDG_CACHE_HOME"]).glob("lamina/tools/*/lamina-trace"))
    return tree.run(found, *arguments)


def dump(trace: Path, process: int = 0) -> list[dict[str, Any]]:
    """Each call of a process."""
    out = []
    for line in tool("dump", trace, process).splitlines():
        number, function, effect, *rest = line.split()
        out.append({"number": int(number), "function": function, "effect": effect,
                    **{key: int(value) for key, value in (word.split("=") for word in rest)}})
    return out


def of_sizes(found: list[dict[str, Any]], least: int, most: int) -> list[dict[str, Any]]:
    return [c for c in found if least <= c["size"] <= most]


# What is recorded ----------------------------------------------------------------------------------------------------

def test_every_function_and_every_ending(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "forms.trace"
    record(trace, calls / "calls", "forms")
    found = dump(trace)
    seen = [(c["function"], c["effect"], c["size"], c["align"]) for c in of_sizes(found, 10000, 10200)]
    page = os.sysconf("SC_PAGE_SIZE")
    assert seen == [
        ("malloc", "allocates", 10007, 0), ("free", "frees", 10007, 0), ("calloc", "allocates", 10031, 0), ("free", "frees", 10031, 0),
        ("realloc", "allocates", 10037, 0), ("realloc", "resizes", 10039, 0), ("reallocarray", "resizes", 10059, 0),
        ("realloc", "frees", 10059, 0), ("aligned_alloc", "allocates", 10112, 128), ("free", "frees", 10112, 0),
        ("posix_memalign", "allocates", 10061, 256), ("free", "frees", 10061, 0), ("memalign", "allocates", 10067, 512),
        ("free", "frees", 10067, 0), ("valloc", "allocates", 10069, page), ("free", "frees", 10069, 0),
        ("pvalloc", "allocates", 10079, page), ("free", "frees", 10079, 0), ("malloc", "allocates", 10091, 0), ("free", "frees", 10091, 0),
    ]
    assert [c["old"] for c in found if c["effect"] == "resizes"] == [10037, 10039]
    failed = [(c["function"], c["size"]) for c in found if c["effect"] == "fails"]
    huge = 2 ** 63 - 1  # a product that doesn't fit is told as the most that there is
    assert failed == [("malloc", huge), ("calloc", 2 ** 64 - 1), ("reallocarray", 2 ** 64 - 1), ("realloc", huge), ("posix_memalign", 8)]
    assert [c["effect"] for c in found if c["function"] == "free" and c["effect"] == "nothing"] == ["nothing"]
    assert sum(c["effect"] == "allocates" and c["size"] == 0 for c in found) == 1
    assert [c["number"] for c in found] == list(range(1, len(found) + 1))


def check_order(found: list[dict[str, Any]]) -> None:
    """No block is freed before it was allocated, nor its place given out before it was freed: the reader would have said so."""
    live: set[int] = set()
    for call in found:
        assert call["effect"] not in ("strange", "replaces"), call
        if call["effect"] == "allocates":
            assert call["slot"] not in live
            live.add(call["slot"])
        elif call["effect"] in ("frees", "resizes"):
            assert call["slot"] in live
            live -= {call["slot"]} if call["effect"] == "frees" else set()


@pytest.mark.parametrize("arenas", ["1", "8"])  # with one, what a thread frees or moves away from is the next thread's
def test_threads_lose_no_call_and_the_order_holds(calls: Path, tmp_path: Path, arenas: str) -> None:
    trace = tmp_path / "threads.trace"
    told = record(trace, calls / "calls", "threads", env={"MALLOC_ARENA_MAX": arenas})
    counted = dict(re.findall(r"^(\w+) (\d+)$", told, re.M))
    found = dump(trace)
    check_order(found)
    own = of_sizes(found, 20000, 20005) + of_sizes(found, 30000, 30005)
    assert sum(c["effect"] == "allocates" for c in own) == int(counted["allocations"]) == 120000
    assert sum(c["effect"] == "frees" for c in own) == int(counted["frees"])
    by_thread = collections.Counter((c["size"], c["thread"]) for c in own if c["effect"] == "allocates")
    assert sorted(size for size, _ in by_thread) == list(range(20000, 20006))  # a size is one thread's
    assert set(by_thread.values()) == {20000}
    summary = report(trace)["summary"]
    assert summary["unwritten"] == 0
    assert sum(t["foreign_frees"] for t in summary["threads"]) > 1000
    assert sum(t["calls"] for t in summary["threads"]) == summary["calls"]


@pytest.mark.parametrize("arenas", ["1", "8"])
@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_threads_that_are_killed_at_any_moment(calls: Path, tmp_path: Path, seconds: float, arenas: str) -> None:
    child = subprocess.Popen([tree.PYTHON, str(tree.LAUNCHER), "record", "-o", str(tmp_path / "t"), "--", str(calls / "calls"), "endless"],
                             env=tree.environment(MALLOC_ARENA_MAX=arenas), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    part = next(tmp_path.glob(".t.*/recording"))
    time.sleep(seconds)
    os.kill(json.loads(tree.lamina("trace-report", part, "--processes", "--json"))[0]["pid"], signal.SIGKILL)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 0 and b"was ended by SIGKILL" in told
    summary = report(tmp_path / "t")["summary"]
    assert summary["calls"] > 1000 and summary["strange"] == summary["replaced"] == 0
    assert sum(t["foreign_frees"] for t in summary["threads"]) > 100


@pytest.mark.parametrize("arenas", ["1", "8"])
def test_of_a_process_that_still_runs_there_is_a_whole_beginning(calls: Path, tmp_path: Path, arenas: str) -> None:
    """Its lanes are read one after the other while it writes on."""
    told = record(tmp_path / "t", "sh", "-c", f"{calls / 'calls'} endless >/dev/null 2>&1 & sleep 0.4", env={"MALLOC_ARENA_MAX": arenas})
    processes = json.loads(tree.lamina("trace-report", tmp_path / "t", "--processes", "--json"))
    running = [p for p in processes if p["ended"] == "running"]
    for process in running:
        os.kill(process["pid"], signal.SIGKILL)
    assert len(running) == 1 and "1 of its processes still run" in told
    summary = report(tmp_path / "t", "--process", running[0]["number"])["summary"]
    assert summary["calls"] > 1000 and summary["strange"] == summary["replaced"] == 0


def test_short_threads_share_the_file(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "short.trace"
    record(trace, calls / "calls", "short_threads")
    own = of_sizes(dump(trace), 40000, 40199)
    assert [c["size"] for c in own] == [40000 + i // 2 for i in range(400)]
    assert len({c["thread"] for c in own}) == 200
    assert trace.stat().st_size < 30000


def test_what_a_thread_still_frees_at_its_end_takes_no_lane(calls: Path, tmp_path: Path) -> None:
    """The C library does so, after the thread has given its lane back."""
    trace = tmp_path / "open"
    tool("create", trace)
    recorder = next(Path(os.environ["XDG_CACHE_HOME"]).glob("lamina/tools/*/recorder.so"))
    tree.run(calls / "calls", "short_threads", env={"LD_PRELOAD": str(recorder), "LAMINA_RECORD": str(trace)})
    assert trace.stat().st_size < 200000  # 200 lanes would have 16 KiB each
    assert json.loads(tool("show", trace))["events"] > 400


def test_fork(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "fork.trace"
    record(trace, calls / "calls", "forks")
    processes = json.loads(tree.lamina("trace-report", trace, "--processes", "--json"))
    assert [p.get("forked_from") for p in processes] == [None, 0, 0, 0]
    assert len({p["pid"] for p in processes}) == 4
    assert [c["effect"] for c in of_sizes(dump(trace), 50021, 50021)] == ["allocates", "frees"]
    for i in range(3):
        child = dump(trace, 1 + i)
        assert [(c["effect"], c["size"]) for c in child] == [("strange", 0), ("allocates", 50023 + i), ("frees", 50023 + i)]
    assert "inherited by fork" in tree.lamina("trace-report", trace, "--process", 2)


def test_fork_in_the_middle_of_other_threads_calls(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "fork.trace"
    record(trace, calls / "calls", "forks_among_threads")
    parent = dump(trace)
    check_order(parent)
    assert sum(c["effect"] == "allocates" for c in of_sizes(parent, 20000, 20005)) == 120000
    for number in range(1, 21):
        own = of_sizes(dump(trace, number), 50500, 50500)
        assert [c["effect"] for c in own] == ["allocates", "frees"] * 100


def test_exec_goes_on_in_a_process_of_its_own(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "exec.trace"
    record(trace, calls / "calls", "exec")
    before, after = json.loads(tree.lamina("trace-report", trace, "--processes", "--json"))
    assert before["pid"] == after["pid"] and before["command"][1:] == ["exec"] and after["command"][1:] == ["end", "return"]
    assert (before["ended"], after["ended"]) == ("cut", "exited")
    assert len(of_sizes(dump(trace, 0), 80021, 80021)) == 2
    assert len(of_sizes(dump(trace, 1), 60013, 60013)) == 45000


def test_what_a_shell_starts_is_recorded_too(tmp_path: Path) -> None:
    trace = tmp_path / "shell.trace"
    record(trace, "sh", "-c", "ls / >/dev/null; lua5.4 -e 'local t = {} for i = 1, 500 do t[i] = {} end'; :")
    programs = {Path(p["program"]).name for p in json.loads(tree.lamina("trace-report", trace, "--processes", "--json"))}
    assert {"ls", "lua5.4"} <= programs
    assert report(trace)["process"]["command"][0] == "lua5.4"  # the one with the most calls
    assert "lua5.4" in tree.lamina("trace-report", trace, "--processes")


@pytest.mark.parametrize("how, ending", [("segv", "SIGSEGV"), ("null", "SIGSEGV"), ("abort", "SIGABRT"), ("kill", "SIGKILL"),
                                         ("_exit", "status 5"), ("quick_exit", None), ("double_free", "SIGABRT"), ("return", None)])
def test_a_crash_costs_no_call(calls: Path, tmp_path: Path, how: str, ending: str | None) -> None:
    trace = tmp_path / "crash.trace"
    told = record(trace, calls / "calls", "end", how)
    assert (ending is None) == ("the trace holds every call until then" not in told)
    assert ending is None or ending in told
    own = of_sizes(dump(trace), 60013, 60013)
    assert len(own) == 45000
    if how == "double_free":
        assert [c["effect"] for c in dump(trace)[-3:]] == ["allocates", "frees", "strange"]
    assert ending is None or f"the program {'ended with ' if 'status' in ending else 'was ended by '}{ending}" in \
        tree.lamina("trace-report", trace)


def test_cpp(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "objects.trace"
    record(trace, calls / "objects")
    found = dump(trace)
    check_order(found)
    for size in (30011, 30013, 30029, *range(30101, 30201)):
        assert [c["effect"] for c in of_sizes(found, size, size)] == ["allocates", "frees"], size
    aligned = of_sizes(found, 30208, 30208)
    assert [c["effect"] for c in aligned] == ["allocates", "frees"] and aligned[0]["align"] == 256


def test_calls_before_the_recorder_is_ready(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "early.trace"
    record(trace, calls / "calls", "forms", env={"LD_PRELOAD": str(calls / "early.so")})
    found = dump(trace)
    check_order(found)
    assert [(c["effect"], c["size"]) for c in of_sizes(found, 90000, 90010)] == [("allocates", 90001), ("resizes", 90007), ("frees", 90007)]


@pytest.mark.parametrize("library", ["libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"])
def test_another_malloc_behind_the_recorder(calls: Path, tmp_path: Path, library: str) -> None:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True).stdout
    found = re.search(rf"{re.escape(library)} .* => (\S+)", listed)
    if not found:
        pytest.skip(f"{library} is not here")
    trace = tmp_path / "other.trace"
    record(trace, calls / "calls", "threads", env={"LD_PRELOAD": found.group(1)})
    check_order(of_sizes(dump(trace), 20000, 30005))


def test_files_that_the_program_closes(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "closed.trace"
    record(trace, calls / "calls", "close_files")
    assert len(of_sizes(dump(trace), 60013, 60013)) == 45000


def test_a_limit_of_file_sizes_is_told_and_kept_apart(calls: Path, tmp_path: Path) -> None:
    trace = tmp_path / "limited.trace"
    told = record(trace, "sh", "-c", f"ulimit -f 128; {calls / 'calls'} end return; :", status=4)
    assert "the recording stopped before the program did: File too large" in told
    assert "--partial takes what is there" in tree.lamina("trace-report", trace, status=1)
    assert "note: the recording stopped before the program did" in tree.lamina("trace-report", trace, "--partial")


def test_the_program_keeps_its_streams_and_arguments(tmp_path: Path) -> None:
    done = subprocess.run([tree.PYTHON, str(tree.LAUNCHER), "record", "-o", str(tmp_path / "t"), "--", "sh", "-c", 'cat; echo "$0 $1"; '
                           "echo told >&2", "-o", "a b"], input=b"in\n", capture_output=True, env=tree.environment())
    assert done.returncode == 0 and done.stdout == b"in\n-o a b\n" and done.stderr.startswith(b"told\n")


def recording(folder: Path, program: str) -> tuple[subprocess.Popen[bytes], Path]:
    """lamina record at work on a Lua program that says when it has allocated; and the file that it writes to."""
    child = subprocess.Popen([tree.PYTHON, str(tree.LAUNCHER), "record", "-o", str(folder / "t"), "--", "lua5.4", "-e", program],
                             env=tree.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    return child, next(folder.glob(".t.*/recording"))


WAITING = "local t = {} for i = 1, 9000 do t[i] = {} end print('ready') io.stdout:flush() while true do end"


def test_a_request_to_end_is_the_programs(tmp_path: Path) -> None:
    child, _ = recording(tmp_path, WAITING)
    child.terminate()
    _, told = child.communicate(timeout=60)
    assert child.returncode == 0 and b"lua5.4 was ended by SIGTERM" in told
    assert left_in(tmp_path) == ["t"] and report(tmp_path / "t")["summary"]["allocs"] > 9000


def test_a_recording_that_was_cut_off_itself_can_be_read(tmp_path: Path) -> None:
    child, part = recording(tmp_path, WAITING)
    process = json.loads(tree.lamina("trace-report", part, "--processes", "--json"))[0]
    os.kill(process["pid"], 9)
    child.kill()
    child.communicate()
    found = report(part)
    assert found["summary"]["allocs"] > 9000
    assert found["notes"] == ["the recording was cut off before it was finished; all calls until then are here"]


def test_folders_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "a folder: mine"
    folder.mkdir()
    record(folder / "a trace", "ls", env={"XDG_CACHE_HOME": str(folder)}, cwd=folder)
    assert report(folder / "a trace")["summary"]["calls"] > 50


# What can't be recorded ----------------------------------------------------------------------------------------------

def left_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_no_program(tmp_path: Path) -> None:
    assert "what is to be recorded?" in tree.lamina("record", "-o", tmp_path / "t", status=2)
    assert "no such program is found" in record(tmp_path / "t", "no-such-program", status=4)
    (tmp_path / "text").write_text("not a program")
    assert "is no program that may be run" in record(tmp_path / "t", tmp_path / "text", status=4)
    assert left_in(tmp_path) == ["text"]


def test_a_program_without_a_loader(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("#include <stdlib.h>\nint main(void) { return malloc(3) == 0; }\n")
    tree.run(CC, "-static", tmp_path / "main.c", "-o", tmp_path / "static")
    assert "is statically linked" in record(tmp_path / "t", tmp_path / "static", status=1)
    (tmp_path / "script").write_text(f"#!{tmp_path / 'static'}\n")
    (tmp_path / "script").chmod(0o755)
    assert "the recorder was not loaded into it" in record(tmp_path / "t", tmp_path / "script", status=1)
    assert left_in(tmp_path) == ["main.c", "script", "static"]


def test_a_program_of_another_word_size(tmp_path: Path) -> None:
    header = bytearray(Path("/bin/sh").resolve().read_bytes()[:64])
    header[4] = 3 - header[4]
    (tmp_path / "other").write_bytes(header)
    (tmp_path / "other").chmod(0o755)
    assert "is for another word size than the recorder" in record(tmp_path / "t", tmp_path / "other", status=1)


def test_a_program_that_allocates_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("int main(void) { return 3; }\n")
    tree.run(CC, tmp_path / "main.c", "-o", tmp_path / "empty")
    told = record(tmp_path / "t", tmp_path / "empty", status=1)
    assert "made no call that the recorder could see" in told and "(it ended with status 3)" in told
    assert left_in(tmp_path) == ["empty", "main.c"]


def test_no_place_for_the_trace(tmp_path: Path) -> None:
    assert "can't be written: No such file or directory" in record(tmp_path / "no" / "t", "ls", status=4)
    (tmp_path / "folder").mkdir()
    assert "a trace goes to a file" in record(tmp_path / "folder", "ls", status=4)
    os.mkfifo(tmp_path / "pipe")
    assert "a trace goes to a file" in record(tmp_path / "pipe", "ls", status=4)
    assert left_in(tmp_path) == ["folder", "pipe"] and (tmp_path / "pipe").is_fifo()
    assert "it is no regular file" in tree.lamina("trace-report", "/dev/null", status=1)


def test_no_compiler(tmp_path: Path) -> None:
    assert "no-such-cc is missing" in tree.lamina("record", "--cc", "no-such-cc", "-o", tmp_path / "t", "--", "ls", status=4)
    assert "no-such-cc is missing" in tree.lamina("trace-report", "--cc", "no-such-cc", TRACES[0], status=4)
    assert left_in(tmp_path) == []


def test_an_installed_lamina_records_too(prefix: Path, tmp_path: Path) -> None:
    tree.run(prefix / "bin" / "lamina", "record", "-o", tmp_path / "t", "--", "ls")
    assert "calls in " in tree.run(prefix / "bin" / "lamina", "trace-report", tmp_path / "t")


# Reports -------------------------------------------------------------------------------------------------------------

def test_the_tree_has_traces_of_three_programs() -> None:
    assert [t.stem for t in TRACES] == ["lua_tables", "python_json", "sqlite_mixed"]
    assert sum(t.stat().st_size for t in TRACES) < 200000
    assert all(t.stat().st_size < 4 * report(t)["summary"]["calls"] for t in TRACES)


@pytest.mark.parametrize("trace", TRACES, ids=lambda t: t.stem)
def test_a_report_says_what_the_calls_say(trace: Path) -> None:
    """Recounted from the single calls, without the summary's code."""
    summary, found = report(trace)["summary"], dump(trace)
    assert summary["calls"] == len(found)
    assert sum(summary["by_function"].values()) == len(found)
    live: dict[int, int] = {}
    used = peak = objects = 0
    sizes: collections.Counter[int] = collections.Counter()
    for call in found:
        if call["effect"] in ("allocates", "resizes"):
            sizes[call["size"]] += 1
            used += call["size"] - live.get(call["slot"], 0)
            live[call["slot"]] = call["size"]
        elif call["effect"] == "frees":
            used -= live.pop(call["slot"])
        objects = max(objects, len(live))
        if used > peak:
            peak, at = used, call["number"]
    assert (summary["peak_bytes"], summary["peak_call"], summary["most_objects"]) == (peak, at, objects)
    assert (summary["live_bytes"], summary["live_objects"]) == (used, len(live))
    assert summary["bytes"] == sum(size * n for size, n in sizes.items())
    assert summary["distinct_sizes"] == len(sizes)
    assert {e["size"]: e["requests"] for e in summary["sizes"][:5]}.items() <= sizes.items()
    assert sum(summary["lifetimes_calls_log2"]) == summary["frees"]
    assert sum(p[0] for p in summary["points"]) == summary["allocs"]
    assert sum(p[1] for p in summary["points"]) == summary["frees"]
    assert max(p[5] for p in summary["points"]) == peak
    text = tree.lamina("trace-report", trace)
    points, step = [sum(p[:3]) for p in summary["points"]], (summary["last_ns"] - summary["first_ns"]) / 1e9 / len(summary["points"])
    threads = sum(1 for t in summary["threads"] if t["calls"])
    least = [next((end for end in range(begin + 1, len(points) + 1)
                   if sum(points[begin:end]) >= 2048 * threads or (end - begin) * step >= 0.032), None) for begin in range(len(points))]
    rates = [sum(points[begin:end]) / (end - begin) / step for begin, end in enumerate(least) if end is not None]
    assert ("busiest: " in text) == (bool(rates) and least[0] != len(points))
    if "busiest: " in text:
        assert f"busiest: {max(rates):,.0f} a second" in text
    assert f"{len(found):,} calls in " in text and f"in {summary['peak_objects']:,} blocks" in text


@pytest.mark.parametrize("trace", TRACES, ids=lambda t: t.stem)
def test_a_page_of_pictures(trace: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    tree.lamina("trace-report", trace, "-o", page)
    text = page.read_text(encoding="utf-8")
    pictures = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(pictures) >= 4
    for picture in pictures:
        parsed = xml.etree.ElementTree.fromstring(picture)
        assert parsed.get("role") == "img" and parsed.get("aria-label") and parsed.get("viewBox")
    assert not re.findall(r"#0102[0-9a-f]{2}\b", text), "a token stayed a colour"
    assert not re.search(r'(?:src|href)="(?!#|data:)[^"]', text) and "@import" not in text, "it asks for another file"
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(names)
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    streamed = tree.lamina("trace-report", trace, "-o", "/dev/stdout", "--processes")
    assert "<svg" not in streamed  # a list of processes has no page
    assert "<svg" in subprocess.run([tree.PYTHON, str(tree.LAUNCHER), "trace-report", str(trace), "-o", "/dev/stdout"], capture_output=True,
                                    text=True, env=tree.environment()).stdout
    before = page.read_bytes()
    tree.lamina("trace-report", trace, "-o", page)
    assert page.read_bytes() == before


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not here")
def test_a_page_fits_a_narrow_screen(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    tree.lamina("trace-report", TRACES[0], "-o", page)
    probe = ("<script>addEventListener('load', () => { document.title = [document.documentElement.scrollWidth <= innerWidth, "
             "document.querySelectorAll('svg').length, [...document.querySelectorAll('svg')].every(s => "
             "s.getBoundingClientRect().width > 250 && s.getBoundingClientRect().height > 80)].join(); })</script></body>")
    framed = page.read_text(encoding="utf-8").replace("</body>", probe)
    (tmp_path / "inner.html").write_text(framed, encoding="utf-8")
    (tmp_path / "outer.html").write_text(  # headless windows have a least width
        "<iframe src=inner.html width=360 height=2000></iframe><script>addEventListener('load', () => { "
        "document.body.append(frames[0].document.title) })</script>", encoding="utf-8")
    shown = tree.run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--virtual-time-budget=5000",
                     "--dump-dom", tmp_path / "outer.html", env={"HOME": str(tmp_path)})
    found = re.search(r"(true|false),(\d+),(true|false)", shown)
    assert found and found.group(1) == "true" and int(found.group(2)) >= 4 and found.group(3) == "true", shown[-500:]


def test_no_place_for_the_page(tmp_path: Path) -> None:
    assert f"-o {tmp_path}: it is a folder" in tree.lamina("trace-report", TRACES[0], "-o", tmp_path, status=4)
    assert "nothing can be written to" in tree.lamina("trace-report", TRACES[0], "-o", tmp_path / "no" / "page.html", status=4)
    assert "-o: it names no file" in tree.lamina("trace-report", TRACES[0], "-o", "", status=2)


def test_no_matplotlib_is_told(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    done = subprocess.run([tree.PYTHON, "-m", "lamina", "trace-report", str(TRACES[0]), "-o", str(tmp_path / "r.html")], capture_output=True,
                          text=True, env=tree.environment(PYTHONPATH=f"{tmp_path}:{tree.ROOT / 'generator'}"))
    assert done.returncode == 4 and "apt-get install python3-matplotlib" in done.stderr and done.stdout == ""
    assert not (tmp_path / "r.html").exists()


# Traces that are none ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command", [["trace-report"], ["trace-report", "--json"], ["replay"]], ids=" ".join)
def test_wrong_files(tmp_path: Path, command: list[str]) -> None:
    good = TRACES[0].read_bytes()
    cases = {"empty": (b"", "it is empty"), "foreign": (b"\x7fELF" + bytes(5000), "it is no trace that lamina record wrote"),
             "cut": (good[:7000], "it is cut off: block "), "cut at its end": (good[:-1], "it is cut off: block "),
             "older": (good[:8] + b"\1" + good[9:], "its format has version 1, and this Lamina reads version 2: record it again"),
             "damaged": (good[:6000] + b"\0\0\0\0" + good[6004:], "it is damaged: the checksum of block "),
             "converted": (good.replace(b"\r\n", b"\n"), "it was damaged by a conversion of line ends")}
    for name, (data, told) in cases.items():
        (tmp_path / name).write_bytes(data)
        out = subprocess.run([tree.PYTHON, str(tree.LAUNCHER), *command, str(tmp_path / name)], capture_output=True, text=True,
                             env=tree.environment())
        assert out.returncode == 1, (name, out)
        assert out.stdout == "" and f"{tmp_path / name}: {told}" in out.stderr, (name, out.stderr)
    assert "No such file or directory" in tree.lamina(*command, tmp_path / "none", status=4)
    assert "s a directory" in tree.lamina(*command, tmp_path, status=4)


def test_the_beginning_of_a_trace_that_is_cut_off(tmp_path: Path) -> None:
    trace = next(t for t in TRACES if t.stem == "python_json")
    (tmp_path / "cut").write_bytes(trace.read_bytes()[:60000])
    found = report(tmp_path / "cut", "--partial")
    assert found["notes"] == ["the file is cut off or damaged: only what comes before is counted"]
    assert 1000 < found["summary"]["calls"] < report(trace)["summary"]["calls"]


def test_no_such_process() -> None:
    assert "no process 5 is in it; it has 0" in tree.lamina("trace-report", "--process", 5, TRACES[0], status=1)


# The script that records the traces of the tree ----------------------------------------------------------------------

@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="sqlite3 is not here")
def test_the_traces_can_be_recorded_again(tmp_path: Path) -> None:
    tree.run(tree.ROOT / "tests" / "traces" / "record", tmp_path, "2")
    assert sorted(p.stem for p in tmp_path.iterdir()) == [t.stem for t in TRACES]
    for old in TRACES:
        new = report(tmp_path / old.name)["summary"]
        assert new["calls"] > report(old)["summary"]["calls"] and new["strange"] == new["replaced"] == 0
