"""The patterns: one entry each, and one file of C in templates/tools/compare/patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import click

from ..diagnostics import closest

#: What a stack must be able to do, and what is said of one that can't. Of several words one is enough.
NEEDS = {
    "frees": "it frees no single object",
    "marks": "it frees no single object and has no marks",
    "resets": "it has no reset",
    "remote": "no other thread may free what one allocated",
}


@dataclass(frozen=True)
class Pattern:
    """A way of allocating and freeing. `live` objects are wanted at once; a stack serves at most its capacity, divided by
    `share` where some are allocated before."""

    name: str
    title: str
    about: str
    needs: tuple[str, ...]
    file: str
    live: int
    prepare: str = ""
    order: str = "same"
    share: int = 1
    power: bool = False  # `live` is a power of two
    threads: int = 1

    def reason(self, abilities: set[str]) -> str:
        """Why a stack of these abilities can't serve it; empty where it can."""
        return "" if abilities & set(self.needs) else NEEDS[self.needs[-1]]

    def objects(self, capacity: int) -> int:
        """How many objects live at once on a stack of this capacity."""
        live = min(self.live, capacity // self.share)
        return 1 << (live.bit_length() - 1) if self.power and live else live


#: Adding a pattern is adding its entry here and its file there.
PATTERNS = (
    Pattern("lifo", "last in, first out", "one object is allocated and freed at once, over and over", ("frees", "marks"),
            "lifo", 1),
    Pattern("in_order", "batch, in order", "a batch is allocated, then freed in the order of allocation", ("frees",),
            "batch", 10000),
    Pattern("reversed", "batch, reversed", "a batch is allocated, then freed from the last to the first", ("frees",),
            "batch", 10000, order="reversed"),
    Pattern("shuffled", "batch, shuffled", "a batch is allocated, then freed in random order", ("frees",),
            "batch", 10000, order="shuffled"),
    Pattern("working_set", "working set", "random sizes and lifetimes: at a random place an object is freed, or allocated "
            "where there is none", ("frees",), "working_set", 1000),
    Pattern("burst", "bursts with reset", "a batch is allocated and ends at once, by reset; who has none frees one by one",
            ("resets",), "burst", 10000),
    Pattern("churn_clean", "churn, clean heap", "at a random place an object is freed and another allocated, on a heap that "
            "was filled in order", ("frees",), "churn", 5000, prepare="churn_clean", share=2),
    Pattern("churn_fragmented", "churn, fragmented heap", "the same, where twice as many were allocated before and every "
            "other one, at random, was freed", ("frees",), "churn", 5000, prepare="churn_fragmented", share=2),
    Pattern("handover", "producer and consumer", "one thread allocates, another one frees", ("remote",), "handover", 256,
            share=2, power=True, threads=2),
)


def find(wanted: Sequence[str]) -> list[Pattern]:
    """The patterns of these names, also several with commas between; all where none is named."""
    names = [pattern.name for pattern in PATTERNS]
    asked = [word.strip() for words in wanted for word in words.split(",") if word.strip()]
    if wanted and not asked:
        raise click.UsageError(f"--patterns {wanted[-1]}: it names no pattern: it has {', '.join(names)}")
    for word in asked:
        if word not in names:
            meant = closest(word, names)
            raise click.UsageError(f"--patterns {word}: there is no such pattern: " +
                                   (f"did you mean '{meant}'?" if meant else f"it has {', '.join(names)}"))
    return [pattern for pattern in PATTERNS if not asked or pattern.name in asked]
