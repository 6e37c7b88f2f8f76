"""What page and Markdown show, in words: every number of the result as the text that stands there. Numbers that were not
measured are a dash, never 0."""

from __future__ import annotations

import re
from statistics import median
from typing import Any

from ..comparing import pace

DASH = "–"


def number(value: float | None, digits: int = 1) -> str:
    """12.3; 1,234; no digits that say nothing."""
    if value is None:
        return DASH
    if abs(value) >= 1000:
        digits = 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _three(value: float) -> str:
    """Three digits, or four in front of the point: 1,010, never 1.01e+03."""
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:,.0f}"


def nanoseconds(value: float | None) -> str:
    """1.4 ns, 31 µs."""
    if value is None:
        return DASH
    for scale, unit in ((1e6, "ms"), (1e3, "µs")):
        if value >= scale:
            return f"{_three(value / scale)} {unit}"
    return f"{_three(value)} ns"


def size(value: float | None) -> str:
    """8 KiB, 1.5 MiB."""
    if value is None:
        return DASH
    for scale, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if abs(value) >= scale:
            return f"{_three(value / scale)} {unit}"
    return f"{value:g} bytes"


def standing(time: dict[str, Any] | None, words: str) -> str:
    """better, worse, same or none: what a ratio says of flat, by its words."""
    if time is None:
        return "none"
    return "better" if "as fast" in words else "worse" if "as slow" in words else "same"


def interval(time: dict[str, Any] | None) -> str:
    """0.48 [0.45, 0.52]."""
    if time is None:
        return DASH
    if time["low"] is None:
        return f"{time['median']:.2f} [too few rounds]"
    return f"{time['median']:.2f} [{time['low']:.2f}, {time['high']:.2f}]"


def times(factor: float | None) -> str:
    """2.1×."""
    return DASH if factor is None else f"{factor:.3g}×"


def anchor(name: str) -> str:
    return re.sub(r"\W+", "-", name).strip("-").lower() or "stack"


def _row(result: dict[str, Any], ratio: dict[str, Any] | None, title: str) -> dict[str, Any]:
    """A line of the table of all numbers."""
    count, miss, time, late = (result[key] or {} for key in ("instructions", "cache_misses", "time", "latency"))
    calls = result["system_calls"]
    spread = f"{number(time['quartile_low_ns'])}{DASH}{number(time['quartile_high_ns'])}" if time else DASH
    return {
        "title": title, "flat": result["subject"] == "flat",
        "cells": [number(count.get("per_object")), number(count.get("own")), number(miss.get("d1_per_object"), 2),
                  number(miss.get("ll_per_object"), 2), number(time.get("median_ns"), 2), spread,
                  interval(ratio["time"]) if ratio else DASH,
                  *(nanoseconds(late.get(key)) for key in ("p50_ns", "p99_ns", "p999_ns", "max_ns")),
                  size(result["memory"]["peak_bytes"]) if result["memory"] else DASH, str(calls["total"]) if calls else DASH],
        "verdict": ratio["verdict"] if ratio else "", "standing": standing(ratio["time"], ratio["verdict"]) if ratio else "none",
    }


HEAD = ["instr.", "own", "D1 misses", "LL misses", "ns", "quartiles", "flat's time ÷ its", "p50", "p99", "p99.9", "max", "peak memory",
        "system calls"]


def _drawable(result: dict[str, Any]) -> dict[str, Any]:
    """The result, once what the charts draw of it is known to be numbers."""
    if result["time"]:
        bounds = [result["time"]["interval_ns"][key] for key in ("median", "low", "high")]
        if any(value is not None and value < 0 for value in bounds) or bounds[0] is None:
            raise ValueError("an interval of times that is none")
    if result["latency"] and not all(0 <= share <= 1 and ns >= 0 for share, ns in result["latency"]["curve"]):
        raise ValueError("a curve of latencies that is none")
    return result


