"""Numbers to words: which of two is faster, and whether a stack is worth it. What is not decided is not ranked."""

from __future__ import annotations

from statistics import median
from typing import Any

#: Differences that are decided but smaller than this are told as "as fast": nobody should change a program for them.
SMALL = 0.02


def of_ratio(time: dict[str, Any] | None, to: str) -> str:
    """What the time of flat, as a ratio to another's, says."""
    if time is None:
        return "not measured"
    low, high = time["low"], time["high"]
    if low is None or high is None or low <= 1.0 <= high:
        return "no difference measured"
    factor = time["median"]
    if abs(factor - 1.0) < SMALL:
        return "no difference worth a word"
    return f"{1.0 / factor:.1f} times as fast as {to}" if factor < 1.0 else f"{factor:.1f} times as slow as {to}"


def _standing(ratio: dict[str, Any]) -> str:
    words = ratio["verdict"]
    return "faster" if "as fast" in words else "slower" if "as slow" in words else "same" if "no difference" in words else ""


def of_stack(patterns: list[dict[str, Any]], general: str) -> str:
    """Flat against one general allocator over all patterns, in the variant that touches: what to do."""
    found: dict[str, list[str]] = {"faster": [], "same": [], "slower": []}
    factors = []
    for pattern in patterns:
        for variant in pattern.get("variants", ()):
            for ratio in variant["ratios"]:
                if variant["touch"] and ratio["to"] == general and _standing(ratio):
                    found[_standing(ratio)].append(pattern["pattern"])
                    if _standing(ratio) == "faster":
                        factors.append(1.0 / ratio["time"]["median"])
    if not any(found.values()):
        return "no times were measured: no verdict"
    if not found["faster"]:
        slower = f", and slower in {', '.join(found['slower'])}" if found["slower"] else ""
        return f"use malloc: the stack is no faster than {general} in any pattern{slower}"
    words = [f"faster than {general} in {', '.join(found['faster'])} (median {median(factors):.1f} times)"]
    if found["same"]:
        words.append(f"no difference in {', '.join(found['same'])}: there use malloc")
    if found["slower"]:
        words.append(f"slower in {', '.join(found['slower'])}: there use malloc")
    return "; ".join(words)
