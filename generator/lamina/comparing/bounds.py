"""The bounds that the emitted C is held to, by instruction counts: exact, and the same on every run."""

from __future__ import annotations

from statistics import median
from typing import Any

FLOOR, GAIN = 1.10, 3.0


def _instructions(variant: dict[str, Any], name: str) -> float | None:
    found = next((r for r in variant["results"] if r["subject"] == name), None)
    return found["instructions"]["per_object"] if found and found["instructions"] else None


def gain(stack: dict[str, Any]) -> float | None:
    """How many times the flat form's own instructions the twin's are: the median of the untouched patterns, the loop's
    taken off. Touching and the loop are the program's, and cost both the same."""
    found = []
    for pattern in stack["patterns"]:
        for variant in pattern.get("variants", ()):
            own = {r["subject"]: r["instructions"]["own"] for r in variant["results"] if r["instructions"]}
            if not variant["touch"] and own.get("flat") and own.get("generic"):
                found.append(own["generic"] / own["flat"])
    return round(median(found), 3) if found else None


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
    gains = [found for found in (gain(stack) for stack in stacks) if found is not None]
    if gains:
        value = median(gains)
        out.append({"bound": "the twin takes at least 3 times the flat form's own instructions, in the median of the stacks",
                    "stack": None, "pattern": None, "touch": None, "value": round(value, 3), "limit": GAIN,
                    "holds": value >= GAIN})
    return out
