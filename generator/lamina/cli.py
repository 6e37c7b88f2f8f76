"""The command line.

Exit status: 0 done, 1 the spec is wrong, 2 the command line is wrong, 3 generated files are out of date or edited by
hand, 4 formatter or file system, 70 a bug of ours.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Any

import click

from . import __version__
from .commands import Group
from .diagnostics import Diagnostics

DONE, SPEC_WRONG, USAGE, STALE, ENVIRONMENT, BUG = 0, 1, 2, 3, 4, 70


class Failed(click.ClickException):
    """An error that has been told: only the status is left."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.exit_code = status

    def show(self, file: Any = None) -> None:
        if self.message:
            click.echo(f"lamina: {self.message}", err=True)


def color_wanted() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def tell(diags: Diagnostics, style: str) -> None:
    """Prints what was found: text to stderr, JSON to stdout's sibling as well."""
    if style == "json":
        click.echo(diags.to_json(), err=True)
    else:
        text = diags.render(color_wanted())
        if text.strip():
            click.echo(text, err=True, nl=False)


class SpecPath(click.ParamType):
    """A spec file; completion offers what ends in .lua, .yaml or .yml."""

    name = "spec"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")]


def spec_options(command: Any, required: bool = True) -> Any:
    """Options of every command that reads specs."""
    for option in (
        click.argument("specs", nargs=-1, required=required, type=SpecPath()),
        click.option("-I", "--include", multiple=True, metavar="DIR", help="A folder that require may load Lua files from."),
        click.option("--stack", "only", multiple=True, metavar="NAME", help="Only this stack of the spec; may be repeated."),
        click.option("--diagnostics", type=click.Choice(["text", "json"]), default="text", help="How problems are told."),
        click.option("-W", "warnings", multiple=True, metavar="error[=CODE]|no-CODE",
                     help="Treat warnings as errors, or don't tell one."),
    ):
        command = option(command)
    return command


def target_option(command: Any) -> Any:
    """The option of the commands that emit or compare."""
    from .targets import TARGETS

    return click.option("--target", type=click.Choice(list(TARGETS)), metavar="NAME", help="The platform that the C is for, in "
                        "place of the one that the spec names: " + ", ".join(TARGETS) + ".")(command)


def diagnostics_for(warnings: tuple[str, ...]) -> Diagnostics:
    diags = Diagnostics()
    try:
        diags.enable_werror(["-W" + w for w in warnings])
    except ValueError as wrong:
        raise click.UsageError(f"'{str(wrong)[2:]}' is no warning option: -W error, -W error=LAM053, -W no-error=LAM053 or "
                               "-W no-LAM029") from None
    return diags


def render_or_fail(specs: tuple[str, ...], options: Any, style: str, warnings: tuple[str, ...], settle: Any = None) -> Any:
    from .pipeline import load_all

    diags = diagnostics_for(warnings)
    outputs = load_all(specs, options, diags, settle)
    tell(diags, style)
    if not diags.ok:
        raise Failed(SPEC_WRONG)
    return outputs


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lamina")
def cli() -> None:
    """Lamina compiles a spec of a memory allocator, a stack of layers, to flat, specialized C.

    \b
    lamina init pool.lua          writes a first spec
    lamina generate pool.lua      emits generated/pool/: header, source, tests, page
    lamina check pool.lua         whether what is there is what the spec gives
    """


@cli.command(short_help="emit C, tests and a page")
@spec_options
@target_option
@click.option("-o", "--output", "out", default="generated", show_default=True, metavar="DIR", help="Folder of the output.")
@click.option("--generic/--no-generic", default=True, show_default=True, help="The generic twin as well.")
@click.option("--tests/--no-tests", default=True, show_default=True, help="The Catch2 tests as well.")
@click.option("--format/--no-format", "formatted", default=True, show_default=True, help="Pass the output through clang-format.")
@click.option("--standalone", is_flag=True, help="Only header, source and page, with the runtime files that they need: the "
              "folder builds with `cc -c *.c`.")
