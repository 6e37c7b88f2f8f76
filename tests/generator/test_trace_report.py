"""The words of a trace's report: that a rate is the program's, not that of the readings of the clock."""

from __future__ import annotations

import re

import pytest

from lamina.tracing import report_text

POINTS = 240


def summary(events, threads=1):
    """What the reader answers of calls at these times in nanoseconds, each a time and how many have it."""
    first, last = events[0][0], events[-1][0]
    points = [[0] * 6 for _ in range(POINTS)]
    for time, number in events:
        points[min(int((time - first) / (last - first + 1) * POINTS), POINTS - 1)][0] += number
    return {"first_ns": first, "last_ns": last, "calls": sum(n for _, n in events), "points": points,
            "threads": [{"calls": 1}] * threads + [{"calls": 0}]}


def told(found):
    """The rate, and over how many seconds."""
    words = report_text.busiest(found)
    if not words:
        return None
    rate, span, unit = re.fullmatch(r"busiest: ([\d,]+) a second, in the ([\d.,]+) (\S+) from .* on", words).groups()
    return float(rate.replace(",", "")), float(span.replace(",", "")) * {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}[unit]


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("readings", [2, 7, 20, 97, 239, 240, 241, 500, 5000])
@pytest.mark.parametrize("apart", [900, 40_000, 1_000_000, 4_000_000])
def test_a_steady_loop_has_no_busiest_time_to_speak_of(apart, readings, threads):
    number = 256 if apart < 4_000_000 else 100  # what the 4 ms cut off are fewer
    found = summary(sorted((i * apart + thread * apart // 7, number) for i in range(readings) for thread in range(threads)), threads)
    busiest = told(found)
    if busiest:
        mean = found["calls"] / report_text.seconds(found)
        assert busiest[0] <= 1.25 * mean
        assert busiest[1] * 1e9 >= 6.5 * apart  # between eight readings lie seven times their distance
    else:
        assert readings <= 20


def test_a_burst_is_found_where_it_is():
    slow = [(i * 4_000_000, 10) for i in range(1000)]
    fast = [(1_000_000_000 + i * 10_000, 256) for i in range(1600)]  # 16 ms
    rate, span = told(summary(sorted(slow + fast)))
    assert rate == pytest.approx(256 * 1600 / span, rel=0.1) and span < 0.04


def test_calls_of_one_time_have_no_rate():
    found = summary([(5, 4000), (6, 1)])
    found["last_ns"] = 5
    assert report_text.busiest(found) == ""
