"""The bar of a replay: what it is told in all is what was estimated, whatever is replayed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from lamina.comparing.allocators import ALLOCATORS, Present
from lamina.comparing.subjects import Subject
from lamina.tracing import replaying

HEADER = {"allocs": 1_000_000, "frees": 900_000, "resizes": 100_000}
MEMORY = {"peak_bytes": 1, "at_peak": {"call": 1, "resident": 1, "in_use": 1, "blocks": 1}, "overhead_bytes": 0, "overhead_per_block": 0.0,
          "over_time": []}


def subject(name):
    return Subject(name, "general", name, Path("."))


@pytest.fixture
def choice():
    general = [Present(ALLOCATORS[0]), Present(ALLOCATORS[1], why="it is not here")]
    trace = SimpleNamespace(path="t", process={"number": 0, "command": ["a"], "program": "a"}, notes=[])
    return replaying.Choice(trace, 0, 2 ** 64 - 1, general, 9, ["gcc"], [], Path("."), "valgrind", 1, "lamina replay t")


@pytest.mark.parametrize("stacks", [0, 1, 3])
def test_what_is_told_is_what_was_estimated(monkeypatch, choice, stacks):
    names = ["flat", "generic", "floor", "malloc"] if stacks else ["malloc"]
    stack = SimpleNamespace(name="s") if stacks else None
    group = replaying.Group("s", stack, [subject(name) for name in names], subject("loop"), True, False, 0)
    monkeypatch.setattr(replaying, "prepare", lambda *_: group)
    monkeypatch.setattr(replaying, "_general_only", lambda *_: group)
    monkeypatch.setattr(replaying, "served", lambda *_: "")
    monkeypatch.setattr(replaying, "_count", lambda *_: 1000)
    monkeypatch.setattr(replaying, "_time", lambda *_: 100.0)
    monkeypatch.setattr(replaying, "_memory", lambda *_: MEMORY)
    monkeypatch.setattr(replaying.machine, "facts", lambda *_: {})
    steps = []
    replaying.replay([(stack, "spec")] * stacks, choice, Path("."), Path("ops"), HEADER, lambda what, done: steps.append((what, done)))
    assert sum(done for _, done in steps) == pytest.approx(replaying.seconds(choice, stacks, HEADER))
    assert any("timing, round 9 of 9" in what for what, _ in steps)


def test_a_longer_trace_takes_longer(choice):
    long = {**HEADER, "allocs": 100_000_000}
    assert replaying.seconds(choice, 1, long) > 10 * replaying.seconds(choice, 1, HEADER)
