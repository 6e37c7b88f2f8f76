"""lamina replay: a recorded program's calls on a stack, its twin, and the general allocators."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from functools import partial as bound
from pathlib import Path
from typing import Any

import click

from ..cli import SPEC_WRONG, Failed, diagnostics_for, spec_options, tell
from ..comparing import allocators, subjects
from ..comparing.progress import progress
from ..report import writing
from ..toolchain import tool
from ..tracing import replaying, trace as traces
from ..tracing.replay_text import text

ROUNDS, QUICK_ROUNDS = 21, 9


def _sizes(given: str | None) -> tuple[int, int]:
    """The range that --sizes names."""
    if given is None:
        return 0, 2 ** 64 - 1
    found = re.fullmatch(r"(\d*)-(\d*)", given)
    if not found or given == "-":
        raise click.UsageError(f"--sizes {given}: it is a range of bytes, such as 33-64, 1- or -64")
    least, most = int(found[1] or 0), int(found[2] or 2 ** 64 - 1)
    if least > most or most >= 2 ** 64:
        raise click.UsageError(f"--sizes {given}: no size lies in it")
    return least, most


def _command(context: click.Context) -> str:
    """The command line that measures the same again."""
    words = ["lamina", "replay", context.params["trace"], *context.params["specs"]]
    for option in context.command.params:
        value = context.params.get(option.name or "")
        source = context.get_parameter_source(option.name or "")
        if not isinstance(option, click.Option) or source is None or source.name != "COMMANDLINE" or option.name == "json_path":
            continue
        if option.is_flag:
            words.append(option.opts[-1])
        else:
            words += [word for each in (value if option.multiple else [value]) for word in (option.opts[-1], str(each))]
    return shlex.join(words)


@click.command("replay")
@click.argument("trace", metavar="TRACE", type=click.Path())
@bound(spec_options, required=False)
@click.option("--with", "with_", multiple=True, metavar="NAME[=LIBRARY]", help="Only this general allocator, or the one in this "
              "library; may be repeated. All of the table that are here, where none is named.")
@click.option("--sizes", metavar="LEAST-MOST", help="Only blocks of these sizes, in bytes: what an allocator for one kind of object "
              "would serve.")
@click.option("--process", type=int, metavar="NUMBER", help="This process of the trace; the one with the most calls where none is named.")
@click.option("--rounds", type=click.IntRange(6, 1000), metavar="N", help=f"Rounds of times, {ROUNDS} where it is not said; 6 are the "
              "fewest that an interval can be given for.")
@click.option("--quick", is_flag=True, help=f"{QUICK_ROUNDS} rounds, for a first look.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON; with - in place of the table.")
@click.option("--partial", is_flag=True, help="Take what is there of a trace that is cut off, damaged, or whose recording stopped.")
@click.option("--floors", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Where the allocators written by hand are: DIR/<stack>/<stack>.h and .c.")
@click.option("--cc", default="gcc", show_default=True, metavar="COMMAND", help="The C compiler.")
@click.option("--cflags", default="-std=c11 -O2 -DNDEBUG", show_default=True, metavar="FLAGS", help="What it is told.")
@click.pass_context
def COMMAND(context: click.Context, trace: str, specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...],
            diagnostics: str, warnings: tuple[str, ...], with_: tuple[str, ...], sizes: str | None, process: int | None,
            rounds: int | None, quick: bool, json_path: str | None, partial: bool, floors: Path | None, cc: str, cflags: str) -> None:
    """Run the calls of TRACE through each stack of SPECS, its generic twin, and malloc.

    Without SPECS, through the general allocators alone. Instructions (exact), times as ratios with intervals, resident memory
    over the replay and the overhead at its peak. The calls are made in the order of the trace, on one thread. A stack that
    can't serve the trace is named with the first call that it can't serve, and nothing is measured.
    """
    from ..pipeline import Options, all_stacks

    if not shlex.split(cc):
        raise click.UsageError("--cc names no compiler")
    least, most = _sizes(sizes)
    if json_path != "-":
        writing.place("--json", json_path)
    general = allocators.find(with_)
    diags = diagnostics_for(warnings)
    found = [(stack, spec) for stack, spec, _ in all_stacks(specs, Options(include=include, only=only), diags)] if specs else []
    tell(diags, diagnostics)
    if not diags.ok:
        raise Failed(SPEC_WRONG)
    command = shlex.split(cc)
    tool(command[0], "gcc")
    valgrind = tool("valgrind", "valgrind")
    choice = replaying.Choice(
        trace=traces.load(trace, cc, process, partial), least=least, most=most, general=general,
        rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS), cc=command, cflags=shlex.split(cflags),
        floors=floors or subjects.floors_dir(), valgrind=valgrind, workers=len(os.sched_getaffinity(0)), command=_command(context))
    with tempfile.TemporaryDirectory(prefix="lamina-replay-") as folder:
        ops, header = replaying.select(choice, Path(folder))
        with progress("replaying", replaying.seconds(choice, len(found), header)) as told:
            document: dict[str, Any] = replaying.replay(found, choice, Path(folder), ops, header, told)
    if json_path and json_path != "-":
        writing.put(json_path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    click.echo(json.dumps(document, indent=1, ensure_ascii=False) if json_path == "-" else text(document))
