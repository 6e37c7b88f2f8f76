"""lamina budget: what the inlined fast paths cost, in instructions, and whether that is within the spec's budget.

Each form of each stack is compiled into a small program that runs a loop twice, n and m times, between two marks.
Callgrind counts the instructions between the marks, and the difference divided by m - n is exact: start-up, warm-up
and the marks themselves fall out of it.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click

from ..cli import ENVIRONMENT, SPEC_WRONG, Failed, diagnostics_for, spec_options, tell
from ..model import Stack
from ..targets import TARGETS, Target
from ..toolchain import counts, environment, run, runtime_objects, target, tool

OBJECTS, BLOCKS = 512, 32  # most that are live while measuring: of a slab, of a store that takes any size
MEASURES = ("alloc", "free", "pair")


@dataclass
class Cost:
    """Instructions of one form of one stack. `pair` counts the loop around it too; without a free it is an alloc."""

    stack: str
    form: str
    alloc: float | None = None
    free: float | None = None
    pair: float | None = None


@dataclass
class Program:
    """One form of one stack, ready to be compiled."""

    stack: Stack
    form: str
    folder: Path
    source: str
    flags: list[str]


def _program(stack: Stack, spec: str, form: str, folder: Path) -> Program:
    """Writes one form's sources and its measuring program into `folder`."""
    from ..render import Renderer

    renderer = Renderer(stack, os.path.basename(spec), "lamina budget")
    files = {**renderer.flat(), **renderer.twin()}
    S: SimpleNamespace = renderer.S if form == "flat" else renderer.twin_view
    name = stack.name if form == "flat" else f"{stack.name}_generic"
    objects = BLOCKS if S.sized else min(OBJECTS, getattr(stack.main.store.x, "count", OBJECTS))
    buffer, align = "", 16
    if S.can.init_with:
        source = next(b.source for b in stack.branches if b.source.name == "caller")
        align = max(source.p.align, 16)
        room = "OBJECTS * 64U" if S.sized else str(getattr(stack.main.store.x, "count", "OBJECTS"))
        buffer = f"{stack.name.upper()}_BYTES_FOR({room})" if renderer.S.footprint else "1U << 20"
    main = renderer.env.get_template("tools/budget.c.j2").render(
        P=S.p, T=S.t, header=f"{name}.h", sized=S.sized, frees=S.can.free, resets=S.can.reset, objects=objects,
        static=S.static_instance and form == "flat", buffer=buffer, align=align, stand_ins=S.stand_ins)
    folder.mkdir(parents=True)
    for file, text in {**files, "main.c": main}.items():
        (folder / file).write_text(text, encoding="utf-8")
    flags = [] if _target_of(stack).hosted else ["-ffreestanding"]
    return Program(stack, form, folder, f"{name}.c", flags)


def _target_of(stack: Stack) -> Target:
    return TARGETS[stack.options.target]


def _runtime(programs: list[Program], root: Path, cc: list[str]) -> dict[str, list[str]]:
    """Compiles the runtime that the programs need, once for each platform; answers the objects."""
    out: dict[str, list[str]] = {}
    for platform in {_target_of(p.stack).runtime for p in programs}:
        mine = [p for p in programs if _target_of(p.stack).runtime == platform]
        texts = [path.read_text(encoding="utf-8") for p in mine for path in sorted(p.folder.glob("*.[ch]"))]
        out[platform] = runtime_objects(texts, platform, root / f"runtime-{platform}", cc)
    return out


def _exact(value: Fraction) -> float | int:
    return int(value) if value.denominator == 1 else round(float(value), 2)


def _measure(program: Program, cc: list[str], valgrind: str, objects: list[str]) -> Cost:
    """Compiles one program, runs it under callgrind, and divides the difference of its two passes by what the second
    did more. Around an array of objects the loop is taken off, as the empty loops over the array cost it."""
    root = program.folder.parent
    what = f"{program.stack.name}, {program.form}:"
    run([*cc, *program.flags, f"-I{root / f'runtime-{_target_of(program.stack).runtime}'}", "-I.", "-o", "measure", "main.c",
          program.source, *objects, "-pthread"], program.folder, f"{what} does not compile")
    out = run([valgrind, "--tool=callgrind", "--callgrind-out-file=counted", "--combine-dumps=yes",
                "--zero-before=budget_begin", "--dump-before=budget_end", "./measure"], program.folder,
               f"{what} can't be measured", environment())
    rounds, objects_more = (int(word) for word in out.split()[-2:])
    found = [each["Ir"] for each in counts((program.folder / "counted").read_text(encoding="utf-8"), "budget_end")]
    few, many = found[:len(found) // 2], found[len(found) // 2:]
    pair, alloc, *free, store, load = (after - before for before, after in zip(few, many))
    cost = Cost(program.stack.name, program.form)
    if rounds:
        cost.pair = _exact(Fraction(pair, rounds))
    if objects_more:
        cost.alloc = _exact(Fraction(alloc - store, objects_more))
        cost.free = _exact(Fraction(free[0] - load, objects_more)) if free else None
    return cost


def measure(stacks: list[tuple[Stack, str]], forms: tuple[str, ...], cc: list[str]) -> list[Cost]:
    """The costs of every form of every stack, in order. Raises Failed where a tool is missing or fails."""
    valgrind = tool("valgrind", "valgrind")
    with tempfile.TemporaryDirectory(prefix="lamina-budget-") as folder:
        root = Path(folder)
        programs = [_program(stack, spec, form, root / f"{i}-{form}") for i, (stack, spec) in enumerate(stacks)
                    for form in forms]
        objects = _runtime(programs, root, cc)
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return list(pool.map(lambda p: _measure(p, cc, valgrind, objects[_target_of(p.stack).runtime]), programs))


def excesses(stack: Stack, cost: Cost) -> list[tuple[str, float, int]]:
    """What is over the declared budget: which, what it costs, what it may cost."""
    out = []
    for name in MEASURES:
        limit, found = getattr(stack.options.budget, name, None), getattr(cost, name)
        if limit is not None and found is not None and found > limit:
            out.append((name, found, limit))
    return out


WHAT = {"alloc": "an inlined alloc", "free": "an inlined free",
        "pair": "an inlined alloc and free, with the loop around them,"}


def _declared(stack: Stack) -> dict[str, int]:
    budget = stack.options.budget
    return {name: getattr(budget, name) for name in MEASURES if budget and getattr(budget, name) is not None}


def _rows(stacks: list[Stack], costs: list[Cost]) -> list[tuple[str, ...]]:
    """One row a form: name, form, the three costs, the budget, the verdict."""
    by_name = {stack.name: stack for stack in stacks}
    rows = []
    for cost in costs:
        stack = by_name[cost.stack]
        budget = _declared(stack) if cost.form == "flat" else {}
        verdict = "" if not budget else "over" if excesses(stack, cost) else "within"
        shown = ["-" if value is None else f"{value:g}" for value in (cost.alloc, cost.free, cost.pair)]
        rows.append((cost.stack, cost.form, *shown, ", ".join(f"{k} {v}" for k, v in budget.items()), verdict))
    return rows


def table(stacks: list[Stack], costs: list[Cost]) -> str:
    """The costs as a table for a terminal: numbers to the right."""
    rows = [("stack", "form", "alloc", "free", "pair", "budget", ""), *_rows(stacks, costs)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(w) if 2 <= i <= 4 else cell.ljust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))).rstrip() for row in rows)


