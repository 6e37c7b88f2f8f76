"""A trace in pictures: one page that needs no other file."""

from __future__ import annotations

import html
from typing import Any

from ..charts import COLORS, Chart, figure, page, table
from .report_text import functions, headline, lifetimes, oddities, resizes, seconds
from .trace import Trace, ending, name_of
from .words import class_label, count, duration, share, size

#: Places of a point's numbers, as lamina-trace writes them.
ALLOCS, FREES, RESIZES, BYTES, OBJECTS, MOST = range(6)


def _times(s: dict[str, Any]) -> tuple[list[float], str, float]:
    """The end of each interval, the unit, and an interval's length in seconds."""
    took = max(seconds(s), 1e-9)
    unit, scale = ("s", 1.0) if took >= 2 else ("ms", 1e3) if took >= 2e-3 else ("µs", 1e6)
    step = took / len(s["points"])
    return [step * (i + 1) * scale for i in range(len(s["points"]))], unit, step


def _scaled(values: list[float], names: tuple[tuple[float, str], ...]) -> tuple[list[float], str]:
    """Values in a unit in which the largest has few digits."""
    most = max(values, default=0)
    scale, name = next(((scale, name) for scale, name in reversed(names) if most >= scale), names[0])
    return [v / scale for v in values], name


BYTE_UNITS = ((1.0, "bytes"), (1024.0, "KiB"), (1024.0 ** 2, "MiB"), (1024.0 ** 3, "GiB"))
COUNT_UNITS = ((1.0, ""), (1e3, "thousand"), (1e6, "million"))


def _memory(s: dict[str, Any]) -> str:
    x, unit, _ = _times(s)
    y, name = _scaled([float(p[MOST]) for p in s["points"]], BYTE_UNITS)
    chart = Chart("Live memory over time", f"bytes that are asked for and not freed; the peak is {size(s['peak_bytes'])}")
    chart.axes.fill_between(x, y, color=COLORS["1"], alpha=0.25, linewidth=0, step="pre")
    chart.axes.plot(x, y, color=COLORS["1"], drawstyle="steps-pre")
    chart.axes.set(xlabel=unit, ylabel=name, ylim=(0, None), xlim=(0, x[-1]))
    return figure(chart.svg(), f"Bytes asked for and not yet freed: at most {size(s['peak_bytes'])}.")


def _rates(s: dict[str, Any]) -> str:
    x, unit, step = _times(s)
    both = [[p[which] / step for p in s["points"]] for which in (ALLOCS, FREES)]
    scaled, name = _scaled(both[0] + both[1], COUNT_UNITS)
    half = len(x)
    chart = Chart("Calls per second", "allocations and frees in each interval, per second")
    chart.axes.plot(x, scaled[:half], color=COLORS["1"], label="allocations", drawstyle="steps-pre", linewidth=1.1)
    chart.axes.plot(x, scaled[half:], color=COLORS["2"], label="frees", drawstyle="steps-pre", linewidth=1.1, linestyle=(0, (3, 1)))
    chart.axes.set(xlabel=unit, ylabel=f"{name} a second".strip(), ylim=(0, None), xlim=(0, x[-1]))
    chart.legend()
    return figure(chart.svg(), f"Allocations and frees a second, over {len(x)} intervals of {duration(step * 1e9)}. "
                  "The time of a call is known to 256 calls of its thread or 4 ms: narrower peaks are the clock's.")


def _bars(chart: Chart, labels: list[str], values: list[int], color: str, whole: int) -> None:
    """Bars to the right, each with its share; the first on top."""
    places = range(len(labels))
    bars = chart.axes.barh(places, values, color=COLORS[color], height=0.72)
    chart.axes.bar_label(bars, [share(v, whole) if v else "" for v in values], padding=3, fontsize=8, color=COLORS["ink"])
    chart.axes.set_yticks(places, labels)
    chart.axes.invert_yaxis()
    chart.axes.grid(False, axis="y")
    chart.axes.margins(x=0.16)
    from matplotlib.ticker import EngFormatter, MaxNLocator

    chart.axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    chart.axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _height(bars: int) -> float:
    return max(1.4, 0.7 + 0.21 * bars)


