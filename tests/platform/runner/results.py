"""What programs said: the lines of the suite (suite/suite.h) and Catch2's last line."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from . import revision
from .platforms import build_root

_CASE = re.compile(r"(ok|failed|skipped) ([\w ]+?) \| (.*)")
_ASKED = re.compile(r"asked ([^|]+?) \| (.*)")
_FINDS = re.compile(r"finds ([\w ]+?) \| (.*)")
_END = re.compile(r"suite: (\d+) ok, (\d+) failed, (\d+) skipped")


@dataclass
class Result:
    """One platform's. `state` is passed, failed, built (it links; nothing can run it) or skipped."""

    platform: str
    state: str = "passed"
    ok: dict[str, list[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    finds: dict[str, list[str]] = field(default_factory=dict)
    #: What the machine's kernel answered, of the abilities that depend on it.
    asked: dict[str, str] = field(default_factory=dict)
    #: Stacks whose tests ran in C, whose C++ tests ran, and which the target refuses.
    stacks: list[str] = field(default_factory=list)
    catch2: list[str] = field(default_factory=list)
    catch2_cases: int = 0
    refused: list[str] = field(default_factory=list)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    #: Whether the stacks' C++ tests were asked for.
    whole: bool = False
    #: Of what it is true: see revision.py.
    glue: str = field(default_factory=revision.glue)
    emitted: str = field(default_factory=revision.stacks)

    @property
    def stale(self) -> bool:
        return (self.glue, self.emitted) != (revision.glue(), revision.stacks())

    @property
    def passed_cases(self) -> int:
        return sum(map(len, self.ok.values())) + self.catch2_cases

    def take(self, text: str, status: int, what: str) -> None:
        """Adds one program's lines. A program that doesn't get to its end has failed, whatever it said before."""
        counts = [0, 0, 0]
        stack = ""
        for line in text.splitlines():
            line = line.strip("\r")
            case, finds, asked = _CASE.fullmatch(line), _FINDS.fullmatch(line), _ASKED.fullmatch(line)
            if line.startswith("stack "):
                stack = line[6:] + ": "
            elif case:
                how, ability, sentence = case.groups()
                counts[("ok", "failed", "skipped").index(how)] += 1
                if how == "ok":
                    self.ok.setdefault(ability, []).append(stack + sentence)
                else:
                    getattr(self, how).append(f"{ability}: {stack}{sentence}")
            elif asked:
                self.asked[asked.group(1)] = asked.group(2)
            elif finds:
                found = self.finds.setdefault(finds.group(1), [])
                if finds.group(2) not in found:
                    found.append(finds.group(2))
        end = _END.search(text)
        if not end:
            self.failed.append(f"{what} ended with status {status} before its end: " +
                               " / ".join(text.splitlines()[-3:] or ["it said nothing"]))
        elif [int(number) for number in end.groups()] != counts or (status != 0) != (counts[1] > 0):
            self.failed.append(f"{what}: {end.group()} and status {status} don't go with {counts}")

    def take_catch2(self, name: str, text: str, status: int) -> None:
        cases = re.search(r"All tests passed \(\d+ assertions? in (\d+) test cases?\)", text)
        if status == 0 and cases:
            self.catch2.append(name)
            self.catch2_cases += int(cases.group(1))
        else:
            wrong = [line for line in text.splitlines() if line.strip()]
            self.failed.append(f"{name}: status {status}: " + "\n      ".join(wrong[-25:]))

    def settle(self) -> None:
        if self.state == "passed" and not self.failed and not self.passed_cases:
            self.failed.append("no case passed: what only skips shows nothing")
        if self.failed:
            self.state = "failed"

    def store(self) -> None:
        folder = build_root() / "results"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.platform}.json").write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")


def load(name: str) -> Result | None:
    """The last result, if there is one that this version of the runner wrote."""
    path = build_root() / "results" / f"{name}.json"
    data = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Result(**data) if data.keys() == {item.name for item in fields(Result)} else None
