"""What page and Markdown show of a replayed trace, in words."""

from __future__ import annotations

from typing import Any

from .view import DASH, interval, number, size

HEAD = ["instr.", "own", "ns", "quartiles", "time of the first ÷ its", "verdict", "peak memory", "overhead", "for each block"]


def _row(result: dict[str, Any], first: str) -> dict[str, Any]:
    """A line of the table: what one allocator took."""
    time, memory, ratio = result["time"], result["memory"], result["ratio"]
    count = result["instructions"]
    if not all(call >= 0 and resident >= 0 and used >= 0 for call, resident, used in memory["over_time"]):
        raise ValueError("a course of memory that is none")
    words = DASH if ratio is None else "no difference measured" if not ratio["decided"] else f"{first} is faster" if ratio["median"] < 1 else \
        f"{first} is slower"
    return {"title": result["subject"], "flat": result["kind"] == "flat",
            "standing": "none" if ratio is None else "same" if not ratio["decided"] else "better" if ratio["median"] < 1 else "worse",
            "words": words,
            "cells": [number(count["per_call"]), number(count["own"]), number(time["median_ns"], 2),
                      f"{number(time['quartile_low_ns'])}{DASH}{number(time['quartile_high_ns'])}", interval(ratio), words,
                      size(memory["peak_bytes"]), size(memory["overhead_bytes"]), number(memory["overhead_per_block"])]}


def _sizes(sizes: list[int]) -> str:
    """Which blocks a replay is of, where they aren't all."""
    least, most = sizes
    if (least, most) == (0, 2 ** 64 - 1):
        return ""
    return f"blocks of {least} to {most} bytes" if most < 2 ** 64 - 1 else f"blocks of {least} bytes and more"


def document(found: dict[str, Any], place: int = 1) -> dict[str, Any]:
    """One replay as the templates see it; `place` counts those of a page."""
    trace = found["trace"]
    if not trace["allocs"] > 0:
        raise ValueError("a trace without allocations")
    only = _sizes(trace["sizes"])
    return {
        "title": f"{trace['program']}, {only}" if only else trace["program"], "path": trace["path"], "anchor": f"replay-{place}", "command": found["command"],
        "what": f"{f'of {only}, ' if only else ''}{trace['allocs']:,} allocations, {trace['frees']:,} frees, {trace['resizes']:,} resizes; at most "
                f"{size(trace['peak_bytes'])} in {trace['peak_objects']:,} blocks; {found['threads']}", "notes": trace["notes"],
        "head": HEAD, "groups": [{"name": group["name"], "notes": group["notes"], "absent": group["absent"],
                                  "rows": [_row(result, group["results"][0]["subject"]) for result in group["results"]]}
                                 for group in found["groups"]],
    }
