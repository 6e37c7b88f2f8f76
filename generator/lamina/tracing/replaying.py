"""A trace run through allocators: whether each serves it, and what that costs.

The programs are those of `lamina compare`, with another main file: runtime/recorder/replay.c.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Sequence

from .. import __version__
from ..cli import ENVIRONMENT, SPEC_WRONG, Failed
from ..comparing import intervals, machine, subjects
from ..comparing.allocators import Present
from ..comparing.progress import Tell
from ..comparing.subjects import Bench, Subject
from ..model import Stack
from ..toolchain import counted, run
from . import native
from .trace import Trace, name_of

FORMAT, VERSION = "lamina-replay", 1
SAMPLES = 200  # of the resident memory
ENOUGH = 20e6  # nanoseconds that the passes of one process take at least, where there is more than one
MOST_PASSES = 50
MALLOC_ALIGN = 16  # what malloc promises without being asked

#: What subject.h.j2 asks, where there is no stack.
BARE = {"header": "", "P": "", "T": "", "sized": 1, "payload": 0, "room": 65536, "align": 16, "frees": 1, "resets": 0, "marks": 0,
        "promised": 0, "resizable": False, "static": False, "buffer": "", "buffer_align": 16, "refuses": False,
        "stand_ins": []}

#: Seconds that a step takes, about: what the estimate of the time left is made of. Of a process, and of a call in it.
BUILD, START, CALL, COUNTED_START, COUNTED_CALL = 2.0, 0.02, 1e-7, 1.0, 4e-6


@dataclass
class Choice:
    """What the command line chose."""

    trace: Trace
    least: int
    most: int
    general: list[Present]
    rounds: int
    cc: list[str]
    cflags: list[str]
    floors: Path
    valgrind: str
    workers: int
    command: str


@dataclass
class Group:
    """What is measured against each other: a stack's forms and the general allocators, or the latter alone."""

    name: str
    stack: Stack | None
    members: list[Subject]
    loop: Subject
    frees: bool
    resets: bool
    promised: int  # alignment of every object; 0 where a request says

    @property
    def present(self) -> list[Subject]:
        return [s for s in self.members if s.present]

    @property
    def notes(self) -> list[str]:
        """How the stack serves what it has no function for."""
        if self.stack is None:
            return []
        out = []
        if self.promised and self.promised < MALLOC_ALIGN:
            out.append(f"the stack's objects are aligned to {self.promised} bytes, malloc's to {MALLOC_ALIGN}")
        if not self.frees:
            out.append("the stack has no free: the trace's frees are left out for its forms, and what they would free stays in use")
        return out


def main_file() -> Path:
    return native.sources() / "replay.c"


def _general_only(root: Path, choice: Choice) -> Group:
    """malloc and the loop, without a stack."""
    from ..render import environment

    env = environment()
    folders = {}
    for name, kind in (("malloc", "general"), ("loop", "loop")):
        folders[name] = folder = root / name
        folder.mkdir(parents=True)
        text = env.get_template("tools/compare/subject.h.j2").render(BARE, name=name, kind=kind, general=int(kind == "general"))
        (folder / "subject.h").write_text(text, encoding="utf-8")
        run([*choice.cc, *choice.cflags, *(subjects.NO_BUILTIN if kind == "general" else []), "-I.", f"-I{subjects.tools()}", "-o",
             "driver", str(main_file()), "-ldl"], folder, f"{name}: does not compile")
    members = [Subject(p.general.name, "general", p.general.title, folders["malloc"], p.environment, p.why, p.library)
               for p in choice.general]
    for member in members:
        if member.present:
            subjects.verify(member)
    return Group("the general allocators", None, members, Subject("loop", "loop", "the loop", folders["loop"]), True, False, 0)


def prepare(stack: Stack, spec: str, root: Path, choice: Choice) -> Group:
    """The programs of one stack, compiled."""
    bench: Bench = subjects.prepare(stack, spec, root / stack.name, [*choice.cc, *choice.cflags], choice.floors, choice.general, [],
                                    driver=main_file(), workers=choice.workers)
    return Group(stack.name, stack, bench.subjects, bench.loop, "frees" in bench.abilities, "resets" in bench.abilities,
                 0 if bench.view.sized else bench.view.align)


