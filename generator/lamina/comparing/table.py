"""The document as text for a terminal."""

from __future__ import annotations

from typing import Any

from . import pace

HEAD = ("", "instr.", "own", "D1 miss", "ns", "spread", "flat is", "p50", "p99", "p99.9", "max", "peak KiB", "calls")


def _rows(row: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cells[i]) for cells in row) for i in range(len(row[0]))]
    return ["  ".join(cell.ljust(w) if i in (0, 6) else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths))).rstrip()
            for cells in row]


def _n(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:,.{digits}f}".removesuffix(".0")


def _ratio(ratio: dict[str, Any] | None) -> str:
    """Flat's time against this one's, with its interval: 0.50 [0.48, 0.52]; what the verdict doesn't rank has the verdict's words."""
    if ratio is None or ratio["time"] is None:
        return ""
    t, verdict = ratio["time"], ratio["verdict"]
    within = "too few rounds" if t["low"] is None else f"{t['low']:.2f}, {t['high']:.2f}"
    return f"{t['median']:.2f} [{within}]" + (f" {verdict}" if "no difference" in verdict else "")


def _result(result: dict[str, Any], ratio: dict[str, Any] | None, titles: dict[str, str]) -> tuple[str, ...]:
    count, miss, time, late = (result[key] or {} for key in ("instructions", "cache_misses", "time", "latency"))
    spread = f"{_n(time['quartile_low_ns'])}–{_n(time['quartile_high_ns'])}" if time else "-"
    memory, calls = result["memory"], result["system_calls"]
    return (f"  {titles[result['subject']]}", _n(count.get("per_object")), _n(count.get("own")), _n(miss.get("d1_per_object"), 2),
            _n(time.get("median_ns")), spread, _ratio(ratio), _n(late.get("p50_ns"), 0), _n(late.get("p99_ns"), 0),
            _n(late.get("p999_ns"), 0), _n(late.get("max_ns"), 0),
            _n(memory["peak_bytes"] / 1024, 0) if memory else "-", str(calls["total"]) if calls else "-")


def _pattern(row: dict[str, Any], about: dict[str, Any], titles: dict[str, str]) -> list[tuple[str, ...]]:
    out: list[tuple[str, ...]] = []
    for variant in row["variants"]:
        if not any(r["instructions"] or r["time"] for r in variant["results"]):
            continue
        ratios = {ratio["to"]: ratio for ratio in variant["ratios"]}
        head = f"{about['title']}, {'touched' if variant['touch'] else 'untouched'}"
        out.append((head, *[""] * (len(HEAD) - 1)))
        out += [_result(result, ratios.get(result["subject"]), titles) for result in variant["results"]]
    return out


def stack(found: dict[str, Any], patterns: dict[str, dict[str, Any]]) -> str:
    """One stack: its patterns, what it can't serve, its overhead and the verdict."""
    titles = {s["name"]: s["name"] for s in found["subjects"]}
    lines = [f"{found['name']}: {found['brief']}".rstrip(": ")]
    rows = [HEAD]
    for row in found["patterns"]:
        if row["applicable"]:
            rows += _pattern(row, patterns[row["pattern"]], titles)
    lines += _rows(rows) if len(rows) > 1 else []
    for row in found["patterns"]:
        if not row["applicable"]:
            lines.append(f"not applicable: {row['pattern']}: {row['why']} ({row['first_event']})")
        elif row["scaled"]:
            lines.append(f"scaled: {row['pattern']}: {row['scaled']}")
    for subject in found["subjects"]:
        if not subject["present"]:
            lines.append(f"absent: {subject['name']}: {subject['why']}")
    if found["overhead"]:
        over = found["overhead"]
        lines.append(f"overhead per object, {over['live']:,} live: " + ", ".join(
            f"{name} {_n(value)}" for name, value in over["bytes_per_object"].items()) + " bytes")
    lines.append(f"verdict: {found['verdict']}")
    return "\n".join(lines)


def text(document: dict[str, Any]) -> str:
    """All of it."""
    patterns = {p["name"]: p for p in document["patterns"]}
    parts = [stack(found, patterns) for found in document["stacks"]]
    machine, method = document["machine"], document["method"]
    compiler = machine["compiler"]
    parts.append("\n".join([
        "All numbers are per object: its alloc and its free, or its share of a reset. own: without the pattern's loop. "
        "flat is: its time as a ratio,",
        f"with an interval of {method['confidence']:.0%}. Latencies in ns of a single call. docs/comparing.md tells how it is measured.",
        f"on: {machine['processor']}, {machine['processors']} processors{', virtual' if machine['virtual'] else ''}; "
        f"{machine['os']}, {machine['kernel']}",
        f"with: {compiler['version']}, {compiler['flags']}; " + ", ".join(
            f"{a['name']} {a['version']}" if a["present"] else f"{a['name']} absent" for a in document["allocators"]),
        f"again: {document['command']}"]))
    short = pace.told(document["budget"])
    if short:
        parts.append(short)
    if document["bounds"]:
        parts.append(_bounds(document["bounds"]))
    return "\n\n".join(parts)


def _bounds(all_: list[dict[str, Any]]) -> str:
    """How many hold, those that don't, and those over all stacks."""
    shown = [("" if bound["holds"] else "broken: ") + told(bound) for bound in all_ if bound["stack"] is None or not bound["holds"]]
    return "\n  ".join([f"bounds: {sum(bound['holds'] for bound in all_)} of {len(all_)} hold", *shown])


def told(bound: dict[str, Any]) -> str:
    """A bound in words."""
    where = f"{bound['stack']}, {bound['pattern']}{'' if bound['touch'] else ', untouched'}: " if bound["stack"] else ""
    return f"{where}{bound['bound']}: {bound['value']:.3f}, limit {bound['limit']:g}"
