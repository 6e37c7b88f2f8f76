"""lamina compare: a stack against its generic twin, one written by hand, and the general allocators of the machine."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from ..cli import SPEC_WRONG, Failed, diagnostics_for, spec_options, tell
from ..comparing import allocators, bounds, patterns, session, subjects, table
from ..comparing.pace import Pace
from ..comparing.progress import progress
from ..comparing.session import MEASURES, Choice
from ..report import writing
from ..toolchain import tool

#: Rounds of times and latency runs: normally, and where it has to be quick. Nine are enough for an interval.
ROUNDS, QUICK_ROUNDS = (21, 3), (9, 1)
#: What measuring a spec may take where it has to be quick: with Lamina's own start and end it is under a minute.
QUICK_SECONDS = 54.0
TOOLS = {"instructions": ("valgrind", "valgrind"), "calls": ("strace", "strace")}


def _measures(words: tuple[str, ...]) -> tuple[str, ...]:
    asked = [word.strip() for given in words for word in given.split(",") if word.strip()]
    if words and not asked:
        raise click.UsageError(f"--measure {words[-1]}: it names nothing: it may be {', '.join(MEASURES)}")
    for word in asked:
        if word not in MEASURES:
            raise click.UsageError(f"--measure {word}: it may be {', '.join(MEASURES)}")
    return tuple(m for m in MEASURES if not asked or m in asked)


def _command(specs: tuple[str, ...], context: click.Context) -> str:
    """The command line that measures the same again."""
    words = ["lamina", "compare", *specs]
    for option in ("include", "only", "pattern_names", "with_", "measure"):
        flag = next(p.opts[-1] for p in context.command.params if p.name == option)
        words += [word for value in context.params[option] for word in (flag, value)]
    words += ["--quick"] if context.params["quick"] else []
    for name, flag in (("cc", "--cc"), ("cflags", "--cflags"), ("rounds", "--rounds"),
                       ("floors", "--floors")):
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            words += [flag, str(context.params[name])]
    return shlex.join(words)


@click.command("compare")
@spec_options
@click.option("--quick", is_flag=True, help="Fewer and shorter rounds, for a first look: under a minute for a spec; what doesn't "
              "fit into it is left out, and the result says so.")
@click.option("--patterns", "pattern_names", multiple=True, metavar="NAME,…", help="Only these patterns; each must be one that the "
              "stacks can serve.")
@click.option("--with", "with_", multiple=True, metavar="NAME[=LIBRARY]", help="Only this general allocator, or the one in this "
              "library; may be repeated. By default all of the table that are here; `--with none`: none of them.")
@click.option("--measure", multiple=True, metavar="WHAT,…", help=f"Only this: {', '.join(MEASURES)}.")
@click.option("--rounds", type=click.IntRange(6, 1000), metavar="N", help="Rounds of times; 6 are the fewest that an interval "
              "can be given for.")
@click.option("--json", "json_path", metavar="FILE|-", help="Write the result as JSON; with - in place of the table.")
@writing.options
@click.option("--check-bounds", is_flag=True, help="Exit 1 when the flat form takes more instructions than its twin, or more than "
              f"{bounds.FLOOR:.2f} times the floor's, or, with {bounds.GAIN_STACKS} stacks or more, the median gain is below {bounds.GAIN:g}.")
@click.option("--floors", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
              help="Where the allocators written by hand are: DIR/<stack>/<stack>.h and .c.")
@click.option("--cc", default="gcc", show_default=True, metavar="COMMAND", help="The C compiler.")
@click.option("--cflags", default="-std=c11 -O2 -DNDEBUG", show_default=True, metavar="FLAGS", help="What it is told.")
@click.pass_context
def COMMAND(context: click.Context, specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
            warnings: tuple[str, ...], quick: bool, pattern_names: tuple[str, ...], with_: tuple[str, ...], measure: tuple[str, ...],
            rounds: int | None, json_path: str | None, html_path: str | None, markdown_path: str | None, replay_paths: tuple[str, ...], picture_path: str | None,
            check_bounds: bool, floors: Path | None, cc: str, cflags: str) -> None:
    """Compare each stack of SPECS with its generic twin, one written by hand, and malloc.

    All are compiled into the same patterns of allocating and freeing, which are measured in one interleaved run:
    instructions and cache misses (simulated, exact), times as ratios with intervals, latencies, memory, system calls.
    A ratio whose interval includes 1 is told as "no difference measured".
    """
    from ..pipeline import Options, all_stacks

    pace = Pace(QUICK_SECONDS * len(specs) if quick else None)
    if not shlex.split(cc):
        raise click.UsageError("--cc names no compiler")
    chosen = patterns.find(pattern_names)
    measures = _measures(measure)
    if check_bounds and "instructions" not in measures:
        raise click.UsageError("--check-bounds needs --measure instructions")
    if json_path != "-":
        writing.place("--json", json_path)
    if picture_path and "instructions" not in measures:
        raise click.UsageError("--picture needs --measure instructions")
    writing.require(html_path, picture_path, markdown_path)
    replays = writing.replays(replay_paths)
    general = allocators.find(with_)
    diags = diagnostics_for(warnings)
    found = [(stack, spec) for stack, spec, _ in all_stacks(specs, Options(include=include, only=only), diags)]
    tell(diags, diagnostics)
    if not diags.ok:
        raise Failed(SPEC_WRONG)
    command = shlex.split(cc)
    tool(command[0], "gcc")
    tools = {name: tool(name, package) for what, (name, package) in TOOLS.items() if what in measures}
    usual, latencies = QUICK_ROUNDS if quick else ROUNDS
    choice = Choice(
        patterns=chosen, asked=bool(pattern_names), general=general, measures=measures, repetitions=rounds or usual,
        latencies=latencies, bare_times=not quick, cc=command, cflags=shlex.split(cflags),
        floors=floors or subjects.floors_dir(), tools=tools, workers=len(os.sched_getaffinity(0)),
        command=_command(specs, context), quick=quick, budget=pace.seconds)
    with tempfile.TemporaryDirectory(prefix="lamina-compare-") as folder, progress("comparing", session.seconds(choice, len(found))) as told:
        document: dict[str, Any] = session.run(found, choice, Path(folder), told, pace)
    as_json = json.dumps(document, indent=1, ensure_ascii=False)
    if json_path and json_path != "-":
        writing.put(json_path, as_json + "\n")
    click.echo(as_json if json_path == "-" else table.text(document))
    writing.write("the result", document, html_path, markdown_path, picture_path, replays)
    broken = [bound for bound in document["bounds"] if not bound["holds"]]
    if check_bounds and broken:
        raise Failed(SPEC_WRONG, "a bound is broken" + "".join(f"\n  {table.told(bound)}" for bound in broken))