@click.option("--force", is_flag=True, help="Write over files that were edited by hand.")
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the header and source in place of writing files.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@click.option("--depfile", metavar="FILE", help="Write a rule for make or ninja: what the output depends on.")
@click.option("--list-outputs", is_flag=True, help="Print the files that would be written, and write none.")
@click.option("-q", "--quiet", is_flag=True, help="Don't say what was written.")
def generate(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
             warnings: tuple[str, ...], target: str | None, out: str, generic: bool, tests: bool, formatted: bool,
             standalone: bool, force: bool, to_stdout: bool, dry_run: bool, depfile: str | None, list_outputs: bool,
             quiet: bool) -> None:
    """Emit the C, the tests and the page of each stack of SPECS.

    What an earlier run emitted and this one doesn't is removed, whole folders of stacks that the spec doesn't declare any
    more as well, unless --stack chooses some. A file that was edited by hand since is never removed, and only written
    over with --force.
    """
    from . import emit
    from .pipeline import Options, all_stacks, generator_inputs, output_names

    options = Options(out, generic and not standalone, tests and not standalone, include, only, target, formatted, standalone)
    if list_outputs and not standalone:
        diags = diagnostics_for(warnings)
        names = [os.path.join(out, stack.name, name) for stack, _, _ in all_stacks(specs, options, diags)
                 for name in output_names(stack, options)]
        if not diags.ok:
            tell(diags, diagnostics)
            raise Failed(SPEC_WRONG)
        click.echo("\n".join(names))
        return
    outputs = render_or_fail(specs, options, diagnostics, warnings)
    files = emit.finish(outputs)
    if list_outputs:
        click.echo("\n".join(os.path.join(out, name) for name in files))
        return
    if to_stdout:
        _print_sources([f"{output.stack.name}/{output.stack.name}{end}" for output in outputs for end in (".h", ".c")], files)
        return
    gone = [] if only else emit.abandoned(outputs, specs, out)
    found = emit.changes(files, out, gone)
    if dry_run:
        for name in files:
            path = os.path.join(out, name)
            same = found.same[name] if name in found.same else os.path.exists(path) and _same(path, files[name])
            state = "new" if not os.path.exists(path) else "same" if same else \
                "edited" if name in found.edited else "changed"
            click.echo(f"{state:8} {path}")
        for state, names in (("removed", found.stale), ("kept", found.kept)):
            for name in names:
                click.echo(f"{state:8} {os.path.join(out, name)}")
    if found.edited and not force:
        for name in found.edited:
            click.echo(f"lamina: {os.path.join(out, name)} was edited by hand", err=True)
        raise Failed(STALE, "nothing was written: move the edit into the spec, or write over it with --force")
    if dry_run:
        return
    changed = emit.write(files, out, found.stale)
    if depfile:
        inputs = sorted({path for output in outputs for path in output.inputs})
        inputs += generator_inputs([output.stack for output in outputs])
        emit.depfile(depfile, [os.path.join(out, name) for name in files], inputs)
    for name in found.kept:
        click.echo(f"lamina: {os.path.join(out, name)} is no longer given, but was edited by hand: it stays", err=True)
    if not quiet:
        _tell_written(outputs, files, changed, found.stale, out)
        for lead in gone:
            if f"{lead}/manifest.json" in found.stale:
                click.echo(f"removed {os.path.join(out, lead)}: the spec declares no such stack")


def _tell_written(outputs: Any, files: dict[str, str], changed: list[str], stale: list[str], out: str) -> None:
    for output in outputs:
        lead = output.stack.name + "/"
        mine = [name for name in changed if name.startswith(os.path.join(out, output.stack.name) + os.sep)]
        gone = [name for name in stale if name.startswith(lead)]
        all_of = len([name for name in files if name.startswith(lead)])
        told = ([f"{len(mine)} of {all_of} files changed"] if mine else []) + ([f"{len(gone)} removed"] if gone else [])
        click.echo(f"{os.path.join(out, output.stack.name)}: {', '.join(told) or 'up to date'}")
        for name in gone:
            click.echo(f"removed {os.path.join(out, name)}, which is no longer given")


def _print_sources(names: list[str], files: dict[str, str]) -> None:
    for name in names:
        try:
            click.echo(files[name], nl=False)
        except OSError as error:
            error.filename = f"standard output, while {name} was printed"
            raise


def _same(path: str, content: str) -> bool:
    """Of a file that no manifest names: the others are read where edits are looked for."""
    with open(path, "rb") as stream:
        return stream.read() == content.encode("utf-8")


