"""lamina trace-report: what a recorded program asks of malloc, in words and in pictures."""

from __future__ import annotations

import json

import click

from ..report import writing
from ..tracing import trace as traces


@click.command("trace-report")
@click.argument("trace", metavar="TRACE", type=click.Path())
@click.option("-o", "--output", metavar="FILE.html", help="Write the page with the pictures, too.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON, in place of the text.")
@click.option("--process", type=int, metavar="NUMBER", help="Of this process of the trace; the one with the most calls where none is named.")
@click.option("--processes", "list_them", is_flag=True, help="List the processes of the trace, and nothing else.")
@click.option("--partial", is_flag=True, help="Take what is there of a trace that is cut off, damaged, or whose recording stopped.")
@click.option("--cc", default="cc", show_default=True, metavar="COMMAND", help="The C compiler that builds the reader, once.")
def COMMAND(trace: str, output: str | None, as_json: bool, process: int | None, list_them: bool, partial: bool, cc: str) -> None:
    """Tell what a program that was recorded in TRACE asks of malloc.

    Sizes, lifetimes, threads, call rates and the peak, as text; with -o also as a page of pictures, in one file.
    """
    writing.place("-o", None if list_them else output)
    opened = traces.load(trace, cc, process, partial)
    if list_them:
        click.echo(json.dumps(opened.about["processes"], indent=2) if as_json else traces.listing(opened.about))
        return
    summary = opened.ask("summary")
    if output:
        from ..tracing.report_html import render

        writing.put(output, render(opened, summary))
    if as_json:
        click.echo(json.dumps({"trace": trace, "process": opened.process, "notes": opened.notes, "summary": summary}, indent=2))
    else:
        from ..tracing.report_text import text

        click.echo(text(opened, summary))
