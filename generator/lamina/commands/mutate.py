"""`lamina mutate`: small faults are put into the emitted C, and the generated tests have to catch each."""

from __future__ import annotations

import difflib
import json
import queue
import random
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click

from ..cli import ENVIRONMENT, SPEC_WRONG, Failed, render_or_fail, spec_options
from ..mutation import equivalents, operators, runner
from ..mutation.operators import KINDS, Mutant
from ..mutation.runner import ACCEPTED, IDENTICAL, KILLED, STILLBORN, SURVIVED, Bench, Verdict

MOST_STILLBORN = 0.15  # of all mutants: more, and an operator writes bad C
STATES = (KILLED, IDENTICAL, ACCEPTED, STILLBORN, SURVIVED)


class Progress:
    """One line on stderr: how far, and how long still."""

    def __init__(self, total: int, shown: bool) -> None:
        self.total, self.shown, self.done, self.survivors = total, shown, 0, 0
        self.began, self.told = time.monotonic(), 0.0
        self.tty = sys.stderr.isatty()

    def step(self, verdict: Verdict) -> None:
        self.done += 1
        self.survivors += verdict.state == SURVIVED
        now = time.monotonic()
        if self.shown and (now - self.told > (0.2 if self.tty else 30) or self.done == self.total):
            self.told = now
            left = (now - self.began) / self.done * (self.total - self.done)
            line = f"{self.done} of {self.total} mutants, {self.survivors} survive, {left / 60:.0f} min {left % 60:02.0f} s left"
            click.echo(f"\r{line}\x1b[K" if self.tty else line, err=True, nl=not self.tty or self.done == self.total)


class Session:
    """All mutants of all stacks through all benches."""

    def __init__(self, tools: runner.Toolbox, texts: dict[str, dict[str, str]], level: str, sanitizer: str,
                 deep: bool) -> None:
        self.tools, self.texts, self.level, self.sanitizer, self.deep = tools, texts, level, sanitizer, deep
        self.benches: dict[tuple[str, str], Bench] = {}
        self.locks: dict[tuple[str, str], threading.Lock] = {}
        self.lock = threading.Lock()

    def bench(self, stack: str, sanitizer: str) -> Bench:
        """The bench of a stack, prepared by whoever needs it first."""
        key = (stack, sanitizer)
        with self.lock:
            lock = self.locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self.benches:
                bench = Bench(self.tools, stack, self.texts[stack], sanitizer, self.level)
                bench.prepare()
                self.benches[key] = bench
            return self.benches[key]

    def judge(self, mutant: Mutant, folder: Path) -> Verdict:
        began = time.monotonic()
        bench = self.bench(mutant.stack, self.sanitizer)
        verdict = bench.examine(folder, mutant)
        special = KINDS[mutant.kind].sanitizer
        if verdict.state == SURVIVED:
            entry = equivalents.equivalent(mutant, self.texts[mutant.stack][mutant.file])
            if entry is not None:
                verdict = Verdict(mutant, ACCEPTED, entry.name)
            elif not special and bench.identical(folder / "object", mutant):
                verdict = Verdict(mutant, IDENTICAL, "the same object code")
        if verdict.state == SURVIVED and self.deep and not self.sanitizer:  # what plain runs can't see, a sanitizer may
            threads = special == "thread" and "threads_" in self.texts[mutant.stack][f"test_{mutant.stack}.cpp"]
            sanitizer = "thread" if threads else "address,undefined"
            verdict = self.bench(mutant.stack, sanitizer).examine(folder / sanitizer.partition(",")[0], mutant)
        verdict.seconds = time.monotonic() - began
        return verdict


def diff_of(mutant: Mutant, text: str) -> str:
    lines = difflib.unified_diff(text.splitlines(), mutant.apply(text).splitlines(), mutant.file, "mutant", lineterm="", n=2)
    return "\n".join("    " + line for line in list(lines)[2:])


def show(verdict: Verdict, texts: dict[str, dict[str, str]]) -> None:
    m = verdict.mutant
    told = f"{verdict.state} by {verdict.by} ({verdict.how})" if verdict.how else f"{verdict.state} {verdict.by}".strip()
    click.echo(f"{m.id}  {m.file}:{m.line}: {told}\n{diff_of(m, texts[m.stack][m.file])}\n")


