"""The command line.

Exit status: 0 done, 1 the spec is wrong, 2 the command line is wrong, 3 generated files are out of date, 4 formatter or
file system, 70 a bug of ours.
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


def render_or_fail(specs: tuple[str, ...], options: Any, style: str, warnings: tuple[str, ...]) -> Any:
    from .pipeline import load_all

    diags = diagnostics_for(warnings)
    outputs = load_all(specs, options, diags)
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
@click.option("--stdout", "to_stdout", is_flag=True, help="Print the header and source in place of writing files.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@click.option("--depfile", metavar="FILE", help="Write a rule for make or ninja: what the output depends on.")
@click.option("--list-outputs", is_flag=True, help="Print the files that would be written, and write none.")
@click.option("-q", "--quiet", is_flag=True, help="Don't say what was written.")
def generate(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
             warnings: tuple[str, ...], target: str | None, out: str, generic: bool, tests: bool, formatted: bool,
             standalone: bool, to_stdout: bool, dry_run: bool, depfile: str | None, list_outputs: bool, quiet: bool) -> None:
    """Emit the C, the tests and the page of each stack of SPECS."""
    from . import emit
    from .pipeline import Options, all_stacks, generator_inputs, output_names

    if standalone:
        generic = tests = False
    options = Options(out, generic, tests, include, only, target)
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
    files: dict[str, Any] = dict(emit.finish(outputs, options, formatted))
    if standalone:
        from .standalone import runtime_files
        from .targets import TARGETS

        for output in outputs:
            texts = [t for n, t in output.files.items() if n.endswith((".c", ".h"))]
            for name, data in runtime_files(texts, TARGETS[output.stack.options.target].runtime).items():
                files[f"{output.stack.name}/{name}"] = data
    if list_outputs:
        click.echo("\n".join(os.path.join(out, name) for name in files))
        return
    if to_stdout:
        for name, text in files.items():
            if name.endswith((".h", ".c")) and isinstance(text, str) and not name.split("/")[-1].startswith("test_") \
                    and "_generic." not in name:
                click.echo(text, nl=False)
        return
    if dry_run:
        for name in files:
            path = os.path.join(out, name)
            state = "new" if not os.path.exists(path) else "same" if _same(path, files[name]) else "changed"
            click.echo(f"{state:8} {path}")
        return
    changed = emit.write(files, out)
    if depfile:
        inputs = sorted({path for output in outputs for path in output.inputs})
        inputs += generator_inputs([output.stack for output in outputs])
        emit.depfile(depfile, [os.path.join(out, name) for name in files], inputs)
    if not quiet:
        for output in outputs:
            mine = [c for c in changed if os.sep + output.stack.name + os.sep in os.sep + c]
            click.echo(f"{os.path.join(out, output.stack.name)}: {len(mine)} of "
                       f"{len([f for f in files if f.startswith(output.stack.name + '/')])} files changed" if mine else
                       f"{os.path.join(out, output.stack.name)}: up to date")


def _same(path: str, content: Any) -> bool:
    with open(path, "rb") as stream:
        return stream.read() == (content.encode("utf-8") if isinstance(content, str) else content)


@cli.command(short_help="tell whether emitted files are up to date")
@spec_options
@target_option
@click.option("-o", "--output", "out", default="generated", show_default=True, metavar="DIR", help="Folder of the output.")
@click.option("--generic/--no-generic", default=True, show_default=True, help="The generic twin as well.")
@click.option("--tests/--no-tests", default=True, show_default=True, help="The Catch2 tests as well.")
@click.option("--format/--no-format", "formatted", default=True, show_default=True, help="Whether it was formatted.")
def check(specs: tuple[str, ...], include: tuple[str, ...], only: tuple[str, ...], diagnostics: str,
          warnings: tuple[str, ...], target: str | None, out: str, generic: bool, tests: bool, formatted: bool) -> None:
    """Tell whether the files in the output folder are what SPECS give; print a diff where they are not."""
    from . import emit
    from .check import compare
    from .pipeline import Options

    options = Options(out, generic, tests, include, only, target)
    outputs = render_or_fail(specs, options, diagnostics, warnings)
    findings = compare(outputs, emit.finish(outputs, options, formatted), out)
    for finding in findings:
        click.echo(f"{finding.path}: {finding.state}")
        if finding.diff:
            click.echo(finding.diff)
    if not findings:
        click.echo(f"{len(outputs)} stacks are up to date")
        return
    states = {finding.state for finding in findings}
    more = [w for i in include for w in ("-I", i)] + [w for s in only for w in ("--stack", s)] + ([] if generic else ["--no-generic"]) + \
        ([] if tests else ["--no-tests"]) + (["--target", target] if target else []) + ([] if formatted else ["--no-format"])
    click.echo("run: lamina generate " + " ".join(map(shlex.quote, [*specs, "-o", out, *more])), err=True)
    if "edited by hand" in states:
        click.echo("what was edited by hand is lost then: move it into the spec, or keep the file under another name", err=True)
    if states == {"formatter differs"}:
        click.echo("only the formatting differs: this clang-format is not the version that the manifest names", err=True)
    raise Failed(STALE)


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
            where = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
            click.echo(f"lamina: {where}", err=True)
            sys.exit(ENVIRONMENT)
        click.echo(f"lamina: a bug in Lamina: {type(error).__name__}: {error}\nlamina: run again with LAMINA_TRACEBACK=1 "
                   "and report what it prints, with the spec", err=True)
        sys.exit(BUG)