def markdown(stacks: list[Stack], costs: list[Cost]) -> str:
    """The same for a document, flat and generic side by side."""
    lines = ["| stack | alloc | free | pair | generic twin's pair | budget |", "|---|---:|---:|---:|---:|---|"]
    rows = {(row[0], row[1]): row for row in _rows(stacks, costs)}
    for stack in stacks:
        flat, twin = rows[stack.name, "flat"], rows.get((stack.name, "generic"))
        lines.append(f"| `{stack.name}` | {flat[2]} | {flat[3]} | {flat[4]} | {twin[4] if twin else ''} | {flat[5]} |")
    return "\n".join(lines)


@click.command("budget")
@spec_options
@click.option("--generic/--no-generic", default=True, show_default=True, help="Measure the generic twin as well.")
@click.option("--cc", default="gcc", show_default=True, metavar="COMMAND", help="The C compiler.")
@click.option("--cflags", default="-std=c11 -O2 -DNDEBUG", show_default=True, metavar="FLAGS", help="What it is told.")
@click.option("--json", "as_json", is_flag=True, help="Print the costs as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, hidden=True)
def COMMAND(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
            warnings: tuple[str, ...], generic: bool, cc: str, cflags: str, as_json: bool, as_markdown: bool) -> None:
    """Count the instructions of each inlined alloc, free, and pair of both.

    Compiles each stack of SPECS, runs its fast paths in a loop under valgrind's callgrind and prints what one turn costs.
    A pair counts the loop's own three instructions; where nothing is freed, it is an alloc of 64 bytes. Exits 1 when a
    flat form costs more than the budget = { alloc = …, free = …, pair = … } of its spec.
    """
    from ..pipeline import Options, stacks_of

    if not shlex.split(cc):
        raise click.UsageError("--cc names no compiler")
    diags = diagnostics_for(warnings)
    found = [(stack, spec) for spec in specs for stack in stacks_of(spec, Options(include=include, only=only), diags)[0]]
    if not diags.ok:
        tell(diags, diagnostics)
        raise Failed(SPEC_WRONG)
    stacks = [stack for stack, _ in found]
    command = [*shlex.split(cc), *shlex.split(cflags)]
    tool(command[0], "gcc")
    if any(_declared(stack) for stack in stacks) and target(command) != "x86_64":
        for stack in stacks:  # another processor's instructions are counted, but no budget was made for them
            stack.options.budget = None
        click.echo("lamina: budgets are counted for x86-64, and not held here", err=True)
    costs = measure(found, ("flat", "generic") if generic else ("flat",), command)
    for stack, cost in zip(stacks, costs[::2] if generic else costs):
        for name, cost_found, limit in excesses(stack, cost):
            diags.error("LAM064", stack.option_spans.get("budget", stack.span),
                        f'"{stack.name}": {WHAT[name]} takes {cost_found:g} instructions, the budget is {limit}',
                        help=f"a layer less, or budget = {{ {name} = {-(-cost_found // 1):g} }}")
    if as_json:
        document: list[dict[str, Any]] = []
        for i, cost in enumerate(costs):
            stack = stacks[i // 2 if generic else i]
            budget = _declared(stack) if cost.form == "flat" else {}
            over = [name for name, _, _ in excesses(stack, cost)] if budget else []
            document.append({**asdict(cost), "budget": budget, "over": over})
        click.echo(json.dumps({"cc": cc, "cflags": cflags, "costs": document}, indent=2))
    else:
        click.echo(markdown(stacks, costs) if as_markdown else table(stacks, costs))
    tell(diags, diagnostics)
    if not diags.ok:
        raise Failed(SPEC_WRONG)