def _variant(variant: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    ratios = {ratio["to"]: ratio for ratio in variant["ratios"]}
    return {"touch": variant["touch"], "what": "each object is written to" if variant["touch"] else "objects stay untouched",
            "results": [_drawable(result) for result in variant["results"]], "ratios": ratios,
            "rows": [_row(result, ratios.get(result["subject"]), titles[result["subject"]]) for result in variant["results"]]}


def _said(ratios: dict[str, Any], titles: dict[str, str]) -> list[dict[str, str]]:
    """The verdicts of a pattern, each with its standing and interval."""
    return [{"to": titles[to], "gap": ratio["gap"], "words": ratio["verdict"], "standing": standing(ratio["time"], ratio["verdict"]),
             "interval": interval(ratio["time"])} for to, ratio in ratios.items()]


def _pattern(row: dict[str, Any], about: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    out = {"name": row["pattern"], "title": about["title"], "about": about["about"], "threads": about["threads"],
           "applicable": row["applicable"]}
    if not row["applicable"]:
        return {**out, "why": row["why"], "first_event": row["first_event"]}
    variants = [_variant(variant, titles) for variant in row["variants"]]
    touched = next((v for v in variants if v["touch"]), variants[0])
    return {**out, "scaled": row["scaled"], "variants": variants, "touched": touched, "said": _said(touched["ratios"], titles),
            "live": number(row["live"])}


def _median_ratio(patterns: list[dict[str, Any]], to: str, what: str) -> float | None:
    """How many times the other's value is flat's, the median of the patterns in the variant that touches."""
    found = []
    for pattern in patterns:
        ratio = pattern["touched"]["ratios"].get(to) if pattern["applicable"] else None
        value = ratio[what] if ratio else None
        value = value["median"] if isinstance(value, dict) else value
        if value:
            found.append(1.0 / value)
    return median(found) if found else None


def _overhead(stack: dict[str, Any], titles: dict[str, str]) -> dict[str, Any] | None:
    over = stack["overhead"]
    return over and {"live": number(over["live"]), "rows": [(titles[name], number(value)) for name, value in
                                                            over["bytes_per_object"].items()]}


#: What a stack's standing is called where there is room for a word only.
SHORT = {"better": "faster", "same": "faster in part", "worse": "use malloc", "none": DASH}


def _standing_of_stack(verdict: str) -> str:
    if verdict.startswith("use malloc"):
        return "worse"
    return "none" if "no verdict" in verdict else "same" if "use malloc" in verdict else "better"


def _stack(stack: dict[str, Any], about: dict[str, dict[str, Any]]) -> dict[str, Any]:
    titles = {subject["name"]: subject["title"] for subject in stack["subjects"]}
    patterns = [_pattern(row, about[row["pattern"]], titles) for row in stack["patterns"]]
    sizes, standing_ = stack["sizes"], _standing_of_stack(stack["verdict"])
    payload = f"{number(stack['payload_bytes'])} bytes" if stack["payload_bytes"] else f"{sizes[0]} to {sizes[1]} bytes"
    return {
        "name": stack["name"], "anchor": anchor(stack["name"]), "brief": stack["brief"], "spec": stack["spec"], "layers": stack["layers"],
        "payload": payload, "capacity": f"{number(stack['capacity_objects'])}{' or more' if stack['capacity_is_more'] else ''}",
        "verdict": stack["verdict"], "standing": standing_, "short": SHORT[standing_],
        "served": [p for p in patterns if p["applicable"]], "refused": [p for p in patterns if not p["applicable"]],
        "absent": [{"title": s["title"], "why": s["why"]} for s in stack["subjects"] if not s["present"]],
        "overhead": _overhead(stack, titles), "titles": titles,
        "gains": {"generic": times(_median_ratio(patterns, "generic", "instructions")),
                  "generic_time": times(_median_ratio(patterns, "generic", "time")),
                  "malloc": times(_median_ratio(patterns, "malloc", "instructions")),
                  "malloc_time": times(_median_ratio(patterns, "malloc", "time"))},
    }


def _bounds(document: dict[str, Any], about: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One line a stack and pattern: flat to twin and to floor, untouched and touched."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    whole = [b for b in document["bounds"] if b["stack"] is None]
    for bound in document["bounds"]:
        if bound["stack"] is None:
            continue
        row = rows.setdefault((bound["stack"], bound["pattern"]), {"stack": bound["stack"], "pattern": about[bound["pattern"]]["title"],
                                                                   "cells": {}})
        to = "floor" if "floor" in bound["bound"] else "generic"
        row["cells"][to, bound["touch"]] = {"value": f"{bound['value']:.3f}", "holds": bound["holds"]}
    nothing = {"value": DASH, "holds": True}
    return {"rows": [{**row, "cells": [row["cells"].get((to, touch), nothing) for to in ("generic", "floor") for touch in (False, True)]}
                     for row in rows.values()],
            "whole": [{**b, "value": f"{b['value']:.2f}"} for b in whole], "number": len(document["bounds"]),
            "holding": sum(b["holds"] for b in document["bounds"])}


def _machine(document: dict[str, Any]) -> list[tuple[str, str]]:
    m, method = document["machine"], document["method"]
    caches = ", ".join(f"{name} {size(c['bytes'])}" for name, c in method["caches"].items())
    return [("processor", f"{m['processor']} ({m['architecture']}), {m['processors']} usable{', in a virtual machine' if m['virtual'] else ''}"),
            ("frequency governor", m["governor"] or "not told"), ("memory", f"{size(m['memory_bytes'])}, pages of {size(m['page_bytes'])}"),
            ("transparent huge pages", m["transparent_huge_pages"] or "not told"), ("operating system", f"{m['os']}, {m['kernel']}, {m['libc']}"),
            ("compiler", f"{m['compiler']['version']}: {m['compiler']['command']} {m['compiler']['flags']}"),
            *((name, version) for name, version in m["tools"].items()), ("simulated caches", caches or "none")]


def _method(document: dict[str, Any]) -> list[str]:
    """How it was measured, one sentence for each thing that was."""
    m = document["method"]
    measured, out = set(m["measures"]), []
    short = pace.told(document.get("budget"))
    if short:
        out.append(f"{short[0].upper()}{short[1:]}. Instructions are counted whole all the same.")
    if "instructions" in measured:
        misses = "misses are those of the longer run. The caches are simulated" if m["caches"] else "caches were not simulated"
        out.append(f"Instructions{' and cache misses' if m['caches'] else ''}: callgrind. Instructions are those of a run of 2n objects less "
                   f"those of one of n, where n is {m['objects_counted']:,} objects, or more where a pattern's whole turns make it more; "
                   f"{misses}. These numbers are the same on every run.")
    if "time" in measured:
        out.append(f"Times: {m['repetitions']} rounds. In each, every allocator runs each pattern in a process of its own, in an order that "
                   f"chance gives, {m['objects_timed']:,} objects and more, {m['passes']} passes, of which the median counts. One thread's "
                   "time is its processor's; two threads' the clock's. A ratio is the median of the rounds' ratios; its interval holds "
                   f"the true median with {m['confidence']:.0%}. An interval that includes 1 is told as “no difference measured”.")
    if "latency" in measured:
        out.append(f"Latencies: {m['calls_timed']:,} objects, each call timed by itself, in a histogram that errs by "
                   f"{m['latency_error']:.1%} at most; the time that reading the clock takes is taken off.")
    if "memory" in measured:
        out.append("Peak memory: what became resident from before the allocator's init on. Overhead: that, less what was asked for.")
    if "calls" in measured:
        out.append("System calls: strace, from init on, less those of the pattern's own loop.")
    return out


def document(found: dict[str, Any]) -> dict[str, Any]:
    """All that the templates see."""
    about = {pattern["name"]: pattern for pattern in found["patterns"]}
    stacks = [_stack(stack, about) for stack in found["stacks"]]
    return {
        "title": "Comparison" if len(stacks) != 1 else f"Comparison: {stacks[0]['name']}", "lamina": found["lamina"], "quick": found["quick"],
        "command": found["command"], "stacks": stacks, "bounds": _bounds(found, about), "machine": _machine(found),
        "method": _method(found), "head": HEAD, "columns": len(HEAD) + 1,
        "allocators": [{"title": a["title"], "name": a["name"], "present": a["present"], "version": a["version"] or DASH,
                        "package": a["package"] or DASH, "why": a["why"]} for a in found["allocators"]],
        "patterns": [{"title": p["title"], "about": p["about"], "threads": p["threads"]} for p in found["patterns"]],
        "memory": "memory" in found["method"]["measures"], "timed": "time" in found["method"]["measures"],
        "short": pace.told(found.get("budget")),
    }