@cli.command(short_help="tell whether emitted files are up to date")
@spec_options
@target_option
@click.option("-o", "--output", "out", default="generated", show_default=True, metavar="DIR", help="Folder of the output.")
@click.option("--generic/--no-generic", default=None, help="With or without the twin, however the folder was emitted.")
@click.option("--tests/--no-tests", default=None, help="With or without the tests, however the folder was emitted.")
@click.option("--format/--no-format", "formatted", default=None, help="Formatted or not, however the folder was emitted.")
@click.option("--standalone/--no-standalone", default=None, help="Standalone or not, however the folder was emitted.")
def check(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
          warnings: tuple[str, ...], target: str | None, out: str, generic: bool | None, tests: bool | None,
          formatted: bool | None, standalone: bool | None) -> None:
    """Tell whether the files in the output folder are what SPECS give; print a diff where they are not.

    A folder is compared with what the options give that it was emitted with: its manifest has them.
    """
    from . import emit
    from .check import Finding, as_emitted, compare
    from .pipeline import Options

    options = Options(out, include=include, only=only, target=target)
    outputs = render_or_fail(specs, options, diagnostics, warnings,
                             lambda stack: as_emitted(stack, options, generic, tests, formatted, standalone))
    findings = compare(outputs, emit.finish(outputs), out)
    gone = [] if only else [Finding(os.path.join(out, lead), "no longer given") for lead in emit.abandoned(outputs, specs, out)]
    for finding in findings + gone:
        click.echo(f"{finding.path}: {finding.state}")
        if finding.diff:
            click.echo(finding.diff)
    if not findings and not gone:
        click.echo(f"{len(outputs)} stacks are up to date")
        return
    states = {finding.state for finding in findings}
    force = ["--force"] if "edited by hand" in states else []
    for command in _remedies(outputs, specs, options) if findings else ():
        click.echo("run: lamina generate " + " ".join(map(shlex.quote, [*command, *force])), err=True)
    if force:
        click.echo("what was edited by hand is lost then: move it into the spec, or keep the file under another name", err=True)
    if states == {"formatter differs"}:
        click.echo("only the formatting differs: this clang-format is not the version that the manifest names", err=True)
    for finding in gone:
        click.echo(f"{finding.path}: the spec declares no such stack; lamina generate removes what it emitted there", err=True)
    raise Failed(STALE)


def _remedies(outputs: Any, specs: tuple[str, ...], options: Any) -> list[list[str]]:
    """The arguments of `generate` that bring all up to date: of one run, where all folders were emitted alike."""
    lead = ["-o", options.out, *(word for folder in options.include for word in ("-I", folder))]
    ways: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for output in outputs:
        stack = output.stack
        ways.setdefault((stack.spec, stack.chosen, output.options.parts()), []).append(stack.name)
    if len({way[1:] for way in ways}) == 1 and (options.only or not next(iter(ways))[1]):
        only = [word for name in options.only for word in ("--stack", name)]
        return [[*specs, *lead, *only, *next(iter(ways))[2]]]
    return [[spec, *lead, *(word for name in names for word in ("--stack", name)), *parts]
            for (spec, _, parts), names in ways.items()]


def _printing(error: BaseException) -> bool:
    """Whether it was raised while something was printed: such an error names no file."""
    step = error.__traceback__
    while step is not None and step.tb_frame.f_code is not click.echo.__code__:
        step = step.tb_next
    return step is not None


def main() -> None:
    """The entry point: every way to fail has its status, none shows a traceback unless LAMINA_TRACEBACK is set."""
    try:
        cli(prog_name="lamina")
    except Exception as error:
        if os.environ.get("LAMINA_TRACEBACK"):
            raise
        from .format import FormatterMissing
        from .paths import MissingFiles

        if isinstance(error, (OSError, FormatterMissing, MissingFiles)):
            where = str(error)
            if isinstance(error, OSError) and error.strerror and (error.filename or _printing(error)):
                where = f"{error.filename or 'standard output'}: {error.strerror}"
            remedy = ""
            if _printing(error):
                remedy = "; what was printed is incomplete"
                # What is left in the buffer would be tried again at the end, and fail without a name.
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            click.echo(f"lamina: {where}{remedy}", err=True)
            sys.exit(ENVIRONMENT)
        click.echo(f"lamina: a bug in Lamina: {type(error).__name__}: {error}\nlamina: run again with LAMINA_TRACEBACK=1 "
                   "and report what it prints, with the spec", err=True)
        sys.exit(BUG)
