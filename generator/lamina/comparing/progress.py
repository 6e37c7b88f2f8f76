"""A bar with the time left, for commands that measure for long."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import Callable, Iterator

import click

#: Told what is going on, and how many seconds of work, about, are done with it.
Tell = Callable[[str, float], None]


@contextmanager
def progress(label: str, seconds: float) -> Iterator[Tell]:
    """The bar, where somebody watches; `seconds` are of all the work, as an estimate: how fast it goes is seen on the way."""
    if not sys.stderr.isatty():
        yield lambda what, done: None
        return
    with click.progressbar(length=max(1, round(seconds * 1000)), file=sys.stderr, label=label, show_eta=True,
                           item_show_func=lambda what: what) as bar:
        yield lambda what, done: bar.update(round(done * 1000), what)
        bar.update(max(0, bar.length - bar.pos))  # the estimate was one
