"""The command line of tests/platform/run."""

from __future__ import annotations

import difflib
import resource
import subprocess
import sys
import time
from pathlib import Path

import click

from . import build, page
from .platforms import Platform, platforms
from .results import Result, load
from .ways import WAYS

PASSED, FAILED, SKIPPED = 0, 1, 77


def show(result: Result) -> None:
    for line in result.failed:
        click.echo(f"    failed: {line}")
    for line in result.skipped:
        click.echo(f"    skipped: {line}")


def processor_seconds() -> float:
    """What the programs that were started and have ended took, however many others the machine had to do."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_one(platform: Platform, quick: bool) -> Result:
    result = Result(platform.name)
    lacks = platform.lacks()
    if lacks:
        result.state = "skipped"
        click.echo(f"{platform.name}: skipped; it needs")
        for line in lacks:
            click.echo(f"    {line}")
        result.store()  # or the page would go on telling of an earlier run
        return result
    began, used = time.monotonic(), processor_seconds()
    try:
        WAYS[platform.how](platform, result, quick)
    except build.Broken as broken:
        result.failed.append(str(broken))
    except (OSError, subprocess.SubprocessError) as problem:
        result.failed.append(f"{type(problem).__name__}: {problem}")
    result.seconds = round(time.monotonic() - began, 1)
    result.processor_seconds = round(processor_seconds() - used, 1)
    result.whole = not quick
    result.settle()
    result.store()
    words = {"passed": f"passed, {result.passed_cases} cases", "built": "compiled and linked; nothing here runs it",
             "failed": f"FAILED, {len(result.failed)} of {result.passed_cases + len(result.failed)} cases"}
    click.echo(f"{platform.name}: {words[result.state]}, {len(result.skipped)} cases skipped, {result.seconds} s, "
               f"{result.processor_seconds} s of a processor")
    show(result)
    return result


def chosen(only: tuple[str, ...]) -> list[Platform]:
    """Those whose names begin as asked; an exact name is that one alone."""
    known = platforms()
    names = {platform.name for platform in known}
    out = [p for p in known if not only or any(p.name == o if o in names else p.name.startswith(o) for o in only)]
    for word in only:
        if not any(p.name.startswith(word) for p in known):
            raise click.UsageError(f"there is no platform {word}; tests/platform/run --list shows all")
    return out


def the_page() -> str:
    """From the last result of each platform, none of which may be missing, failed, quick, or of another tree."""
    stored = [load(platform.name) for platform in platforms()]
    missing = [p.name for p, r in zip(platforms(), stored)
               if r is None or r.state not in ("passed", "built") or not r.whole or r.stale]
    if missing:
        raise click.ClickException("the page needs a run of each platform, of the runtime, the suite and the stacks as they are "
                                   "now, without --quick and without failures; it lacks " + ", ".join(missing))
    return page.text(platforms(), [r for r in stored if r])


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--list", "listed", is_flag=True, help="Show the platforms and what each lacks here; run nothing.")
@click.option("--only", multiple=True, metavar="NAME", help="Only platforms whose name begins so; may be repeated.")
@click.option("--needs", is_flag=True, help="Print what is lacking, one thing a line: apt, npm or fetch, and its name.")
@click.option("--everyday", is_flag=True, help="Only those that need no emulator.")
@click.option("--quick", is_flag=True, help="Leave out the stacks' C++ tests.")
@click.option("--require", is_flag=True, help="A platform that would be skipped has failed.")
@click.option("--markdown", type=click.Path(path_type=Path), metavar="FILE", help="Write the page of results; with --only or "
              "--everyday, the other platforms' last results are taken.")
@click.option("--compare", type=click.Path(path_type=Path, exists=True), metavar="FILE", help="This page tells of "
              "other sources than the results: failed. Differences that are the machine's are told.")
@click.option("--page-only", is_flag=True, help="Take the last results; run nothing.")
def main(listed: bool, needs: bool, only: tuple[str, ...], everyday: bool, quick: bool, require: bool, markdown: Path | None,
         compare: Path | None, page_only: bool) -> None:
    """Show the runtime and the example stacks to work on each platform."""
    selected = [platform for platform in chosen(only) if platform.everyday or not everyday]
    if listed:
        for platform in selected:
            lacks = platform.lacks()
            click.echo(f"{platform.name:24} {platform.brief}{' (every day)' if platform.everyday else ''}")
            for line in lacks:
                click.echo(f"{'':24} lacks: {line}")
        return
    if needs:
        lines = [line for platform in selected for line in platform.missing()]
        click.echo("".join(f"{line}\n" for line in dict.fromkeys(lines)), nl=False)
        return
    results = [] if page_only else [run_one(platform, quick) for platform in selected]
    count = {state: sum(r.state == state for r in results) for state in ("passed", "built", "failed", "skipped")}
    if results:
        click.echo(f"platforms: {count['passed']} passed, {count['built']} built, {count['failed']} failed, "
                   f"{count['skipped']} skipped")
    if markdown or compare:
        written = the_page()
        if markdown:
            markdown.write_text(written, encoding="utf-8")
        if compare:
            told = compare.read_text(encoding="utf-8").splitlines()
            differences = list(difflib.unified_diff(told, written.splitlines(), str(compare), "these results", lineterm="", n=0))
            text = "\n".join(differences[:40])
            if page.told_of(told) != page.told_of(written.splitlines()):
                raise click.ClickException(f"{compare} tells of other sources; tests/platform/run --markdown {compare} writes it\n{text}")
            if differences:  # what a machine's kernel is set up for differs; that each platform passed was required above
                click.echo(f"{compare} was written on a machine that can do other things:\n{text}")
    if count["failed"] or (require and count["skipped"]):
        sys.exit(FAILED)
    if count["skipped"]:
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main(prog_name="tests/platform/run")
