"""What repeated times say: medians, and ratios with an interval that assumes nothing of how times are distributed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Sequence

CONFIDENCE = 0.95
#: The fewest samples that an interval of this confidence can be given for.
LEAST = 6


@dataclass(frozen=True)
class Interval:
    """A median, and bounds that hold the true one with at least the confidence asked for. Too few samples bound
    nothing: low is 0, high infinite."""

    middle: float
    low: float
    high: float

    @property
    def decided(self) -> bool:
        """Whether 1 lies outside: only then is a ratio a difference."""
        return self.low > 1.0 or self.high < 1.0


def rank(n: int, confidence: float = CONFIDENCE) -> int:
    """The largest k for which the k-th smallest and k-th largest of n samples hold the true median between them with at
    least this confidence, 0 where none does. The number of samples below the median is binomial."""
    tail, k = 0.0, 0
    for i in range((n + 1) // 2):
        tail += math.comb(n, i) / 2.0 ** n
        if 1.0 - 2.0 * tail < confidence:
            break
        k = i + 1
    return k


def interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The median of samples, with its interval."""
    ordered = sorted(samples)
    k = rank(len(ordered), confidence)
    if k == 0:
        return Interval(median(ordered), 0.0, math.inf)
    return Interval(median(ordered), ordered[k - 1], ordered[-k])


def ratio(of: Sequence[float], to: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """How many times `of` is `to`, from pairs that were measured one after the other: what disturbs a whole round is in
    both and falls out."""
    return interval([a / b for a, b in zip(of, to)], confidence)


def quartiles(samples: Sequence[float]) -> tuple[float, float]:
    """The first and third quartile: the spread."""
    ordered = sorted(samples)

    def at(share: float) -> float:
        place = share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (ordered[above] - ordered[below]) * (place - below)

    return at(0.25), at(0.75)
