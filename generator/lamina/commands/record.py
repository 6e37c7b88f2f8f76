"""lamina record: the allocation trace of a program as it is."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import tempfile
from pathlib import Path
from typing import Any

import click

from ..cli import ENVIRONMENT, SPEC_WRONG, Failed
from ..tracing import native
from ..tracing.trace import ending

#: Offsets in an ELF file's header, and the entry of a program that says which loader it wants.
ELF_CLASS, PT_INTERP = 4, 3


def _loads_libraries(program: str) -> str:
    """Nothing, or why the loader would not put the recorder before the C library."""
    with open(program, "rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF" or len(head) < 64:
            return ""  # a script: its interpreter is seen when it runs
        if head[ELF_CLASS] != (2 if struct.calcsize("P") == 8 else 1):
            return "is for another word size than the recorder"
        order = "little" if head[5] == 1 else "big"
        at, size, count = (int.from_bytes(head[a:b], order) for a, b in ((32, 40), (54, 56), (56, 58)))
        file.seek(at)
        table = file.read(size * count)
    kinds = [int.from_bytes(table[i:i + 4], order) for i in range(0, len(table), size or 1)]
    return "" if PT_INTERP in kinds else "is statically linked: no loader puts the recorder before its malloc"


def _find(program: str) -> str:
    """The program's file. Exits where it can't be run or can't be recorded."""
    found = shutil.which(program)
    if found is None:
        there = os.path.exists(program) and os.sep in program
        raise Failed(ENVIRONMENT, f"{program}: " + ("is no program that may be run" if there else "no such program is found"))
    mode = os.stat(found)
    if mode.st_mode & (stat.S_ISUID | stat.S_ISGID) and os.geteuid() != 0:
        raise Failed(SPEC_WRONG, f"{program} runs with another user's rights: the loader passes the recorder over")
    why = _loads_libraries(found) if os.access(found, os.R_OK) else ""
    if why:
        raise Failed(SPEC_WRONG, f"{program} {why}")
    return found


def _seen(about: dict[str, Any], program: str) -> str:
    """Nothing, or why there is no trace."""
    if not about["processes"]:
        return f"{program} ran, but the recorder was not loaded into it: it is statically linked, runs with other rights, or is " \
               "started by something that clears LD_PRELOAD"
    if not about["events"]:
        return f"{program} made no call that the recorder could see: it allocates nothing, or brings its own malloc"
    return ""


def _tell(about: dict[str, Any], program: str, output: str) -> None:
    processes, calls, size = len(about["processes"]), about["events"], os.path.getsize(output)
    click.echo(f"lamina: {output}: {calls:,} calls of {processes} process{'es' if processes > 1 else ''}, {size:,} bytes, "
               f"{size / calls:.1f} a call", err=True)
    how = ending(about["wait_status"])
    if how:
        click.echo(f"lamina: {program} {how}; the trace holds every call until then", err=True)
    running = [p for p in about["processes"] if p["ended"] == "running"]
    if running:
        click.echo(f"lamina: {len(running)} of its processes still run (pid {', '.join(str(p['pid']) for p in running)}); what they "
                   "do from now on is not in the trace", err=True)


@click.command("record", context_settings={"allow_interspersed_args": False})
@click.option("-o", "--output", metavar="FILE", help="Where the trace goes; PROGRAM.trace where it is not said.")
@click.option("--cc", default="cc", show_default=True, metavar="COMMAND", help="The C compiler that builds the recorder, once.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
def COMMAND(output: str | None, cc: str, program: tuple[str, ...]) -> None:
    """Record what PROGRAM asks of malloc: lamina record [-o FILE] -- PROGRAM [ARGUMENT]...

    PROGRAM runs unmodified, with a recorder before the C library; so do all that it starts. The trace holds every call of
    malloc and its kin, with size, alignment, thread and block, also when the program crashes. How PROGRAM ended is told
    and kept in the trace; the exit status is about the recording: 0 when the trace is written.
    """
    if not program:
        raise click.UsageError("what is to be recorded? lamina record -o FILE -- PROGRAM [ARGUMENT]...")
    found = _find(program[0])
    target = Path(output if output is not None else f"{os.path.basename(found)}.trace")
    if target.exists() and not target.is_file():
        raise Failed(ENVIRONMENT, f"{target}: is a folder or a device; a trace goes to a file")
    recorder = native.recorder(cc)
    # Beside the target: there is room for the trace, or there isn't, in one place.
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.resolve().parent))
    except OSError as wrong:
        raise Failed(ENVIRONMENT, f"{target}: can't be written: {wrong.strerror}") from None
    part = folder / "recording"
    try:
        native.call(cc, "create", part, status=ENVIRONMENT, about=str(part))
        with native.ticking(cc, part):
            status = native.run_recorded(program, recorder, part)
        why = _seen(native.ask(cc, "show", part, about=str(part)), program[0])
        if why:
            how = ending(status)
            raise Failed(SPEC_WRONG, why + (f" (it {how})" if how else ""))
        native.call(cc, "finish", part, target.resolve(), str(status), status=ENVIRONMENT, about=str(target))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    about = native.ask(cc, "show", target, about=str(target))
    _tell(about, program[0], str(target))
    if about["stop_error"]:
        raise Failed(ENVIRONMENT, f"{target}: the recording stopped before the program did: {os.strerror(about['stop_error'])}; "
                     "what the trace holds is only a beginning")
