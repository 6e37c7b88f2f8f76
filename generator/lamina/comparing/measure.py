"""The measurements: each runs the compiled programs and answers numbers, or ends with a message."""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Callable, Sequence

from ..cli import ENVIRONMENT, Failed
from ..toolchain import counted
from .subjects import Subject

#: The simulated caches, the same on every machine: size, ways and line in bytes.
CACHES = {"I1": (32768, 8, 64), "D1": (32768, 8, 64), "LL": (8388608, 16, 64)}
#: Objects that a count, a pass of a time, and a latency run allocate at least.
COUNTED, TIMED, TIMED_CALLS = 4096, 60000, 40000
PASSES = 5
#: What a pass of a time allocates, and the passes, where it has to be quick: a run takes a quarter as long.
QUICK_TIMED, QUICK_PASSES = 20000, 3


@dataclass(frozen=True)
class Job:
    """A pattern at the size that a stack can serve."""

    pattern: str
    live: int
    threads: int = 1


@dataclass
class Counted:
    """Per object: instructions, and misses of the simulated caches, where those were simulated."""

    instructions: float
    d1: float | None = None
    ll: float | None = None


def count(subject: Subject, jobs: Sequence[Job], valgrind: str, folder: Path, simulate: bool = True) -> dict[tuple[str, bool], Counted]:
    """Counts all patterns of one subject, by pattern and whether it touches. The longer run minus the
    shorter leaves out what doesn't grow with the run; misses are those of the longer run, by then the simulated caches
    are warm."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("counted.*"):
        old.unlink()
    caches = ["--cache-sim=yes", *(f"--{name}={','.join(map(str, shape))}" for name, shape in CACHES.items())] if simulate else []
    arguments = ["count"]
    for job in jobs:
        arguments += [job.pattern, str(job.live), str(COUNTED)]
    out = subject.run(arguments, [valgrind, "--tool=callgrind", f"--callgrind-out-file={folder}/counted.%p", "--combine-dumps=yes",
                                  *caches, "--zero-before=compare_begin", "--dump-before=compare_end",
                                  "--quiet"], timeout=600)
    result: dict[tuple[str, bool], Counted] = {}
    for pattern, variant, pid, objects in re.findall(r"^counted (\w+) (\w+) (\d+) (\d+)$", out, re.M):
        few, many = counted(folder / f"counted.{pid}", "compare_end", f"{subject.name}: {pattern}", 2)
        more, twice = int(objects), 2 * int(objects)
        misses = ((many["D1mr"] + many["D1mw"]) / twice, (many["DLmr"] + many["DLmw"]) / twice) if simulate else ()
        result[pattern, variant == "touched"] = Counted((many["Ir"] - few["Ir"]) / more, *misses)
    if len(result) != 2 * len(jobs):
        raise Failed(ENVIRONMENT, f"{subject.name}: {len(result)} of {2 * len(jobs)} counts came from under {valgrind}")
    return result


def count_all(tasks: Sequence[tuple[Subject, Sequence[Job], Path]], valgrind: str, workers: int, simulate: bool = True,
              done: Callable[[int], None] = lambda task: None) -> list[dict[tuple[str, bool], Counted]]:
    """Counts subjects side by side, each in its folder: what other programs do changes no count."""
    def one(number: int) -> dict[tuple[str, bool], Counted]:
        subject, jobs, folder = tasks[number]
        found = count(subject, jobs, valgrind, folder, simulate)
        done(number)
        return found

    # The general allocators take the longest; begun last, one of them would be waited for alone.
    order = sorted(range(len(tasks)), key=lambda number: tasks[number][0].kind != "general")
    with ThreadPoolExecutor(workers) as pool:
        found = dict(zip(order, pool.map(one, order)))
    return [found[number] for number in range(len(tasks))]


def time_once(subject: Subject, job: Job, touch: bool, allocated: int = TIMED, passes: int = PASSES) -> float:
    """Nanoseconds per object in a fresh process: the median of its passes. With one thread it is the processor's time,
    which other programs don't lengthen; with two, the clock's."""
    out = subject.run(["time", job.pattern, "touched" if touch else "bare", str(job.live), str(allocated), str(passes)])
    found = [tuple(map(int, words)) for words in re.findall(r"^pass (\d+) (\d+) (\d+)$", out, re.M)]
    if len(found) != passes:
        raise Failed(ENVIRONMENT, f"{subject.name}: {job.pattern}: {len(found)} of {passes} passes came")
    return median((cpu if job.threads == 1 else wall) / objects for cpu, wall, objects in found)


@dataclass
class Latency:
    """Histograms of a call's duration in nanoseconds, over all repetitions."""

    calls: Counter[float] = field(default_factory=Counter)
    clock: Counter[float] = field(default_factory=Counter)
    most: float = 0.0

    def add(self, text: str) -> None:
        for which, value, number in re.findall(r"^(clock|alloc|free) ([\d.]+) (\d+)$", text, re.M):
            (self.clock if which == "clock" else self.calls)[float(value)] += int(number)
        self.most = max([self.most, *(float(v) for v in re.findall(r"^(?:alloc|free)_most ([\d.]+)$", text, re.M))])

    @property
    def overhead(self) -> float:
        """What reading the clock twice takes by itself: the median."""
        return quantile(self.clock, 0.5)

    def at(self, share: float) -> float:
        """The latency that this share of the calls doesn't exceed, the clock's own taken off."""
        return max(0.0, quantile(self.calls, share) - self.overhead)

    @property
    def max(self) -> float:
        return max(0.0, self.most - self.overhead)


