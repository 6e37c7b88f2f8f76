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

    def covers(self, mutant: Mutant, lines: list[str]) -> bool:
        return (re.fullmatch(self.kinds, mutant.kind) is not None
                and re.fullmatch(self.functions, mutant.function) is not None
                and re.search(self.line, lines[mutant.line - 1]) is not None
                and re.search(self.about, mutant.about) is not None)


TABLE: tuple[Equivalent, ...] = ()


def equivalent(mutant: Mutant, text: str) -> Equivalent | None:
    lines = text.splitlines()
    return next((entry for entry in TABLE if entry.covers(mutant, lines)), None)
