"""How long a comparison may take, and what is left out when that is used up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Callable


@dataclass
class Pace:
    """The seconds that a comparison may take from now on, without limit where there are none. What has to be measured is
    measured all the same; the rest asks for room before each step."""

    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    #: How long a step took when it was last taken.
    last: dict[Any, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def taken(self) -> float:
        return self.clock() - self.began

    def step(self, key: Any, work: Callable[[], None]) -> bool:
        """Does the work where there is room for as much as it took the last time; answers whether it was done."""
        begin = self.taken
        if self.seconds is not None and begin + self.last.get(key, 0.0) >= self.seconds:
            return False
        work()
        self.last[key] = self.taken - begin
        return True


#: What was to be done so many times.
STEPS = {"time": "rounds of times", "latency": "latencies of patterns", "memory": "measurements of memory", "calls": "counts of system calls"}


def told(budget: dict[str, Any] | None) -> str:
    """What a result lacks because its time was used up, as a sentence; nothing where it lacks nothing."""
    if not budget or not budget["cut"]:
        return ""
    parts = [f"{cut['done']} of {cut['wanted']} {STEPS[cut['what']]}" for cut in budget["cut"]]
    return f"cut short: after {budget['taken_s']:.0f} s of the {budget['seconds']:g} that it may take, there were {', '.join(parts)}"
