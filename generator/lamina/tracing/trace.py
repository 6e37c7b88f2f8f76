"""A trace as the commands see it: what its header says, and which of its processes is meant."""

from __future__ import annotations

import os
import shlex
import signal
from dataclasses import dataclass
from typing import Any

from ..cli import SPEC_WRONG, Failed
from . import native


@dataclass
class Trace:
    """A trace that was opened and found whole, or as much of it as was asked for."""

    path: str
    cc: str
    about: dict[str, Any]
    process: dict[str, Any]
    partial: bool

    def ask(self, command: str, *arguments: str) -> Any:
        return native.ask(self.cc, *(["--partial"] if self.partial else []), command, self.path, str(self.process["number"]),
                          *arguments, about=self.path)

    @property
    def notes(self) -> list[str]:
        """What a reader of the numbers must know."""
        out = []
        about, process = self.about, self.process
        if about["partial"]:
            out.append("the file is cut off or damaged: only what comes before is counted")
        if about["stop_error"]:
            out.append(f"the recording stopped before the program did: {os.strerror(about['stop_error'])}")
        if not about["finished"]:
            out.append("the recording was cut off before it was finished; all calls until then are here")
        if about["missed"]:
            out.append(f"{about['missed']:,} calls were made by signal handlers in the middle of a call, and are not in the trace")
        if process["ended"] == "running":
            out.append("the process still ran when the trace was finished")
        others = len(about["processes"]) - 1
        if others:
            out.append(f"{others} other process{'es' if others > 1 else ''} in the trace; --process chooses, --processes lists them")
        return out


def name_of(process: dict[str, Any]) -> str:
    """The command line, or at least the file."""
    return shlex.join(process["command"]) if process["command"] else process["program"] or f"process {process['number']}"


def ending(wait_status: int) -> str:
    """How a program ended, in words; nothing where it ended well."""
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        try:
            return f"was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"was ended by signal {number}"
    code = os.WEXITSTATUS(wait_status)
    return f"ended with status {code}" if code else ""


def listing(about: dict[str, Any]) -> str:
    """The processes, one a line."""
    rows = [("process", "pid", "calls about", "from", "command")]
    for p in about["processes"]:
        came = f"fork of {p['forked_from']}" if "forked_from" in p else "exec"
        rows.append((str(p["number"]), str(p["pid"]), f"{p['events']:,}", came, name_of(p)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return "\n".join("  ".join([*(cell.rjust(w) for cell, w in zip(row[:3], widths)), row[3].ljust(widths[3]), row[4]])
                     for row in rows)


def load(path: str, cc: str, number: int | None = None, partial: bool = False) -> Trace:
    """Opens a trace; without a number, the process with the most calls is meant."""
    with open(path, "rb"):  # a file that isn't there or may not be read is told as such
        pass
    about = native.ask(cc, *(["--partial"] if partial else []), "show", path, about=path)
    processes = about["processes"]
    if not processes:
        raise Failed(SPEC_WRONG, f"{path}: no process is in it")
    if about["stop_error"] and not partial:
        raise Failed(SPEC_WRONG, f"{path}: the recording stopped before the program did "
                     f"({os.strerror(about['stop_error'])}); --partial takes what is there")
    if number is None:
        process = max(processes, key=lambda p: p["events"])
    else:
        process = next((p for p in processes if p["number"] == number), None)
        if process is None:
            raise Failed(SPEC_WRONG, f"{path}: no process {number} is in it; it has " +
                         ", ".join(str(p["number"]) for p in processes))
    if not process["events"]:
        raise Failed(SPEC_WRONG, f"{path}: process {process['number']} made no call")
    return Trace(path, cc, about, process, partial)
