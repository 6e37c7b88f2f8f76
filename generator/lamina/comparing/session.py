"""One comparison from the specs to the document that everything else is made of; docs/compare-json.md tells its shape."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Sequence

from .. import __version__
from ..cli import SPEC_WRONG, Failed
from ..model import Stack
from . import bounds, intervals, machine, measure, subjects, verdicts
from .allocators import Present
from .measure import Job
from .patterns import NEEDS, Pattern
from .progress import Tell
from .subjects import Bench, Subject

FORMAT, VERSION = "lamina-compare", 1
MEASURES = ("instructions", "time", "latency", "memory", "calls")
CURVE = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999)


@dataclass
class Choice:
    """What the command line chose."""

    patterns: list[Pattern]
    asked: bool  # patterns were named: one that can't be served is an error
    general: list[Present]
    measures: tuple[str, ...]
    repetitions: int
    latencies: int  # latency runs of each subject
    bare_times: bool
    cc: list[str]
    cflags: list[str]
    floors: Path
    tools: dict[str, str]
    workers: int
    command: str
    quick: bool


#: Seconds that a step takes, about: what the estimate of the time left is made of.
BUILD, COUNT, TIME, LATENCY, MEMORY, CALLS = 2.0, 2.5, 0.03, 0.09, 0.03, 0.05


@dataclass
class Session:
    """The benches and what was measured on them."""

    choice: Choice
    root: Path
    tell: Tell
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def prepare(self, stack: Stack, spec: str) -> Bench:
        c = self.choice
        return subjects.prepare(stack, spec, self.root / stack.name, [*c.cc, *c.cflags], c.floors, c.general, c.patterns,
                                workers=c.workers)

    def stack(self, bench: Bench) -> dict[str, Any]:
        """Measures a stack; one part of the document."""
        c = self.choice
        jobs, patterns = self._jobs(bench)
        present = [s for s in bench.subjects if s.present]
        counted: dict[str, Any] = {}
        if "instructions" in c.measures and jobs:
            counted = measure.count_all([*present, bench.loop], list(jobs.values()), c.tools["valgrind"],
                                        self.root / bench.stack.name, c.workers, lambda: self.tell(f"{bench.stack.name}: counting", COUNT))
        times = self._times(bench, present, jobs) if "time" in c.measures else {}
        latencies = self._latencies(bench, present, jobs) if "latency" in c.measures else {}
        memories = self._memories(bench, present, jobs) if "memory" in c.measures else {}
        calls = self._calls(bench, present, jobs) if "calls" in c.measures else {}
        for row in patterns:
            if not row["applicable"]:
                continue
            name = row["pattern"]
            row["loop_instructions"] = _number(counted["loop"][name, False].instructions) if counted else None
            row["variants"] = [self._variant(bench, present, name, touch, counted, times, latencies, memories, calls)
                               for touch in (True, False)]
        stack = bench.stack
        return {
            "name": stack.name, "brief": stack.brief or "", "spec": bench.spec,
            "layers": [layer.name for layer in stack.layers], "payload_bytes": bench.payload,
            "sizes": None if bench.payload else [16, 256], "capacity_objects": bench.capacity,
            "capacity_is_more": bench.capacity == subjects.OBJECTS,
            "subjects": [{"name": s.name, "kind": s.kind, "title": s.title, "present": s.present, "why": s.why or None}
                         for s in bench.subjects],
            "patterns": patterns, "overhead": _overhead(patterns, memories),
            "verdict": verdicts.of_stack(patterns, "malloc") if any(s.name == "malloc" for s in present) else
            "no verdict: system malloc was not measured",
        }

    def _jobs(self, bench: Bench) -> tuple[dict[str, Job], list[dict[str, Any]]]:
        """What can be measured, by pattern, and a row for each pattern, also for one that can't be served."""
        jobs, rows = {}, []
        for p in self.choice.patterns:
            row: dict[str, Any] = {"pattern": p.name, "applicable": True}
            why = p.reason(bench.abilities)
            live = p.objects(bench.capacity)
            event = self._first_event(bench, p, max(live, 1)) if why else ""
            if not why and live < 1:
                why = f"it has room for {bench.capacity} object{'' if bench.capacity == 1 else 's'} only"
                event = f"event {bench.capacity + 1}, an alloc"
            if why:
                if self.choice.asked:
                    raise Failed(SPEC_WRONG, f'"{bench.stack.name}" can\'t serve the pattern {p.name}: {why}; the first event that '
                                 f"it can't serve is {event}")
                row.update(applicable=False, why=why, first_event=event)
            else:
                jobs[p.name] = Job(p.name, live, p.threads)
                row.update(live=live, wanted=p.live, scaled=None if live == p.live else
                           f"{live:,} in place of {p.live:,}: the stack has room for {bench.capacity:,}")
            rows.append(row)
        return jobs, rows

    def _first_event(self, bench: Bench, p: Pattern, live: int) -> str:
        """The call that the stack can't serve, by its number in the pattern's sequence."""
        if p.needs == ("resets",):
            return f"event {live + 1}, the first reset"
        number = int(bench.loop.run(["first_free", p.name, str(live)]).split()[1])
        return f"event {number}, the first free" + (" by another thread" if p.needs == ("remote",) else "")

    def _times(self, bench: Bench, present: list[Subject], jobs: dict[str, Job]) -> dict[tuple[str, str, bool], list[float]]:
        """Samples by subject, pattern and variant. In every round each pattern is timed with all subjects one after the
        other, in an order that chance gives."""
        out: dict[tuple[str, str, bool], list[float]] = {}
        for round_ in range(self.choice.repetitions):
            for job in jobs.values():
                for touch in (True, False) if self.choice.bare_times else (True,):
                    for subject in self.chance.sample(present, len(present)):
                        out.setdefault((subject.name, job.pattern, touch), []).append(measure.time_once(subject, job, touch))
                        self.tell(f"{bench.stack.name}: timing {job.pattern}, round {round_ + 1}", TIME)
        return out

    def _latencies(self, bench: Bench, present: list[Subject], jobs: dict[str, Job]) -> dict[tuple[str, str], measure.Latency]:
        out: dict[tuple[str, str], measure.Latency] = {}
        for _ in range(self.choice.latencies):
            for job in jobs.values():
                for subject in self.chance.sample(present, len(present)):
                    measure.latency_once(subject, job, out.setdefault((subject.name, job.pattern), measure.Latency()))
                    self.tell(f"{bench.stack.name}: latencies of {job.pattern}", LATENCY)
        return out

    def _memories(self, bench: Bench, present: list[Subject], jobs: dict[str, Job]) -> dict[tuple[str, str], measure.Memory]:
        out = {}
        for job in jobs.values():
            for subject in present:
                out[subject.name, job.pattern] = measure.memory_once(subject, job)
                self.tell(f"{bench.stack.name}: memory of {job.pattern}", MEMORY)
        return out

    def _calls(self, bench: Bench, present: list[Subject], jobs: dict[str, Job]) -> dict[tuple[str, str], dict[str, int]]:
        """System calls beyond those of the pattern's own loop."""
        out = {}
        for job in jobs.values():
            folder = self.root / bench.stack.name
            loop = measure.calls_once(bench.loop, job, self.choice.tools["strace"], folder)
            for subject in present:
                more = measure.calls_once(subject, job, self.choice.tools["strace"], folder) - loop
                out[subject.name, job.pattern] = dict(sorted(more.items()))
                self.tell(f"{bench.stack.name}: system calls of {job.pattern}", CALLS)
        return out

    def _variant(self, bench: Bench, present: list[Subject], name: str, touch: bool, counted: dict[str, Any],
                 times: dict[tuple[str, str, bool], list[float]], latencies: dict[tuple[str, str], measure.Latency],
                 memories: dict[tuple[str, str], measure.Memory], calls: dict[tuple[str, str], dict[str, int]]) -> dict[str, Any]:
        results = []
        for subject in present:
            count, loop = (counted[s][name, touch] if counted else None for s in (subject.name, "loop"))
            samples = times.get((subject.name, name, touch))
            late = latencies.get((subject.name, name)) if touch else None
            memory = memories.get((subject.name, name)) if touch else None
            results.append({
                "subject": subject.name,
                "instructions": {"per_object": _number(count.instructions), "own": _number(count.instructions - loop.instructions)}
                if count else None,
                "cache_misses": {"d1_per_object": _number(count.d1), "ll_per_object": _number(count.ll)} if count else None,
                "time": _time(samples) if samples else None,
                "latency": _latency(late) if late else None,
                "memory": {"peak_bytes": memory.peak} if memory else None,
                "system_calls": {"total": sum(calls[subject.name, name].values()), "by_name": calls[subject.name, name]}
                if touch and (subject.name, name) in calls else None,
            })
        ratios = []
        for subject in present[1:]:
            gap = {"generic": "flattening", "floor": "floor"}.get(subject.kind, "policy")
            mine, other = times.get(("flat", name, touch)), times.get((subject.name, name, touch))
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


