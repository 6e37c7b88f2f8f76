"""One comparison from the specs to the document that everything else is made of; docs/compare-json.md tells its shape."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Sequence

from .. import __version__
from ..cli import SPEC_WRONG, Failed
from ..model import Stack
from . import bounds, document, intervals, machine, measure, subjects
from .allocators import Present
from .document import Measured
from .measure import Job
from .pace import Pace
from .patterns import NEEDS, Pattern
from .progress import Tell
from .subjects import Bench

FORMAT, VERSION = "lamina-compare", 1
MEASURES = ("instructions", "time", "latency", "memory", "calls")


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
    budget: float | None = None  # seconds that all of it may take

    @property
    def simulate(self) -> bool:
        """Whether caches are simulated: without, counting takes half the time."""
        return not self.quick

    @property
    def count_cost(self) -> float:
        """Seconds that counting a subject takes, about, where all processors count."""
        return COUNT * (1.0 if self.simulate else QUICK_COUNT) / self.workers

    @property
    def touches(self) -> tuple[bool, ...]:
        """The variants that are timed."""
        return (True, False) if self.bare_times else (True,)

    @property
    def allocated(self) -> int:
        """Objects that a pass of a time allocates, about."""
        return measure.QUICK_TIMED if self.quick else measure.TIMED

    @property
    def passes(self) -> int:
        return measure.QUICK_PASSES if self.quick else measure.PASSES


#: Seconds that a step takes of one processor, about: what the estimate of the time left is made of.
BUILD, COUNT, TIME, LATENCY, MEMORY, CALLS = 0.7, 1.5, 0.04, 0.04, 0.005, 0.012
#: The parts of these that a quick run's take.
QUICK_TIME, QUICK_COUNT = 0.3, 0.5


@dataclass
class Session:
    """The benches and what was measured on them."""

    choice: Choice
    root: Path
    tell: Tell
    pace: Pace
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    #: Steps that were taken, and those wanted, of each measure that the pace may cut.
    taken: dict[str, list[int]] = field(default_factory=dict)

    def prepare(self, stack: Stack, spec: str) -> Bench:
        c = self.choice
        return subjects.prepare(stack, spec, self.root / stack.name, [*c.cc, *c.cflags], c.floors, c.general, c.patterns,
                                workers=c.workers)

    def measure(self, all_: Sequence[Measured]) -> None:
        """Counts come first, of all stacks: they are what the bounds are made of. The rest is taken as far as the pace
        allows, each thing of all stacks before the next one, and so many rounds that there are intervals before what
        is merely good to know."""
        wanted = self.choice.measures
        if "instructions" in wanted:
            self._count(all_)
        for what, measure_ in (("memory", self._memory), ("calls", self._calls)):
            if what in wanted:
                self._each(what, all_, measure_)
        rounds = self.choice.repetitions if "time" in wanted else 0
        whole = self._rounds(all_, range(min(rounds, intervals.LEAST)))
        for _ in range(self.choice.latencies if "latency" in wanted else 0):
            self._each("latency", all_, self._latency)
        if whole:
            self._rounds(all_, range(min(rounds, intervals.LEAST), rounds))

    def _step(self, what: str, key: tuple[Any, ...], cost: float, said: str, work: Callable[[], None]) -> bool:
        """One step that the pace may leave out; answers whether it was taken."""
        steps = self.taken.setdefault(what, [0, 0])
        taken = self.pace.step((what, *key), work)
        steps[0] += taken
        steps[1] += 1
        self.tell(said, cost)
        return taken

    def _each(self, what: str, all_: Sequence[Measured], one: Callable[[Measured, Job], None]) -> None:
        cost = {"memory": MEMORY, "calls": CALLS, "latency": LATENCY}[what]
        said = {"memory": "memory", "calls": "system calls", "latency": "latencies"}[what]
        for m in all_:
            for job in m.jobs.values():
                self._step(what, (m.name, job.pattern), cost * len(m.present), f"{m.name}: {said} of {job.pattern}",
                           lambda m=m, job=job: one(m, job))  # type: ignore[misc]

    def _count(self, all_: Sequence[Measured]) -> None:
        served = [m for m in all_ if m.jobs]
        owners = [(m, subject) for m in served for subject in (*m.present, m.bench.loop)]
        counted = measure.count_all(
            [(subject, list(m.jobs.values()), self.root / m.name / f"counted-{subject.name}") for m, subject in owners],
            self.choice.tools["valgrind"], self.choice.workers, self.choice.simulate,
            lambda number: self.tell(f"{owners[number][0].name}: counting", self.choice.count_cost))
        for (m, subject), found in zip(owners, counted):
            m.counted[subject.name] = found

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

    def _rounds(self, all_: Sequence[Measured], rounds: range) -> bool:
        """Samples of times. In every round each pattern is timed with all subjects one after the other, in an order that
        chance gives. Of a round that is cut short some patterns are left out, and it is the last one."""
        c = self.choice
        cost = TIME * (QUICK_TIME if c.quick else 1.0)
        whole = True
        for round_ in rounds:
            for m in all_:
                for job in m.jobs.values():
                    for touch in c.touches:
                        whole &= self._step("time", (m.name, job.pattern, touch), cost * len(m.present),
                                            f"{m.name}: timing {job.pattern}, round {round_ + 1}",
                                            lambda m=m, job=job, touch=touch: self._time(m, job, touch))  # type: ignore[misc]
            if not whole:
                break
        return whole

    def _time(self, m: Measured, job: Job, touch: bool) -> None:
        for subject in self.chance.sample(m.present, len(m.present)):
            m.times.setdefault((subject.name, job.pattern, touch), []).append(
                measure.time_once(subject, job, touch, self.choice.allocated, self.choice.passes))

    def _latency(self, m: Measured, job: Job) -> None:
        for subject in self.chance.sample(m.present, len(m.present)):
            measure.latency_once(subject, job, m.latencies.setdefault((subject.name, job.pattern), measure.Latency()))

    def _memory(self, m: Measured, job: Job) -> None:
        for subject in m.present:
            m.memories[subject.name, job.pattern] = measure.memory_once(subject, job)

    def _calls(self, m: Measured, job: Job) -> None:
        """System calls beyond those of the pattern's own loop."""
        folder, strace = self.root / m.name, self.choice.tools["strace"]
        loop = measure.calls_once(m.bench.loop, job, strace, folder)
        for subject in m.present:
            more = measure.calls_once(subject, job, strace, folder) - loop
            m.calls[subject.name, job.pattern] = dict(sorted(more.items()))

    def rounds(self, all_: Sequence[Measured]) -> int:
        """Rounds that every pattern took part in."""
        if "time" not in self.taken:
            return self.choice.repetitions
        wanted = [(m, job.pattern, touch) for m in all_ for job in m.jobs.values() for touch in self.choice.touches]
        return min((len(m.times.get((m.present[0].name, pattern, touch), ())) for m, pattern, touch in wanted),
                   default=self.choice.repetitions)

    def spent(self, all_: Sequence[Measured]) -> dict[str, Any] | None:
        """The seconds that it might take and took, and what was cut because of them; nothing where it might take any."""
        if self.pace.seconds is None:
            return None
        steps = dict(self.taken)
        if "time" in steps:
            steps["time"] = [self.rounds(all_), self.choice.repetitions]
        return {"seconds": self.pace.seconds, "taken_s": round(self.pace.taken, 1),
                "cut": [{"what": what, "done": done, "wanted": wanted} for what, (done, wanted) in steps.items() if done < wanted]}