def examine_all(session: Session, mutants: list[Mutant], jobs: int, quiet: bool) -> list[Verdict]:
    """Every mutant's verdict, in the order of the mutants."""
    folders: queue.Queue[Path] = queue.Queue()
    for i in range(jobs):
        folders.put(session.tools.root / f"worker-{i}")
    progress = Progress(len(mutants), not quiet)
    lock = threading.Lock()

    def one(mutant: Mutant) -> Verdict:
        folder = folders.get()
        try:
            verdict = session.judge(mutant, folder / mutant.stack)
        finally:
            folders.put(folder)
        with lock:
            progress.step(verdict)
            if verdict.state == SURVIVED:
                show(verdict, session.texts)
        return verdict

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(one, mutant) for mutant in mutants]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def tell_stacks(verdicts: list[Verdict]) -> None:
    stacks = list(dict.fromkeys(v.mutant.stack for v in verdicts))
    width = max(len(s) for s in (*stacks, "stack"))
    click.echo(f"{'stack':{width}}  mutants   killed  same code  accepted  stillborn  survived")
    for stack in (*stacks, *(["all"] if len(stacks) > 1 else [])):
        mine = Counter(v.state for v in verdicts if stack in (v.mutant.stack, "all"))
        click.echo(f"{stack:{width}}  {sum(mine.values()):7}  {mine[KILLED]:7}  {mine[IDENTICAL]:9}  {mine[ACCEPTED]:8}  "
                   f"{mine[STILLBORN]:9}  {mine[SURVIVED]:8}")


def tell_kinds(verdicts: list[Verdict]) -> None:
    click.echo(f"\n{'kind':22}  mutants   killed  same code  accepted  stillborn  survived  mostly caught by")
    for kind in KINDS:
        mine = [v for v in verdicts if v.mutant.kind == kind]
        if mine:
            states = Counter(v.state for v in mine)
            by = Counter(v.by.split(": ", 1)[-1] for v in mine if v.state == KILLED).most_common(1)
            click.echo(f"{kind:22}  {len(mine):7}  {states[KILLED]:7}  {states[IDENTICAL]:9}  {states[ACCEPTED]:8}  "
                       f"{states[STILLBORN]:9}  {states[SURVIVED]:8}  {by[0][0] if by else ''}")


def document(verdicts: list[Verdict], texts: dict[str, dict[str, str]]) -> dict[str, Any]:
    return {
        "kinds": {name: kind.about for name, kind in KINDS.items()},
        "summary": {state: sum(v.state == state for v in verdicts) for state in STATES},
        "mutants": [{"id": v.mutant.id, "kind": v.mutant.kind, "stack": v.mutant.stack, "file": v.mutant.file, "line": v.mutant.line,
                     "function": v.mutant.function, "about": v.mutant.about, "state": v.state, "by": v.by, "how": v.how,
                     "seconds": round(v.seconds, 3),
                     **({"diff": diff_of(v.mutant, texts[v.mutant.stack][v.mutant.file])} if v.state == SURVIVED else {})}
                    for v in verdicts]}


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def markdown() -> str:
    """The tables of the documentation: kinds, and accepted equivalents."""
    lines = ["| kind | the fault | |", "|---|---|---|"]
    lines += [f"| `{k.name}` | {_cell(k.about)} | {k.group} |" for k in KINDS.values()]
    lines += ["", "| accepted | where | why no test can see it |", "|---|---|---|"]
    for entry in equivalents.TABLE:
        kinds = ", ".join(f"`{kind}`" for kind in entry.kinds.split("|"))
        line = _cell(entry.line)
        lines.append(f"| {entry.name} | {kinds} at `{line}` | {entry.reason} |")
    return "\n".join(lines)


