"""A trace in words, for a terminal."""

from __future__ import annotations

from typing import Any, Sequence

from .trace import Trace, ending, name_of
from .words import bar, class_label, count, duration, share, size


def columns(rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> list[str]:
    """A table: the columns of `words` to the left, numbers to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(w) if i in words else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def seconds(s: dict[str, Any]) -> float:
    """From the first call to the last."""
    return (s["last_ns"] - s["first_ns"]) / 1e9


def rate(s: dict[str, Any]) -> str:
    took = seconds(s)
    return f"{s['calls'] / took:,.0f} a second" if took > 0 else "no time between the first and the last"


#: A thread's calls have the time of the reading of the clock before them, and there is one every 256 calls or 4 ms: over
#: fewer readings than these a rate is that of the readings, not that of the calls.
READINGS, CALLS_A_READING, SECONDS_A_READING = 8, 256, 0.004


def busiest(s: dict[str, Any]) -> str:
    """The most allocations, frees and resizes a second over a time that holds some readings of the clock."""
    points, step = [sum(p[:3]) for p in s["points"]], seconds(s) / len(s["points"])
    if step <= 0:
        return ""
    enough_calls = READINGS * CALLS_A_READING * sum(1 for t in s["threads"] if t["calls"])
    enough_points = READINGS * SECONDS_A_READING / step
    best, end, calls = (0.0, 0, 0), 0, 0
    for begin, own in enumerate(points):  # from each point on as few as will do
        while end < len(points) and calls < enough_calls and end - begin < enough_points:
            calls += points[end]
            end += 1
        if calls < enough_calls and end - begin < enough_points:
            break
        best = max(best, (calls / (end - begin), begin, end))
        calls -= own
    rate_, begin, end = best
    if not rate_ or end - begin == len(points):
        return ""
    return f"busiest: {rate_ / step:,.0f} a second, in the {duration((end - begin) * step * 1e9)} from {duration(begin * step * 1e9)} on"


def headline(s: dict[str, Any]) -> list[str]:
    threads = sum(1 for t in s["threads"] if t["calls"])
    return [f"{count(s['calls'])} calls in {duration(s['last_ns'] - s['first_ns'])}, {rate(s)}; "
            f"{threads} thread{'s' if threads != 1 else ''}",
            *filter(None, [busiest(s)]),
            f"peak: {size(s['peak_bytes'])} in {count(s['peak_objects'])} blocks, at call {count(s['peak_call'])}, "
            f"{duration(s['peak_ns'] - s['first_ns'])} after the first; most blocks at once: {count(s['most_objects'])}",
            f"asked for in all: {size(s['bytes'])}; never freed: {count(s['live_objects'])} blocks, {size(s['live_bytes'])}"]


def oddities(s: dict[str, Any]) -> list[str]:
    """What is not quite as it should be."""
    out = []
    if s["failed"]:
        out.append(f"calls that got no memory: {count(s['failed'])}")
    if s["strange"]:
        out.append(f"blocks that were freed or resized, but which this process was not seen to allocate: {count(s['strange'])}; inherited "
                   "by fork, from before the recording, or freed twice")
    if s["replaced"]:
        out.append(f"addresses that were given out again without a free that was seen: {count(s['replaced'])}")
    if s["unwritten"]:
        out.append(f"stamps of calls that were under way when the process was ended: {count(s['unwritten'])}")
    return out


def functions(s: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [(name, count(n), share(n, s["calls"])) for name, n in sorted(s["by_function"].items(), key=lambda item: -item[1])]
    return rows


def resizes(s: dict[str, Any]) -> str:
    return (f"of {count(s['resizes'])} blocks that were resized, {count(s['resizes_grown'])} grew and {count(s['resizes_shrunk'])} "
            f"shrank; {count(s['resizes_moved'])} moved")


def lifetimes(s: dict[str, Any], which: str) -> list[tuple[int, int]]:
    """Class and how many, without empty classes before the first and after the last. What lived for no step of the clock
    stands apart from the shortest time that was measured."""
    counts = list(enumerate(s[which]))
    first = counts[:1] if counts and counts[0][1] else []
    while counts and (not counts[0][1] or counts[0][0] == 0):
        counts.pop(0)
    return [*first, *counts]


def _histogram(rows: list[tuple[str, int]], whole: int) -> list[str]:
    most = max((n for _, n in rows), default=0)
    return columns([(label, count(n), share(n, whole), bar(n, most)) for label, n in rows], words=(3,))


def _sizes(s: dict[str, Any]) -> list[str]:
    requests = sum(c["requests"] for c in s["size_classes"])
    most = max(c["requests"] for c in s["size_classes"])
    rows = [("bytes up to", "requests", "share", "most at once", "")]
    rows += [(count(1 << c["log2"]), count(c["requests"]), share(c["requests"], requests), count(c["peak"]),
              bar(c["requests"], most)) for c in s["size_classes"]]
    top = [(count(e["size"]), count(e["requests"]), share(e["requests"], requests), count(e["peak"])) for e in s["sizes"][:8]]
    return [*columns(rows, words=(4,)), f"the most frequent of {count(s['distinct_sizes'])} sizes:",
            *columns([("bytes", "requests", "share", "most at once"), *top], words=())]


def _threads(s: dict[str, Any]) -> list[str]:
    busy = [t for t in s["threads"] if t["calls"]]
    rows = [("thread", "calls", "allocations", "bytes", "frees", "of others' blocks")]
    rows += [(str(t["thread"]), count(t["calls"]), count(t["allocs"]), size(t["bytes"]), count(t["frees"]), count(t["foreign_frees"]))
             for t in busy[:16]]
    return columns(rows) + ([f"  and {len(busy) - 16} more"] if len(busy) > 16 else [])


def text(trace: Trace, s: dict[str, Any]) -> str:
    """All of it."""
    lines = [f"{trace.path}: {name_of(trace.process)}"]
    how = ending(trace.about["wait_status"])
    notes = [*trace.notes, *([f"the program {how}"] if how else []), *oddities(s)]
    lines += ["  " + line for line in headline(s)]
    lines += ["  note: " + note for note in notes]
    lines += ["", "calls"] + columns(functions(s))
    if s["resizes"]:
        lines.append("  " + resizes(s))
    if s["free_null"]:
        lines.append(f"  {count(s['free_null'])} of the frees were of NULL")
    if s["size_classes"]:
        lines += ["", "sizes"] + _sizes(s)
    if any(s["alignments_log2"]):
        asked = [f"{size(1 << i)}: {count(n)}" for i, n in enumerate(s["alignments_log2"]) if n]
        lines += ["", "alignments asked for: " + ", ".join(asked)]
    freed = sum(s["lifetimes_calls_log2"])
    if freed:
        rows = [(class_label(k, 'calls'), n) for k, n in lifetimes(s, "lifetimes_calls_log2")]
        lines += ["", "lifetimes of the blocks that were freed, in calls until then"] + _histogram(rows, freed)
    lines += ["", "threads"] + _threads(s)
    return "\n".join(lines)
