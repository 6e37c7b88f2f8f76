"""The bounds that the emitted C is held to, by instruction counts: exact, and the same on every run."""

from __future__ import annotations

from statistics import median
from typing import Any

FLOOR, GAIN = 1.10, 3.0
#: The median gain is held where so many stacks are compared: over a few it says what they are, not what flattening does.
GAIN_STACKS = 7


def _instructions(variant: dict[str, Any], name: str) -> float | None:
    found = next((r for r in variant["results"] if r["subject"] == name), None)
    return found["instructions"]["per_object"] if found and found["instructions"] else None


def gains(stack: dict[str, Any]) -> list[float]:
    """How many times the flat form's own instructions the twin's are, in each untouched pattern. Touching and the loop
    are the program's, and cost both the same."""
    found = []
    for pattern in stack["patterns"]:
        for variant in pattern.get("variants", ()):
            own = {r["subject"]: r["instructions"]["own"] for r in variant["results"] if r["instructions"]}
            if not variant["touch"] and own.get("flat") and own.get("generic"):
                found.append(own["generic"] / own["flat"])
    return found


def check(stacks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each bound with the value it has, in order; `holds` is false where it is broken. No counts, no bounds."""
    out: list[dict[str, Any]] = []
    for stack in stacks:
        for pattern in stack["patterns"]:
            for variant in pattern.get("variants", ()):
                flat = _instructions(variant, "flat")
                for to, limit, name in (("generic", 1.0, "flat is not slower than its twin"),
                                        ("floor", FLOOR, f"flat is at most {FLOOR:.2f} times the floor")):
                    other = _instructions(variant, to)
                    if flat is not None and other:
                        value = flat / other
                        out.append({"bound": name, "stack": stack["name"], "pattern": pattern["pattern"],
                                    "touch": variant["touch"], "value": round(value, 4), "limit": limit,
                                    "holds": value <= limit + 1e-9})
    found = [each for each in map(gains, stacks) if each]
    if len(found) >= GAIN_STACKS:
        # "The median over all stacks" can be read in two ways, and both must hold: a stack that serves few patterns counts
        # for little in the first, as much as any other in the second.
        for over, value in (("all patterns of all stacks", median(gain for each in found for gain in each)),
                            ("the stacks, each by the median of its patterns", median(map(median, found)))):
            out.append({"bound": f"the twin takes at least {GAIN:g} times the flat form's own instructions, in the median of {over}",
                        "stack": None, "pattern": None, "touch": None, "value": round(value, 3), "limit": GAIN,
                        "holds": value >= GAIN})
    return out