def served(group: Group, ops: Path, path: str) -> str:
    """Nothing, or the first call that a member can't serve. The forms of a stack serve the same."""
    for subject in group.present:
        found = subject.run(["check", str(ops)]).split(maxsplit=2)
        if found[0] != "served":
            whose = f'"{group.name}", {subject.name},' if group.stack else subject.name
            return f"{path}: {whose} can't serve this trace: call {int(found[1]):,} {found[2].strip()}"
    return ""


# ---------------------------------------------------------------------------------------------------------------------

def _count(subject: Subject, ops: Path, valgrind: str, folder: Path) -> int:
    """Instructions of one replay, exact."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / "counted"
    subject.run(["count", str(ops)], [valgrind, "--tool=callgrind", f"--callgrind-out-file={out}", "--combine-dumps=yes",
                                      "--zero-before=compare_begin", "--dump-before=compare_end", "--quiet"], timeout=3600)
    return counted(out, "compare_end", subject.name, 1)[0]["Ir"]


def _time(subject: Subject, ops: Path, passes: int) -> float:
    """Nanoseconds of one replay in a fresh process: the median of its passes."""
    found = [int(n) for n in re.findall(r"^pass (\d+)$", subject.run(["time", str(ops), str(passes)], timeout=3600), re.M)]
    if len(found) != passes:
        raise Failed(ENVIRONMENT, f"{subject.name}: {len(found)} of {passes} passes came")
    return float(median(found))


def _passes(group: Group, ops: Path) -> int:
    """How many passes a process makes: the same for all, and one where the stack can't be emptied."""
    if not (group.frees or group.resets):
        return 1
    once = min(_time(subject, ops, 1) for subject in group.present)
    return int(min(MOST_PASSES, max(1, ENOUGH // max(once, 1.0))))


def _memory(subject: Subject, ops: Path) -> dict[str, Any]:
    """Resident bytes over the replay; the most; what is beyond the bytes asked for where the most of those are in use."""
    out = subject.run(["memory", str(ops), str(SAMPLES)], timeout=3600)
    rows = [(which, *map(int, words)) for which, *words in re.findall(r"^resident (\w+) (\d+) (\d+) (\d+) (\d+)$", out, re.M)]
    peak = next((row for row in rows if row[0] == "peak"), None)
    if peak is None:
        raise Failed(ENVIRONMENT, f"{subject.name}: no memory was told")
    _, call, resident, used, blocks = peak
    return {"peak_bytes": max(row[2] for row in rows), "at_peak": {"call": call, "resident": resident, "in_use": used, "blocks": blocks},
            "overhead_bytes": resident - used, "overhead_per_block": round((resident - used) / blocks, 2) if blocks else None,
            "over_time": [[row[1], row[2], row[3]] for row in rows]}


def measure(group: Group, ops: Path, header: dict[str, Any], choice: Choice, root: Path, tell: Tell) -> dict[str, Any]:
    """All numbers of one group; per call means per entry of the replay: an allocation, a free, a resize."""
    calls = calls_of(header)
    instructions = {}
    for subject in [*group.present, group.loop]:
        tell(f"{group.name}: counting {subject.name}", 0)
        instructions[subject.name] = _count(subject, ops, choice.valgrind, root / group.name / f"counted-{subject.name}")
        tell(f"{group.name}: counted {subject.name}", _counting(calls))
    passes = _passes(group, ops)
    times: dict[str, list[float]] = {}
    chance = random.Random(1)
    for round_ in range(choice.rounds):
        for subject in chance.sample(group.present, len(group.present)):
            times.setdefault(subject.name, []).append(_time(subject, ops, passes))
            tell(f"{group.name}: timing, round {round_ + 1} of {choice.rounds}", _timing(calls))
    results = []
    first = group.present[0].name
    for subject in group.present:
        tell(f"{group.name}: memory of {subject.name}", _timing(calls))
        low, high = intervals.quartiles(times[subject.name])
        ratio = intervals.ratio(times[first], times[subject.name]) if subject.name != first else None
        results.append({
            "subject": subject.name, "kind": subject.kind,
            "instructions": {"per_call": round(instructions[subject.name] / calls, 3),
                             "own": round((instructions[subject.name] - instructions["loop"]) / calls, 3)},
            "time": {"median_ns": round(median(times[subject.name]) / calls, 3), "quartile_low_ns": round(low / calls, 3),
                     "quartile_high_ns": round(high / calls, 3), "rounds": choice.rounds, "passes": passes},
            "ratio": {"of": first, "median": round(ratio.middle, 4), "low": round(ratio.low, 4), "high": round(ratio.high, 4),
                      "decided": ratio.decided} if ratio else None,
            "memory": _memory(subject, ops),
        })
    return {"name": group.name, "stack": group.stack is not None, "calls": calls, "notes": group.notes,
            "loop_instructions": round(instructions["loop"] / calls, 3), "results": results,
            "absent": [{"subject": s.name, "why": s.why} for s in group.members if not s.present]}


def calls_of(header: dict[str, Any]) -> int:
    """What the numbers per call are per call of."""
    return int(header["allocs"] + header["frees"] + header["resizes"])


def _timing(calls: int) -> float:
    """Seconds of a process that is timed, about: short traces are run several times, for a while in all."""
    return START + max(ENOUGH / 1e9, CALL * calls)


def _counting(calls: int) -> float:
    return COUNTED_START + COUNTED_CALL * calls


def seconds(choice: Choice, stacks: int, header: dict[str, Any]) -> float:
    """What a replay takes, about: the sum of what `tell` is told."""
    calls, general = calls_of(header), sum(not p.why for p in choice.general)
    programs = general + 3 if stacks else general
    return max(stacks, 1) * (BUILD + (programs + 1) * _counting(calls) + programs * (choice.rounds + 1) * _timing(calls))


def select(choice: Choice, root: Path) -> tuple[Path, dict[str, Any]]:
    """The calls that are to be replayed, as a file, and what they are."""
    trace, ops = choice.trace, root / "ops"
    header = trace.ask("ops", str(choice.least), str(choice.most), str(ops))
    if not header["allocs"]:
        raise Failed(SPEC_WRONG, f"{trace.path}: no block of it has a size of {choice.least} to {choice.most}")
    return ops, header


def replay(stacks: Sequence[tuple[Stack, str]], choice: Choice, root: Path, ops: Path, header: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """The whole document. Whoever can't serve the trace ends it before anything is measured."""
    trace = choice.trace
    groups = []
    for stack, spec in stacks:
        tell(f"{stack.name}: compiling", 0)
        groups.append(prepare(stack, spec, root, choice))
        tell(f"{stack.name}: compiled", BUILD)
    if not stacks:
        tell("compiling", 0)
        groups.append(_general_only(root / "general", choice))
        tell("compiled", BUILD)
    if not any(group.present for group in groups):
        raise Failed(ENVIRONMENT, "there is no allocator to replay on")
    refused = [why for why in (served(group, ops, trace.path) for group in groups) if why]
    if refused:
        raise Failed(SPEC_WRONG, "\n".join([refused[0], *(f"lamina: {why}" for why in refused[1:])]))
    return {
        "format": FORMAT, "version": VERSION, "lamina": __version__, "command": choice.command,
        "machine": machine.facts(choice.cc, choice.cflags, {"valgrind": choice.valgrind}),
        "trace": {"path": trace.path, "program": name_of(trace.process), "process": trace.process["number"], "notes": trace.notes,
                  "sizes": [choice.least, choice.most], **header},
        "threads": "the calls are made in the order of the trace, on one thread",
        "confidence": intervals.CONFIDENCE,
        "groups": [measure(group, ops, header, choice, root, tell) for group in groups],
    }
