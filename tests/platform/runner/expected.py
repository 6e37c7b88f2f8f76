"""What is expected of each platform: the abilities of its target, less what its emulator or its kernel can't do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lamina.targets import ABILITIES, TARGETS

from .platforms import SUITE, Platform

WORKS, REFUSED, IDLE, ASK = "SUITE_WORKS", "SUITE_REFUSED", "SUITE_IDLE", "SUITE_ASK"


@dataclass(frozen=True)
class Expectation:
    how: str
    #: Of a refusal: what the glue's last error then is, as C.
    code: str = "0"
    why: str = ""

    @property
    def words(self) -> str:
        if self.how == REFUSED:
            return "refused as unsupported" if not self.code.isdecimal() else f"refused with {self.code}"
        return {WORKS: "works", IDLE: "answered with success, without effect", ASK: "as this machine's kernel does"}[self.how]


def shortcomings() -> set[str]:
    """What suite.h names beyond abilities."""
    return set(re.findall(r'^#define CANNOT_\w+ +"([^"]+)"', (SUITE / "suite.h").read_text(encoding="utf-8"), re.M))


def _expectation(entry: dict[str, Any]) -> Expectation:
    code, why = entry.get("code"), str(entry["why"])
    if code == "idle":
        return Expectation(IDLE, why=why)
    if code == "unsupported":
        return Expectation(REFUSED, "LAMINA_OS_ERROR_UNSUPPORTED", why)
    if not isinstance(code, int) or code <= 0:
        raise ValueError(f"{', '.join(entry['what'])}: refused with {code}, which is no code of a refusal")
    return Expectation(REFUSED, str(code), why)


def expectations(platform: Platform) -> dict[str, Expectation]:
    """Of each ability of the compiler's table. What the platform's own file says goes before what its emulator's says."""
    has = TARGETS[platform.target].has
    out = {name: Expectation(WORKS) if name in has else
           Expectation(REFUSED, "LAMINA_OS_ERROR_UNSUPPORTED", "the target hasn't got it") for name in ABILITIES}
    for entry in platform.cannot:
        out.update({what: _expectation(entry) for what in entry["what"] if what in ABILITIES})
    out.update({what: Expectation(ASK) for what in platform.asks})
    unknown = {what for entry in platform.cannot for what in entry["what"]} - ABILITIES.keys() - shortcomings()
    unknown |= set(platform.asks) - ABILITIES.keys()
    if unknown:
        raise ValueError(f"{platform.name}: neither an ability of targets.py nor a CANNOT_ of suite.h: {', '.join(sorted(unknown))}")
    return out


def source(platform: Platform) -> str:
    """expected.c: see suite/suite.h."""
    rows = "".join(f'    {{"{name}", {it.how}, {it.code}}},\n' for name, it in expectations(platform).items())
    words = sorted({what for entry in platform.cannot for what in entry["what"]} & shortcomings())
    return ('#include "suite.h"\n\nconst suite_expectation suite_expectations[] = {\n' + rows + "};\n"
            "const size_t suite_expectation_count = sizeof suite_expectations / sizeof suite_expectations[0];\n"
            "const char *const suite_shortcomings[] = {" + "".join(f'"{word}", ' for word in words) + "NULL};\n")