def _print_markdown(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(markdown())
        ctx.exit()


@click.command("mutate")
@spec_options
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only faults of this kind; may be repeated.")
@click.option("--only", "ids", multiple=True, metavar="ID", help="Only this mutant, such as numa_slab:drop-fill:3; may be repeated.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N mutants, drawn at random.")
@click.option("--seed", default=1, show_default=True, help="What --sample draws with.")
@click.option("--jobs", "-j", type=click.IntRange(min=1), default=None, metavar="N", help="Mutants at a time; as many as processors.")
@click.option("--list", "as_list", is_flag=True, help="Print the mutants, and run none.")
@click.option("--sanitize", is_flag=True, help="Build with the address and undefined behaviour sanitizers.")
@click.option("--deep/--no-deep", default=True, show_default=True, help="Try survivors again under the sanitizers.")
@click.option("--json", "as_json", type=click.Path(dir_okay=False), metavar="FILE", help="Write every verdict as JSON.")
@click.option("--cc", default="gcc", show_default=True, metavar="COMMAND", help="The C compiler.")
@click.option("--cxx", default="g++", show_default=True, metavar="COMMAND", help="The C++ compiler.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@click.option("--markdown", is_flag=True, hidden=True, is_eager=True, expose_value=False, callback=_print_markdown)
def COMMAND(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
            warnings: tuple[str, ...], kinds: tuple[str, ...], ids: tuple[str, ...], sample: int | None, seed: int,
            jobs: int | None, as_list: bool, sanitize: bool, deep: bool, as_json: str | None, cc: str, cxx: str, quiet: bool) -> None:
    """Put small faults into the C that SPECS emit, and see that the tests catch each.

    A mutant is the header and source of a stack with one fault at one place. It is killed when a generated test fails,
    crashes or hangs. Mutants of which the compiler makes the same code, and the few that the documentation explains, are
    no faults. Exits 1 when another one survives, and shows it.
    """
    import os

    from .. import emit
    from ..pipeline import Options

    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        close = difflib.get_close_matches(unknown[0], KINDS, 1)
        raise click.UsageError(f"there is no kind {unknown[0]!r}" + (f"; did you mean {close[0]!r}?" if close else ""))
    options = Options("generated", True, True, include, only)
    outputs = render_or_fail(specs, options, diagnostics, warnings)
    files = emit.finish(outputs)
    texts = {o.stack.name: {name: files[f"{o.stack.name}/{name}"] for name in o.files} for o in outputs}
    mutants = [m for stack, own in texts.items()
               for m in operators.mutants_of(stack, {f"{stack}.{e}": own[f"{stack}.{e}"] for e in ("h", "c")})
               if not kinds or m.kind in kinds]
    if ids:
        missing = sorted(set(ids) - {m.id for m in mutants})
        if missing:
            raise click.UsageError(f"there is no mutant {missing[0]}; --list shows them")
        mutants = [m for m in mutants if m.id in ids]
    if sample is not None and sample < len(mutants):
        chosen = set(random.Random(seed).sample(range(len(mutants)), sample))
        mutants = [m for i, m in enumerate(mutants) if i in chosen]
    if as_list:
        for m in mutants:
            click.echo(f"{m.id}  {m.file}:{m.line}  {m.about}")
        return
    if not mutants:
        raise click.UsageError("no mutant is left to run")

    root = Path(tempfile.mkdtemp(prefix="lamina-mutate-"))
    try:
        tools = runner.Toolbox(shlex.split(cc), shlex.split(cxx), root)
        session = Session(tools, texts, "-O1", "address,undefined" if sanitize else "", deep)
        verdicts = examine_all(session, mutants, jobs or os.cpu_count() or 1, quiet)
    except runner.MissingTool as error:
        raise Failed(ENVIRONMENT, str(error)) from None
    except runner.Broken as error:
        raise Failed(SPEC_WRONG, str(error)) from None
    finally:
        shutil.rmtree(root, ignore_errors=True)

    survivors = [v for v in verdicts if v.state == SURVIVED]
    stillborn = [v for v in verdicts if v.state == STILLBORN]
    for v in verdicts if ids else []:
        if v.state != SURVIVED:  # those were shown
            show(v, texts)
    tell_stacks(verdicts)
    tell_kinds(verdicts)
    if as_json:
        Path(as_json).write_text(json.dumps(document(verdicts, texts), indent=1) + "\n", encoding="utf-8")
    if len(stillborn) > max(3, MOST_STILLBORN * len(verdicts)):
        worst = Counter(v.mutant.kind for v in stillborn).most_common(1)[0][0]
        raise Failed(SPEC_WRONG, f"{len(stillborn)} of {len(verdicts)} mutants don't compile, most of the kind {worst}")
    if survivors:
        shown = ", ".join(v.mutant.id for v in survivors[:8]) + (", …" if len(survivors) > 8 else "")
        raise Failed(SPEC_WRONG, f"{len(survivors)} mutants survive: {shown}")
