"""A result as documents: one page of HTML, Markdown, and the picture of all stacks."""

from __future__ import annotations

from typing import Any, Sequence

import jinja2
from markupsafe import Markup

from .. import charts, paths
from . import pictures, replay_view, view


def _environment(escape: bool) -> jinja2.Environment:
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(paths.templates_dir() / "report"), autoescape=escape,
                             undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    env.filters["cell"] = cell
    return env


def cell(text: Any) -> str:
    """Text that stands in a table of Markdown: no character of it ends the cell or begins a tag."""
    return str(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def _figure(svg: str, caption: str, wide: bool = False) -> Markup:
    """A chart as it stands in a page: it and its caption are HTML already."""
    out = charts.figure(svg, caption)
    return Markup(out.replace("<figure>", '<figure class="wide">', 1) if wide else out)


def _charts(document: dict[str, Any]) -> dict[tuple[str, str], list[Markup]]:
    """The charts of each stack and pattern."""
    titles = {pattern["name"]: pattern["title"] for pattern in document["patterns"]}
    out: dict[tuple[str, str], list[Markup]] = {}
    for stack in document["stacks"]:
        for pattern in stack["patterns"]:
            if not pattern["applicable"]:
                continue
            touched = next((v for v in pattern["variants"] if v["touch"]), pattern["variants"][0])
            title = titles[pattern["pattern"]]
            timed = any(r["time"] for r in touched["results"])
            drawn = ((pictures.bars(stack, title, touched["results"]),
                      "Time per object: the median and its interval. Shorter is better." if timed else
                      "Instructions per object. Shorter is better."),
                     (pictures.latency(stack, title, touched["results"]),
                      "Latency of single calls: how many are done by when, up to the longest, on logarithmic scales. Lower is better."))
            out[stack["name"], pattern["pattern"]] = [_figure(svg, caption) for svg, caption in drawn if svg]
    return out


def _replay_charts(replay: dict[str, Any], place: int) -> dict[str, list[Markup]]:
    """The charts of each group of a replay."""
    out = {}
    for group in replay["groups"]:
        course = pictures.memory(place, group)
        out[group["name"]] = [_figure(pictures.replay_bars(place, group), "Time per call: the median and the quartiles. Shorter is "
                                      "better.")]
        if course:
            out[group["name"]].append(_figure(course, "Memory over the program's calls: what is resident, and the bytes in use. Lower is better."))
    return out


def html(document: dict[str, Any], replays: Sequence[dict[str, Any]] = ()) -> str:
    """One page that needs no other file."""
    seen, all_stacks = view.document(document), pictures.summary(document)
    summary = all_stacks and _figure(all_stacks, "Instructions of one alloc and one free, the loop's own taken off. The scale is "
                                     "logarithmic; left is better.", wide=True)
    return _environment(True).get_template("comparison.html.j2").render(
        doc=seen, style=Markup(charts.style()), charts=_charts(document), summary=summary,
        replays=[(replay_view.document(replay, place), _replay_charts(replay, place)) for place, replay in enumerate(replays, 1)])


def markdown(document: dict[str, Any], replays: Sequence[dict[str, Any]] = ()) -> str:
    """The tables, for a document that is read as text."""
    return _environment(False).get_template("comparison.md.j2").render(
        doc=view.document(document), replays=[replay_view.document(replay) for replay in replays]).rstrip("\n") + "\n"


def picture(document: dict[str, Any]) -> str:
    """All stacks in one SVG that stands alone; nothing where no instructions were counted."""
    svg = pictures.summary(document)
    return pictures.alone(svg) if svg else ""
