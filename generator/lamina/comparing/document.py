"""What was measured of a stack, and the part of the document that it becomes; docs/compare-json.md tells its shape."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from . import intervals, measure, subjects, verdicts
from .measure import Job
from .subjects import Bench, Subject

CURVE = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999)


@dataclass
class Measured:
    """A bench, the patterns that it serves, and what was found of them."""

    bench: Bench
    jobs: dict[str, Job]
    rows: list[dict[str, Any]]  # one for each pattern, also for those that aren't served
    counted: dict[str, dict[tuple[str, bool], measure.Counted]] = field(default_factory=dict)
    #: By subject, pattern and whether it touches; the others are of the touching variant.
    times: dict[tuple[str, str, bool], list[float]] = field(default_factory=dict)
    latencies: dict[tuple[str, str], measure.Latency] = field(default_factory=dict)
    memories: dict[tuple[str, str], measure.Memory] = field(default_factory=dict)
    calls: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)

    @property
    def present(self) -> list[Subject]:
        return [s for s in self.bench.subjects if s.present]

    @property
    def name(self) -> str:
        return self.bench.stack.name


def part(m: Measured) -> dict[str, Any]:
    """A stack's part of the document."""
    bench = m.bench
    for row in m.rows:
        if not row["applicable"]:
            continue
        name = row["pattern"]
        row["loop_instructions"] = _number(m.counted["loop"][name, False].instructions) if m.counted else None
        row["variants"] = [_variant(m, name, touch) for touch in (True, False)]
    stack = bench.stack
    return {
        "name": stack.name, "brief": stack.brief or "", "spec": bench.spec,
        "layers": [layer.name for layer in stack.layers], "payload_bytes": bench.payload,
        "sizes": None if bench.payload else [16, 256], "capacity_objects": bench.capacity,
        "capacity_is_more": bench.capacity == subjects.OBJECTS,
        "subjects": [{"name": s.name, "kind": s.kind, "title": s.title, "present": s.present, "why": s.why or None}
                     for s in bench.subjects],
        "patterns": m.rows, "overhead": _overhead(m.rows, m.memories),
        "verdict": verdicts.of_stack(m.rows, "malloc") if any(s.name == "malloc" for s in m.present) else
        "no verdict: system malloc was not measured",
    }


def _variant(m: Measured, name: str, touch: bool) -> dict[str, Any]:
    results = []
    present, counted = m.present, m.counted
    for subject in present:
        count, loop = (counted[s][name, touch] if counted else None for s in (subject.name, "loop"))
        samples = m.times.get((subject.name, name, touch))
        late = m.latencies.get((subject.name, name)) if touch else None
        memory = m.memories.get((subject.name, name)) if touch else None
        results.append({
            "subject": subject.name,
            "instructions": {"per_object": _number(count.instructions), "own": _number(count.instructions - loop.instructions)}
            if count else None,
            "cache_misses": {"d1_per_object": _number(count.d1), "ll_per_object": _number(count.ll)}
            if count and count.d1 is not None and count.ll is not None else None,
            "time": _time(samples) if samples else None,
            "latency": _latency(late) if late else None,
            "memory": {"peak_bytes": memory.peak} if memory else None,
            "system_calls": {"total": sum(m.calls[subject.name, name].values()), "by_name": m.calls[subject.name, name]}
            if touch and (subject.name, name) in m.calls else None,
        })
    ratios = []
    for subject in present[1:]:
        gap = {"generic": "flattening", "floor": "floor"}.get(subject.kind, "policy")
        mine, other = m.times.get(("flat", name, touch)), m.times.get((subject.name, name, touch))
        timed = _interval(intervals.ratio(mine, other)) if mine and other else None
        ratios.append({
            "gap": gap, "of": "flat", "to": subject.name,
            "instructions": _number(counted["flat"][name, touch].instructions / counted[subject.name][name, touch].instructions)
            if counted else None,
            "time": timed, "verdict": verdicts.of_ratio(timed, subject.name)})
    return {"touch": touch, "results": results, "ratios": ratios}


def _number(value: float) -> float:
    return round(value, 3)


def _interval(found: intervals.Interval) -> dict[str, Any]:
    """Bounds that there are too few samples for are null."""
    bounded = math.isfinite(found.high)
    return {"median": round(found.middle, 4), "low": round(found.low, 4) if bounded else None,
            "high": round(found.high, 4) if bounded else None}


def _time(samples: list[float]) -> dict[str, Any]:
    low, high = intervals.quartiles(samples)
    return {"median_ns": _number(median(samples)), "quartile_low_ns": _number(low), "quartile_high_ns": _number(high),
            "interval_ns": _interval(intervals.interval(samples)), "samples_ns": [_number(s) for s in samples]}


def _latency(late: measure.Latency) -> dict[str, Any]:
    return {"p50_ns": _number(late.at(0.5)), "p99_ns": _number(late.at(0.99)), "p999_ns": _number(late.at(0.999)),
            "max_ns": _number(late.max), "calls": sum(late.calls.values()), "clock_ns": _number(late.overhead),
            "curve": [[share, _number(late.at(share))] for share in CURVE] + [[1.0, _number(late.max)]]}


def _overhead(patterns: list[dict[str, Any]], memories: dict[tuple[str, str], measure.Memory]) -> dict[str, Any] | None:
    """Bytes of overhead per live object, from the first batch: at its end a known number of objects lives."""
    for row in patterns:
        found = {subject: memory for (subject, pattern), memory in memories.items() if pattern == row["pattern"] and memory.live > 1}
        if found:
            return {"pattern": row["pattern"], "live": next(iter(found.values())).live, "bytes_per_object": {
                subject: _number(memory.overhead) for subject, memory in found.items() if memory.overhead is not None}}
    return None
