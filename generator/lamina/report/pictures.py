"""The charts of a comparison."""

from __future__ import annotations

import math
import re
from typing import Any

from ..charts import COLORS, DARK, LIGHT, Chart

#: Of each kind of subject: colour and line. The general allocators share a colour where their names stand beside the bars.
FLAT, GENERIC, FLOOR, GENERAL = COLORS["1"], COLORS["2"], COLORS["3"], COLORS["6"]
LINES = ((COLORS["4"], "-"), (COLORS["5"], "-"), (COLORS["6"], "--"), (COLORS["ink"], ":"), (COLORS["4"], "--"), (COLORS["5"], ":"))
NINES = ((0.0, "0"), (0.9, "90"), (0.99, "99"), (0.999, "99.9"), (0.9999, "99.99"))
WIDTH = 4.0  # inches: two stand beside each other on a wide screen, and letters keep their size on a narrow one
MAX_AT = 5.3  # where the longest call stands, behind 99.999 %


def _plain(text: str) -> str:
    """A name as it stands in a chart: no longer than there is room for, and no formula between dollars."""
    return (text if len(text) <= 22 else text[:21] + "…").replace("$", r"\$")


def _legend(chart: Chart, columns: int, reverse: bool = False) -> None:
    """Names of the series above the axes, as narrow as the picture."""
    from matplotlib.transforms import blended_transform_factory

    handles, names = chart.axes.get_legend_handles_labels()
    order = slice(None, None, -1 if reverse else 1)
    over = blended_transform_factory(chart.figure.transFigure, chart.axes.transAxes)
    chart.axes.legend(handles[order], names[order], loc="lower center", bbox_to_anchor=(0.5, 1.02), bbox_transform=over, ncols=columns,
                      fontsize=8, columnspacing=1.0, handletextpad=0.5, handlelength=1.3, labelcolor=COLORS["ink"], frameon=False,
                      borderaxespad=0.0)


def _kinds(stack: dict[str, Any]) -> dict[str, str]:
    return {subject["name"]: subject["kind"] for subject in stack["subjects"]}


def _bar_color(kind: str) -> str:
    return {"flat": FLAT, "generic": GENERIC, "floor": FLOOR}.get(kind, GENERAL)


def bars(stack: dict[str, Any], title: str, results: list[dict[str, Any]]) -> str:
    """Nanoseconds per object with their intervals, or instructions where no times were taken; nothing where neither was."""
    timed = [r for r in results if r["time"]] or [r for r in results if r["instructions"]]
    if not timed:
        return ""
    by_time = bool(timed[0]["time"])
    names = {subject["name"]: subject["title"] for subject in stack["subjects"]}
    kinds = _kinds(stack)
    values = [r["time"]["interval_ns"]["median"] if by_time else r["instructions"]["per_object"] for r in timed]
    what = "ns per object" if by_time else "instructions per object"
    chart = Chart(f"{stack['name']}, {title}: {what}", "bars with the interval of each median" if by_time else "bars",
                  width=WIDTH, height=0.75 + 0.27 * len(timed))
    axes, places = chart.axes, range(len(timed))
    axes.barh(places, values, color=[_bar_color(kinds[r["subject"]]) for r in timed], height=0.66)
    ends = list(values)
    for place, result in zip(places, timed):
        bounds = result["time"]["interval_ns"] if by_time else {"low": None}
        if bounds["low"] is not None:
            axes.errorbar(bounds["median"], place, xerr=[[max(0.0, bounds["median"] - bounds["low"])],
                          [max(0.0, bounds["high"] - bounds["median"])]], color=COLORS["ink"], capsize=2.5, elinewidth=1, fmt="none")
            ends[place] = bounds["high"]
    most = max(ends) or 1.0
    for place, value, end in zip(places, values, ends):
        axes.text(end + most * 0.02, place, f"{value:.3g}", va="center", ha="left", fontsize=8.5, color=COLORS["ink"])
    axes.set_yticks(list(places), [_plain(names[r["subject"]]) for r in timed])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=what, xlim=(0, most * 1.16))
    return chart.svg()


def _nine(share: float) -> float:
    return MAX_AT if share >= 1.0 else -math.log10(1.0 - share)


