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
    Equivalent("default of an event", "wrong-report|literal|arithmetic", r"damaged(_free|_live)?",
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
    Equivalent("fields cleared in another order", "swap-statements", "reset",
               r"self->slab\.head = |lamina_atomic_store_size_relaxed|self->watermark\.live = 0|watermark_crossed",
               "The free list's head and the map of what is in use (or the list of remote frees) are different memory, and nobody looks "
               "at them between the two: a free by another thread during reset is the caller's mistake.",
               about=r"memset \( self -> slab \. live|lamina_atomic_exchange|watermark_crossed"),
    Equivalent("counted before it is shown", "swap-statements", "walk", r"visit\(context",
               "The count is a local variable, which the visitor can't see; it is returned when all were visited."),
    Equivalent("told to a tool", "swap-statements|delete-statement|arithmetic|literal|product", ".*", r"lamina_annotate_\w+\(",
               "In the build that the tests run in the call is empty: it is for AddressSanitizer and Valgrind, in whose builds "
               "tests/integration/test_annotations.py holds each of these calls."),
    Equivalent("told to the compiler", "delete-statement", "alloc", r"LAMINA_ASSUME\(",
               "It says what holds anyway, so that the caller's test for NULL can be left out; the stack's budget of instructions "
               "holds it."),
    Equivalent("not ready and nothing to do", "delete-statement", "destroy", r"^\s*return;",
               "Behind it nothing happens but that tools are told, and `ready` becomes what it is.",
               text=r"_ready\) \{\s*return;\s*\}\s*lamina_annotate_end\([^;]*;\s*\w+_ready = false;"),
    Equivalent("peak reached again", "boundary", "alloc", r"> self->statistics\.peak",
               "Where both are equal, the peak is set to what it is.", about="> becomes >="),
    Equivalent("level looked at in vain", "boundary", "free", r"watermark\.live < self->watermark\.rearm",
               "At the level itself nothing is crossed: the slow path finds that and leaves everything as it is.",
               about="< becomes <="),
    Equivalent("where the ring begins", "literal", "init", r"self->quarantine\.next = 0",
               "All places of the ring are empty then: a quarantine that begins at another one holds back as many.",
               about="0 becomes 1U"),
    Equivalent("which way the ring runs", "arithmetic", "free", r"quarantine\.next \+ 1U\) % \w+_QUARANTINE_SLOTS",
               "The number of places is a power of two, so that the index runs through all of them downwards as well, and each is "
               "come back to after as many frees.", about=r"\+ becomes -"),
    Equivalent("highest byte of a pointer", "short-fill", "reset", r"memset\(self->quarantine\.held",
               "The byte left out is the highest of the last pointer, which is 0 in every address of an x86-64 program; the same "
               "fault in init is caught, as a new handle holds no zeros."),
    Equivalent("a byte that nobody uses", "wrong-number", "", r"#define \w+_BUFFER_BYTES",
               "The buffer is the source file's own; what lies behind the last slot or granule is never looked at.",
               about=r"\+ 1U"),
    Equivalent("limit below the watermark", "literal", "reset|release_unused", r"decommit\(self, \w+\) != 0U|released != 0U",
               "Only where the system refused does it matter: the limit is then below what is committed, and the next refill of a "
               "bump whose chunks don't grow finds everything committed.", about="0U becomes 1U",
               text=r"(?s)\A(?!.*bump\.chunk).*bump\.limit"),
    Equivalent("list of one", "wrong-end", "refill", r"lamina_store_ptr",
               "A refill is called when the free list is empty; one that cuts a single slot has no list to put it behind."),
    Equivalent("less than a page", "wrong-number|wrong-stride", "", r"#define \w+_(MAP|METADATA|GROUP)_BYTES",
               "Where the number is used for mapping and committing only: the system rounds lengths up to whole pages.",
               about=r"- 1U"),
    Equivalent("overwritten at once", "literal", "init", r"lamina_random_bytes\(self->slab\.key, 16U",
               "The byte that is drawn too many belongs to the third word, which lamina_siphash_start() sets.",
               about=r"16U becomes \(16U \+ 1U\)"),
    Equivalent("never one slot over a word", "literal", "reset|in_use", r"carved \+ 63U\) / 64U",
               "The numbers of words differ only where the number of cut slots is one more than a multiple of 64, or beyond 4,032; "
               "1,024 slots in batches of 32 never give that. The same faults in a stack of 4,096 with batches of 21 are caught.",
               about=r"63U becomes \(63U - 1U\)|64U becomes \(64U \+ 1U\)"),
    Equivalent("a list that is never all", "literal", "check|verify", r"size_t free_slots = 0;",
               "One more than are in use or held back can't be on the free list: from the first cut to the next reset at least one "
               "slot is out or in quarantine, so that a bound that is lower by one stops the same circles.",
               text=r"quarantine\.held"),
    Equivalent("a local variable and memory", "swap-statements", "alloc|free|destroy",
               r"lamina_store_u64|lamina_zero|= NULL;",
               "The two statements write different places and read nothing of each other: the result is a local variable, the map of "
               "what is in use is in the metadata, the two mappings are apart.",
               about=r"lamina_store_u64 .*\| (out = |lamina_zero)|guarded = NULL ; \| .*lamina_os_release \( self -> mmap"),
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
    Equivalent("disjoint bytes", "swap-statements", r"free|refill|alloc", r"lamina_(fill|store|zero)|quarantine\.next =",
               "The two write different bytes of the slot: the pattern begins behind the link, and a link's checksum ends where "
               "its index begins.", about=r"swapped: (lamina_(fill_word|store_\w+|zero) \(|self -> quarantine \. next = ).* \| lamina_(fill_word|store_\w+) \("),
)


def equivalent(mutant: Mutant, text: str) -> Equivalent | None:
    lines = text.splitlines()
    return next((entry for entry in TABLE if entry.covers(mutant, lines)), None)
