"""A replay's document as text for a terminal."""

from __future__ import annotations

from typing import Any

from .report_text import columns
from .words import count, size

HEAD = ("", "instr.", "own", "ns", "spread", "time of the first is", "peak", "overhead", "blocks then", "a block")


def _ratio(ratio: dict[str, Any] | None) -> str:
    if ratio is None:
        return ""
    shown = f"{ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]"
    return shown if ratio["decided"] else f"{shown} no difference measured"


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    time, memory, instructions = result["time"], result["memory"], result["instructions"]
    return (result["subject"], f"{instructions['per_call']:,.1f}", f"{instructions['own']:,.1f}", f"{time['median_ns']:,.1f}",
            f"{time['quartile_low_ns']:,.1f}–{time['quartile_high_ns']:,.1f}", _ratio(result["ratio"]), size(memory["peak_bytes"]),
            _signed(memory["overhead_bytes"]), count(memory["at_peak"]["blocks"]), "-" if memory["overhead_per_block"] is None else f"{memory['overhead_per_block']:,.1f}")


def _signed(value: int) -> str:
    return size(value) if value >= 0 else f"-{size(-value)}"


def _group(group: dict[str, Any]) -> str:
    lines = [f"{group['name']}: {count(group['calls'])} calls in {group['results'][0]['time']['rounds']} rounds", *columns([HEAD, *map(_row, group["results"])], words=(0, 5))]
    lines += [f"  absent: {a['subject']}: {a['why']}" for a in group["absent"]]
    lines += [f"  note: {note}" for note in group["notes"]]
    return "\n".join(lines)


def text(document: dict[str, Any]) -> str:
    """All of it."""
    trace, machine = document["trace"], document["machine"]
    least, most = trace["sizes"]
    only = "" if (least, most) == (0, 2 ** 64 - 1) else f" of blocks of {least} to {most} bytes" if most < 2 ** 64 - 1 else \
        f" of blocks of {least} bytes and more"
    head = [f"{trace['path']}: {trace['program']}",
            f"  {count(trace['allocs'])} allocations, {count(trace['frees'])} frees, {count(trace['resizes'])} resizes{only}; at most "
            f"{size(trace['peak_bytes'])} in {count(trace['peak_objects'])} blocks; {document['threads']}"]
    head += [f"  note: {note}" for note in trace["notes"]]
    time = document["groups"][0]["results"][0]["time"]
    foot = [f"Instructions and ns are per call; own: without the replay's loop of {document['groups'][0]['loop_instructions']:,.1f}. Times are "
            f"of {time['rounds']} interleaved rounds; ratios have an interval of {document['confidence']:.0%}.",
            "peak: resident memory, what is allocated being touched; overhead: what is resident beyond the bytes in use, when "
            "these are most; blocks then: those in use at that call; a block: the overhead of each of them.",
            f"on: {machine['processor']}, {machine['processors']} processors{', virtual' if machine['virtual'] else ''}; {machine['os']}, "
            f"{machine['kernel']}; {machine['compiler']['version']}, {machine['compiler']['flags']}",
            f"again: {document['command']}"]
    return "\n\n".join(["\n".join(head), *map(_group, document["groups"]), "\n".join(foot)])