def quantile(histogram: Counter[float], share: float) -> float:
    """The smallest value that at least this share of the samples doesn't exceed."""
    left = share * sum(histogram.values())
    value = 0.0
    for value in sorted(histogram):
        left -= histogram[value]
        if left <= 1e-9:
            break
    return value


def latency_once(subject: Subject, job: Job, into: Latency) -> None:
    into.add(subject.run(["latency", job.pattern, str(job.live), str(TIMED_CALLS)]))


@dataclass
class Memory:
    """Bytes that became resident, the objects that lived then and the bytes that were asked for them; 0 objects where
    the pattern has no moment at which a known number lives."""

    peak: int
    live: int
    requested: int

    @property
    def overhead(self) -> float | None:
        """Bytes per live object beyond those asked for."""
        return (self.peak - self.requested) / self.live if self.live else None


def memory_once(subject: Subject, job: Job) -> Memory:
    found = re.search(r"^memory (\d+) (\d+) (\d+)$", subject.run(["memory", job.pattern, str(job.live)]), re.M)
    if found is None:
        raise Failed(ENVIRONMENT, f"{subject.name}: {job.pattern}: no memory was told")
    return Memory(*map(int, found.groups()))


def calls_once(subject: Subject, job: Job, strace: str, folder: Path) -> Counter[str]:
    """System calls from init to the end of the pattern, by name; without those by which two threads wait for each
    other, which are the pattern's."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"calls-{subject.name}-{job.pattern}"
    subject.run(["calls", job.pattern, str(job.live), str(COUNTED)],
                [strace, "-f", "-qq", "-o", str(log), "-e", "signal=none"], timeout=600)
    out: Counter[str] = Counter()
    inside = False
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        call = re.match(r"^\d+\s+(\w+)\(", line)
        if '"compare: begin"' in line:
            inside = True
        elif '"compare: end"' in line:
            break
        elif inside and call and not (job.threads > 1 and call.group(1) in WAITS):
            out[call.group(1)] += 1
    else:
        raise Failed(ENVIRONMENT, f"{subject.name}: {job.pattern}: strace shows no end")
    log.unlink()
    return out


WAITS = {"futex", "sched_yield"}