def seconds(choice: Choice, stacks: int) -> float:
    """What all stacks take, about: the sum of what `tell` is told."""
    programs, jobs = 4 + len(choice.general), len(choice.patterns)
    return stacks * (BUILD * 5 + COUNT * (programs + 1) * ("instructions" in choice.measures) + jobs * programs * (
        TIME * choice.repetitions * (1 + choice.bare_times) * ("time" in choice.measures) +
        LATENCY * choice.latencies * ("latency" in choice.measures) + MEMORY * ("memory" in choice.measures) +
        CALLS * ("calls" in choice.measures)))


def run(stacks: Sequence[tuple[Stack, str]], choice: Choice, root: Path, tell: Tell) -> dict[str, Any]:
    """Measures all stacks."""
    session = Session(choice, root, tell)
    benches = []
    for stack, spec in stacks:
        tell(f"{stack.name}: compiling", 0)
        benches.append(session.prepare(stack, spec))
        session._jobs(benches[-1])  # what can't be served is told before anything is measured
        tell(f"{stack.name}: compiled", BUILD * 5)
    found = [session.stack(bench) for bench in benches]
    return {
        "format": FORMAT, "version": VERSION, "lamina": __version__, "command": choice.command, "quick": choice.quick,
        "machine": machine.facts(choice.cc, choice.cflags, choice.tools),
        "method": {
            "measures": list(choice.measures), "repetitions": choice.repetitions, "passes": measure.PASSES,
            "confidence": intervals.CONFIDENCE, "objects_counted": measure.COUNTED, "objects_timed": measure.TIMED,
            "calls_timed": choice.latencies * measure.TIMED_CALLS, "latency_error": 1 / 32,
            "caches": {name: {"bytes": shape[0], "ways": shape[1], "line": shape[2]} for name, shape in measure.CACHES.items()},
        },
        "allocators": [{"name": p.general.name, "title": p.general.title, "present": not p.why, "why": p.why or None,
                        "version": p.version or None, "package": p.general.package or None} for p in choice.general],
        "patterns": [{"name": p.name, "title": p.title, "about": p.about, "threads": p.threads,
                      "needs": [NEEDS[need] for need in p.needs]} for p in choice.patterns],
        "stacks": found,
        "bounds": bounds.check(found) if "instructions" in choice.measures else [],
    }
