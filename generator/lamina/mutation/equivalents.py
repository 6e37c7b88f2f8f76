"""Mutants that no test can tell from the original, each pattern with the reason why.

This table is for what the compiler can't prove by itself (see Bench.identical). An entry is a debt: whoever adds one
writes down why no test could ever see the difference. A weak test is no reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .operators import Mutant


@dataclass(frozen=True)
class Equivalent:
    """A mutant is equivalent when its kind, its function (without the stack's name), and the source line that it
    changes all match."""

    name: str
    kinds: str
    functions: str
    line: str
    reason: str
    about: str = ".*"
    text: str = ""  # what the file must hold besides

    def covers(self, mutant: Mutant, lines: list[str]) -> bool:
        return (re.fullmatch(self.kinds, mutant.kind) is not None
                and re.fullmatch(self.functions, mutant.function) is not None
                and re.search(self.line, lines[mutant.line - 1]) is not None
                and re.search(self.about, mutant.about) is not None
                and re.search(self.text, "\n".join(lines)) is not None)


TABLE: tuple[Equivalent, ...] = (
    Equivalent("default of an event", "wrong-report|literal", r"damaged_(free|live)",
               r"\.(stack|layer|what|address|offset|expected|found) =",
               "The inspection that follows fills in the whole event: these functions are called when, and only when, the "
               "condition failed that it repeats."),
    Equivalent("alignment of one granule", "boundary", r"alloc|refill", r"align <= \w+_MIN_ALIGN",
               "The cursor is always a multiple of the granularity, so the padding for that alignment is 0 whether it is "
               "computed or not.", about="<= becomes <"),
    Equivalent("alignment within a granule", "literal", r"refill|resize_in_place", r"MIN_ALIGN\) \? 1U : align|_refill\(self, extra, 1U\)",
               "Any alignment up to the granularity asks for the same: none beyond what the cursor has.",
               about=r"^1U becomes \(1U \+ 1U\)"),
    Equivalent("nothing to give back", "boundary", "decommit", r"committed > end|end < \w+_MAP_BYTES",
               "Where both are equal, 0 bytes are given back: no call is made, and the watermark is set to what it is.",
               about="> becomes >=|< becomes <="),
    Equivalent("fields cleared in another order", "swap-statements", "reset", r"self->slab\.head = ",
               "The free list's head and the map of what is in use are different memory, and nobody looks at them between the two.",
               about=r"memset \( self -> slab \. live"),
    Equivalent("counted before it is shown", "swap-statements", "walk", r"visit\(context",
               "The count is a local variable, which the visitor can't see; it is returned when all were visited."),
    Equivalent("index of the end", "boundary", "free_stray", r"_SLOT_SHIFT\) <|_index\(self, slot\) < \w+_COUNT|^\s+\w+_SLOT_COUNT\)",
               "The pointer lies in the span of the slots, so that no index equals their number: that would be the end of the "
               "span.", about="< becomes <="),
    Equivalent("limit and watermark move together", "boundary|initial-value", "commit", r"need > self->mmap\.committed|bool out = true",
               "A bump whose chunks are whole commit steps asks only when it needs more than is committed, so that the way past "
               "the commit isn't taken.", text=r"bump\.limit = self->bump\.base \+"),
    Equivalent("chunk within a page", "wrong-batch", "", r"#define \w+_CHUNK_BYTES ",
               "What a chunk adds is committed in whole steps and pages: a byte less vanishes in the rounding, also after every "
               "doubling that the capacity leaves room for.", about=r"- 1U"),
    Equivalent("both sides equal", "boundary", "refill", r"need - ready > chunk",
               "Where both are equal, `need` and `ready + chunk` are the same number.", about="> becomes >="),
    Equivalent("no byte over a step", "literal", "commit", r"COMMIT_STEP - 1U",
               "Needs are whole pages and steps are whole pages, so that no need is one byte over a step; only there would the "
               "sums differ.", about=r"^1U becomes \(1U \+ 1U\)"),
    Equivalent("disjoint bytes", "swap-statements", r"free|refill|alloc", r"lamina_(fill|store|zero)",
               "The two write different bytes of the slot: the pattern begins behind the link, and a link's checksum ends where "
               "its index begins.", about=r"swapped: lamina_(fill_word|store_\w+|zero) \(.* \| lamina_(fill_word|store_\w+) \("),
)


def equivalent(mutant: Mutant, text: str) -> Equivalent | None:
    lines = text.splitlines()
    return next((entry for entry in TABLE if entry.covers(mutant, lines)), None)