def _sizes(s: dict[str, Any]) -> str:
    classes = s["size_classes"]
    chart = Chart("Sizes", "requests by size, in classes of powers of two", height=_height(len(classes)))
    _bars(chart, [class_label(c["log2"]) for c in classes], [c["requests"] for c in classes], "1",
          sum(c["requests"] for c in classes))
    chart.axes.set_xlabel("requests")
    return figure(chart.svg(), f"Requests by size; {count(s['distinct_sizes'])} different sizes in all.")


def _lives(s: dict[str, Any], which: str, shown: str, title: str, caption: str, color: str) -> str:
    rows = lifetimes(s, which)
    chart = Chart(title, "freed blocks by how long they lived, in classes of powers of two", height=_height(len(rows)))
    _bars(chart, [class_label(k, shown) for k, _ in rows], [n for _, n in rows], color, sum(n for _, n in rows))
    chart.axes.set_xlabel("blocks")
    return figure(chart.svg(), caption)


def _threads(s: dict[str, Any]) -> str:
    busy = [t for t in s["threads"] if t["calls"]][:24]
    chart = Chart("Threads", "calls of each thread, and its frees of blocks that another one allocated", height=_height(len(busy)))
    _bars(chart, [f"thread {t['thread']}" for t in busy], [t["calls"] for t in busy], "1", s["calls"])
    chart.axes.barh(range(len(busy)), [t["foreign_frees"] for t in busy], color=COLORS["2"], height=0.3)
    chart.axes.set_xlabel("calls")
    return figure(chart.svg(), "Calls of each thread; the thin bar: its frees of blocks that another thread allocated.")


def _pictures(s: dict[str, Any]) -> list[str]:
    out = [_memory(s), _rates(s)]
    if s["size_classes"]:
        out.append(_sizes(s))
    if any(s["lifetimes_calls_log2"]):
        out.append(_lives(s, "lifetimes_calls_log2", "calls", "Lifetimes in calls", "Freed blocks, by the number of calls that they "
                          "lived through.", "3"))
        out.append(_lives(s, "lifetimes_ns_log2", "time", "Lifetimes in time", "The same in time, which is known to some hundred "
                          "calls or 4 ms.", "4"))
    if sum(1 for t in s["threads"] if t["calls"]) > 1:
        out.append(_threads(s))
    return out


def _facts(s: dict[str, Any]) -> str:
    rows = [("calls", count(s["calls"])), ("time", duration(s["last_ns"] - s["first_ns"])), ("peak", size(s["peak_bytes"])),
            ("blocks at the peak", count(s["peak_objects"])), ("asked for in all", size(s["bytes"])),
            ("never freed", f"{count(s['live_objects'])} blocks")]
    return "<dl class=facts>" + "".join(f"<div><dt>{html.escape(a)}</dt><dd>{html.escape(b)}</dd></div>" for a, b in rows) + "</dl>"


def render(trace: Trace, s: dict[str, Any]) -> str:
    """The page."""
    how = ending(trace.about["wait_status"])
    notes = [*trace.notes, *([f"the program {how}"] if how else []), *oddities(s)]
    parts = [f"<p><code>{html.escape(name_of(trace.process))}</code></p>", _facts(s)]
    parts += [f"<p class=note>{html.escape(note)}</p>" for note in notes]
    parts += ["<div class=charts>", *_pictures(s), "</div>", "<h2>Calls</h2>", table(("function", "calls", "share"), functions(s))]
    if s["resizes"]:
        parts.append(f"<p>Of {html.escape(resizes(s)[3:])}.</p>")
    requests = sum(c["requests"] for c in s["size_classes"])
    parts += ["<h2>The most frequent sizes</h2>", table(("bytes", "requests", "share", "most at once"), [
        (count(e["size"]), count(e["requests"]), share(e["requests"], requests), count(e["peak"])) for e in s["sizes"][:16]], words=0)]
    parts += ["<h2>Threads</h2>", table(("thread", "calls", "allocations", "bytes", "frees", "of others' blocks"), [
        (str(t["thread"]), count(t["calls"]), count(t["allocs"]), size(t["bytes"]), count(t["frees"]), count(t["foreign_frees"]))
        for t in s["threads"] if t["calls"]])]
    parts += [f"<p>{html.escape('. '.join(line[0].upper() + line[1:] for line in headline(s)))}.</p>"]
    return page(f"What {_short(trace)} asks of malloc", "\n".join(parts))


def _short(trace: Trace) -> str:
    words = trace.process["command"] or [trace.process["program"] or "the program"]
    return str(words[0]).rsplit("/", 1)[-1]