def latency(stack: dict[str, Any], title: str, results: list[dict[str, Any]]) -> str:
    """How long single calls take: the share of the calls that are done by then. Nothing where it was not measured."""
    late = [r for r in results if r["latency"]]
    if not late:
        return ""
    names = {subject["name"]: subject["title"] for subject in stack["subjects"]}
    kinds = _kinds(stack)
    chart = Chart(f"{stack['name']}, {title}: latency of a call", "nanoseconds that a share of the calls doesn't exceed, up to the longest",
                  width=WIDTH, height=0.75 + 0.27 * 7)
    general = iter(LINES * (len(late) // len(LINES) + 1))
    for result in late:
        kind = kinds[result["subject"]]
        color, line = (_bar_color(kind), "-") if kind in ("flat", "generic", "floor") else next(general)
        curve = result["latency"]["curve"]
        chart.axes.plot([_nine(share) for share, _ in curve], [ns for _, ns in curve], color=color, linestyle=line,
                        label=_plain(names[result["subject"]]), linewidth=2.2 if kind == "flat" else 1.3, zorder=3 if kind == "flat" else 2)
    chart.axes.set_yscale("symlog", linthresh=1.0, linscale=0.35)
    chart.axes.set_ylim(0, None)
    marks = [(value, label) for value, label in ((1, "1 ns"), (10, ""), (100, "100 ns"), (1e3, ""), (1e4, "10 µs"), (1e5, ""),
             (1e6, "1 ms"), (1e7, ""), (1e8, "100 ms")) if value <= chart.axes.get_ylim()[1]]
    chart.axes.set_yticks([value for value, _ in marks], [label for _, label in marks])
    chart.axes.minorticks_off()
    chart.axes.set_xticks([_nine(share) for share, _ in NINES] + [MAX_AT], [label for _, label in NINES] + ["max"])
    chart.axes.set(xlabel="share of the calls, %", xlim=(0, MAX_AT))
    _legend(chart, 3)
    return chart.svg()


DOTS = (("generic", "generic twin", GENERIC, "o"), ("malloc", "system malloc", GENERAL, "s"), ("floor", "hand-written", FLOOR, "D"),
        ("flat", "flat", FLAT, "o"))


def _own(stack: dict[str, Any]) -> tuple[dict[str, float], str]:
    """Each subject's own instructions in the first pattern that was counted, untouched, and which it is."""
    for pattern in stack["patterns"]:
        for variant in pattern.get("variants", ()):
            own = {r["subject"]: r["instructions"]["own"] for r in variant["results"] if r["instructions"]}
            if not variant["touch"] and own.get("flat", 0) > 0:
                return own, pattern["pattern"]
    return {}, ""


def summary(document: dict[str, Any]) -> str:
    """All stacks in one picture: own instructions of one object's alloc and free. Nothing where none were counted."""
    rows = [(stack["name"], *_own(stack)) for stack in document["stacks"]]
    rows = [row for row in rows if row[1]]
    if not rows:
        return ""
    title = next(p["title"] for p in document["patterns"] if p["name"] == rows[0][2])
    chart = Chart("Instructions of one alloc and one free, by stack", f"pattern: {title}; the loop's own are taken off",
                  height=1.0 + 0.25 * len(rows))
    axes = chart.axes
    for place, (_, own, _) in enumerate(rows):
        shown = [own[name] for name, *_ in DOTS if own.get(name, 0) > 0]
        axes.plot([min(shown), max(shown)], [place, place], color=COLORS["grid"], linewidth=3, solid_capstyle="round", zorder=1)
    for name, label, color, marker in DOTS:
        points = [(own[name], place) for place, (_, own, _) in enumerate(rows) if own.get(name, 0) > 0]
        if points:
            # A frame around the floor's place: where it is flat's own, both are seen.
            shape = {"markerfacecolor": "none", "markeredgewidth": 1.5, "markersize": 8.5} if name == "floor" else {"markersize": 5.5}
            axes.plot([x for x, _ in points], [y for _, y in points], color=color, marker=marker, linestyle="none", label=label,
                      zorder=3 if name == "flat" else 2, **shape)
    axes.set_xscale("log")
    least, most = axes.get_xlim()
    marks = [value for value in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if least <= value <= most]
    axes.set_xticks(marks, [f"{value:,}" for value in marks])
    axes.minorticks_off()
    axes.set_yticks(range(len(rows)), [_plain(name) for name, *_ in rows])
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="instructions, on a logarithmic scale")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    _legend(chart, 4, reverse=True)
    return chart.svg()


def memory(place: int, group: dict[str, Any]) -> str:
    """Resident memory over a replay, and the bytes that are in use."""
    courses = [(result, result["memory"]["over_time"]) for result in group["results"] if result["memory"]["over_time"]]
    if not courses:
        return ""
    most = max(value for _, course in courses for _, *values in course for value in values)
    scale, unit = next((scale, unit) for scale, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes"))
                       if most >= 2 * scale or scale == 1)
    chart = Chart(f"replay {place}, {group['name']}: memory over the calls", "resident memory of each allocator, and the bytes in use",
                  width=WIDTH, height=0.75 + 0.27 * 7)
    calls = [call for call, _, _ in courses[0][1]]
    chart.axes.fill_between(calls, [used / scale for _, _, used in courses[0][1]], color=COLORS["grid"], linewidth=0, label="bytes in use")
    general = iter(LINES * (len(courses) // len(LINES) + 1))
    for result, course in courses:
        kind = result["kind"]
        color, line = (_bar_color(kind), "-") if kind in ("flat", "generic", "floor") else next(general)
        chart.axes.plot([call for call, _, _ in course], [resident / scale for _, resident, _ in course], color=color, linestyle=line,
                        label=_plain(result["subject"]), linewidth=2.2 if kind == "flat" else 1.3, zorder=3 if kind == "flat" else 2)
    chart.axes.set(xlabel="calls", ylabel=unit, xlim=(0, max(calls) or 1), ylim=(0, None))
    chart.axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    chart.axes.locator_params(axis="x", nbins=5)
    _legend(chart, 3)
    return chart.svg()


def replay_bars(place: int, group: dict[str, Any]) -> str:
    """Nanoseconds per call of a replay, with the quartiles of the rounds."""
    results = group["results"]
    chart = Chart(f"replay {place}, {group['name']}: ns per call", "bars with the quartiles of the rounds", width=WIDTH,
                  height=0.75 + 0.27 * len(results))
    axes, places = chart.axes, range(len(results))
    times = [result["time"] for result in results]
    values = [time["median_ns"] for time in times]
    axes.barh(places, values, color=[_bar_color(result["kind"]) for result in results], height=0.66)
    axes.errorbar(values, places, xerr=[[max(0.0, t["median_ns"] - t["quartile_low_ns"]) for t in times],
                  [max(0.0, t["quartile_high_ns"] - t["median_ns"]) for t in times]], color=COLORS["ink"], capsize=2.5, elinewidth=1, fmt="none")
    most = max(t["quartile_high_ns"] for t in times) or 1.0
    for place, time in zip(places, times):
        axes.text(time["quartile_high_ns"] + most * 0.02, place, f"{time['median_ns']:.3g}", va="center", ha="left", fontsize=8.5,
                  color=COLORS["ink"])
    axes.set_yticks(list(places), [_plain(result["subject"]) for result in results])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel="ns per call", xlim=(0, most * 1.16))
    return chart.svg()


def alone(svg: str) -> str:
    """A picture as a file of its own: it brings the colours that it has in a page."""
    def variables(colors: dict[str, str]) -> str:
        return " ".join(f"--{'c' if name.isdigit() else ''}{name}: {value};" for name, value in colors.items())

    rules = (f"svg {{ {variables(LIGHT)} background: var(--ground); }} "
             f"@media (prefers-color-scheme: dark) {{ svg {{ {variables(DARK)} }} }} text {{ font-family: sans-serif !important; }}")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert size is not None
    head, body = svg.split(">", 1)
    return (f'<?xml version="1.0" encoding="utf-8"?>\n{head} width="{float(size.group(1)) * 1.9:.0f}" '
            f'height="{float(size.group(2)) * 1.9:.0f}"><style>{rules}</style>{body}\n')