def seconds(choice: Choice, stacks: int) -> float:
    """What all stacks take, about: the sum of what `tell` is told, and no more than the budget beyond what must be."""
    programs, jobs = 4 + len(choice.general), len(choice.patterns)
    must = BUILD * 5 + choice.count_cost * (programs + 1) * ("instructions" in choice.measures)
    rest = jobs * programs * (
        TIME * (QUICK_TIME if choice.quick else 1.0) * choice.repetitions * (1 + choice.bare_times) * ("time" in choice.measures) +
        LATENCY * choice.latencies * ("latency" in choice.measures) + MEMORY * ("memory" in choice.measures) +
        CALLS * ("calls" in choice.measures))
    whole = stacks * (must + rest)
    return whole if choice.budget is None else min(whole, max(stacks * must, choice.budget))


def run(stacks: Sequence[tuple[Stack, str]], choice: Choice, root: Path, tell: Tell, pace: Pace | None = None) -> dict[str, Any]:
    """Measures all stacks. Where no pace is given, the choice's budget begins now."""
    session = Session(choice, root, tell, pace or Pace(choice.budget))
    all_ = []
    for stack, spec in stacks:
        tell(f"{stack.name}: compiling", 0)
        bench = session.prepare(stack, spec)
        all_.append(Measured(bench, *session._jobs(bench)))  # what can't be served is told before anything is measured
        tell(f"{stack.name}: compiled", BUILD * 5)
    session.measure(all_)
    found = [document.part(m) for m in all_]
    return {
        "format": FORMAT, "version": VERSION, "lamina": __version__, "command": choice.command, "quick": choice.quick,
        "budget": session.spent(all_),
        "machine": machine.facts(choice.cc, choice.cflags, choice.tools),
        "method": {
            "measures": list(choice.measures), "repetitions": session.rounds(all_), "passes": choice.passes,
            "confidence": intervals.CONFIDENCE, "objects_counted": measure.COUNTED, "objects_timed": choice.allocated,
            "calls_timed": choice.latencies * measure.TIMED_CALLS, "latency_error": 1 / 32,
            "caches": {name: {"bytes": shape[0], "ways": shape[1], "line": shape[2]} for name, shape in measure.CACHES.items()}
            if choice.simulate else {},
        },
        "allocators": [{"name": p.general.name, "title": p.general.title, "present": not p.why, "why": p.why or None,
                        "version": p.version or None, "package": p.general.package or None} for p in choice.general],
        "patterns": [{"name": p.name, "title": p.title, "about": p.about, "threads": p.threads,
                      "needs": [NEEDS[need] for need in p.needs]} for p in choice.patterns],
        "stacks": found,
        "bounds": bounds.check(found) if "instructions" in choice.measures else [],
    }
