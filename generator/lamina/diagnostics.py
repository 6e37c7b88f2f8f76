"""Collection and rendering of errors, warnings and notes.

Every stage reports into one ``Diagnostics`` and goes on, so that a user sees all mistakes in one run, in the
order of the spec.  The text form is the one compilers use (``file:line:col: error: … [LAM0xx]``, the source
line, a caret); the JSON form is for editors and continuous integration:

.. code-block:: text

    {"version": 1, "errors": 1, "warnings": 0,
     "diagnostics": [{"severity": "error" | "warning" | "note", "code": "LAM010" | null, "message": "…",
                      "file": "…" | null, "line": 9, "col": 12, "length": 4,
                      "notes": [{"message": "…", "file": … , "line": …, "col": …, "length": …}],
                      "help": "…" | null}]}

Lines and columns count from 1; 0 is unknown.  Fields may be added within a version, never renamed or removed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .tree import Span

JSON_VERSION = 1

# A source line wider than this is cut around its caret: it still fits beside the gutter in a wide terminal.
MAX_SOURCE_WIDTH = 110
TAB_WIDTH = 4

Note = tuple["Span | None", str]

_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_COLOURS = {"error": "red", "warning": "magenta", "note": "cyan", "help": "green"}
_WARNING_OPTION = re.compile(r"(?:-W)?(?:(error)|(no-)?(error=)?(LAM\d{3}))\Z")


@dataclass(frozen=True, slots=True)
class Diagnostic:
    severity: str
    code: str | None
    span: Span | None
    message: str
    notes: tuple[Note, ...] = ()
    help: str | None = None


class Diagnostics:
    """What the stages had to say about one run of the compiler."""

    def __init__(self) -> None:
        self._items: list[Diagnostic] = []
        self._seen: set[tuple[str, str | None, Span | None, str]] = set()
        self._sources: dict[str, list[str] | None] = {}
        self._all_fatal = False
        self._fatal: set[str] = set()
        self._not_fatal: set[str] = set()
        self._silenced: set[str] = set()
        self.errors = 0
        self.warnings = 0

    @property
    def ok(self) -> bool:
        return self.errors == 0

    @property
    def items(self) -> tuple[Diagnostic, ...]:
        """Everything reported so far, in the order of the spec."""
        return tuple(sorted(self._items, key=self._place))

    def error(self, code: str, span: Span | None, message: str, *,
              notes: Sequence[Note] = (), help: str | None = None) -> None:
        self._add(Diagnostic("error", code, span, message, tuple(notes), help))

    def warning(self, code: str, span: Span | None, message: str, *,
                notes: Sequence[Note] = (), help: str | None = None) -> None:
        if code in self._silenced:
            return
        fatal = code in self._fatal or (self._all_fatal and code not in self._not_fatal)
        self._add(Diagnostic("error" if fatal else "warning", code, span, message, tuple(notes), help))

    def note(self, code: str | None, span: Span | None, message: str, *,
             notes: Sequence[Note] = (), help: str | None = None) -> None:
        if code is None or code not in self._silenced:
            self._add(Diagnostic("note", code, span, message, tuple(notes), help))

    def enable_werror(self, names: str | Iterable[str]) -> None:
        """Take warning options: ``error``, ``error=LAM0xx``, ``no-error=LAM0xx``, ``no-LAM0xx``, ``LAM0xx``.

        A leading ``-W`` is accepted.  Of several options for one code the last wins.  Options act on what is
        reported afterwards.  Raises ``ValueError`` with the text of an option that is none of these.
        """
        for name in [names] if isinstance(names, str) else names:
            match = _WARNING_OPTION.match(name)
            if not match:
                raise ValueError(name)
            everything, negative, fatal, code = match.groups()
            if everything:
                self._all_fatal = True
                continue
            for chosen in (self._silenced, self._fatal, self._not_fatal):
                chosen.discard(code)
            if negative:
                (self._not_fatal if fatal else self._silenced).add(code)
            elif fatal:
                self._fatal.add(code)

    def add_source(self, file: str, text: str) -> None:
        """Remember the text of a file that was read, so that rendering shows what the loader saw.

        The order in which files are added is the order in which their diagnostics are shown.
        """
        self._sources[file] = _lines(text)

    def render(self, color: bool = False) -> str:
        """The whole report as text that ends in a newline, or nothing if there is nothing to say."""
        paint = _painter() if color else _plain
        out: list[str] = []
        for item in self.items:
            out.extend(self._render_one(item, paint))
        totals = [_count(number, word) for number, word in ((self.errors, "error"), (self.warnings, "warning"))
                  if number]
        if totals:
            out.append(", ".join(totals))
        return "".join(line + "\n" for line in out)

    def to_json(self) -> str:
        import json

        report = {
            "version": JSON_VERSION,
            "errors": self.errors,
            "warnings": self.warnings,
            "diagnostics": [
                {"severity": item.severity, "code": item.code, "message": item.message, **_position(item.span),
                 "notes": [{"message": text, **_position(span)} for span, text in item.notes],
                 "help": item.help}
                for item in self.items
            ],
        }
        return json.dumps(report, indent=2, ensure_ascii=False) + "\n"

    def _add(self, item: Diagnostic) -> None:
        if item.help and item.span is not None and item.span.in_yaml:
            item = replace(item, help=yaml_form(item.help))
        identity = (item.severity, item.code, item.span, item.message)
        if identity in self._seen:
            return
        self._seen.add(identity)
        self._items.append(item)
        if item.severity == "error":
            self.errors += 1
        elif item.severity == "warning":
            self.warnings += 1

    def _place(self, item: Diagnostic) -> tuple[int, str, int, int]:
        span = item.span
        if span is None:
            return (-1, "", 0, 0)
        for rank, file in enumerate(self._sources):
            if file == span.file:
                return (rank, "", span.line, span.col)
        return (len(self._sources), span.file, span.line, span.col)

    def source_line(self, span: Span) -> str | None:
        """The text of the line that a span stands on, without its end, or None where there is none."""
        if span.file not in self._sources:
            self._sources[span.file] = _read_lines(span.file)
        lines = self._sources[span.file]
        if lines is None or not 0 < span.line <= len(lines):
            return None
        return lines[span.line - 1]

    def _render_one(self, item: Diagnostic, paint: "_Paint") -> list[str]:
        # A position counts only in a file that has lines: line 0 stands for the file as a whole.
        out = [_head(item.severity, item.span, item.message, item.code, paint)]
        if item.span is not None:
            source = self.source_line(item.span)
            if source is not None:
                out.extend(_excerpt(item.span, source, paint))
        out.extend(_head("note", span, text, None, paint) for span, text in item.notes)
        if item.help:
            out.append(paint("help:", _COLOURS["help"]) + " " + printable(item.help))
        return out


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant by ``word``, or None when none is near enough to suggest."""
    from difflib import get_close_matches

    known = sorted(set(candidates))
    folded = {name.lower().replace("-", "_"): name for name in reversed(known)}
    plain = word.lower().replace("-", "_")
    if plain in folded:
        return folded[plain]
    near = get_close_matches(plain, folded, n=1, cutoff=0.6)
    if near:
        return folded[near[0]]
    # Cut-off words ("quar" for "quarantine") are too short for the ratio but clear when only one fits.
    starts = [name for key, name in folded.items() if len(plain) >= 3 and key.startswith(plain)]
    return starts[0] if len(starts) == 1 else None


def yaml_form(text: str) -> str:
    """A remedy with its pieces of a spec, which are written in Lua, as YAML has them."""
    if "in YAML" in text:
        return text  # it speaks of both
    text = re.sub(r"\{ ?([^{}=…]*?) ?\}", r"[\1]", text)  # the innermost first: a table without names is a list
    text = re.sub(r"lamina\.(\w+) (?:\{\}|\[\])", r"'- \1'", text)
    text = re.sub(r"lamina\.(\w+) (\{.*\})", r"'- \1: \2'", text)
    text = re.sub(r"\blamina\.(?=\w)", "", text)
    text = re.sub(r"\b(\w+) \{", r"\1: {", text)
    return re.sub(r"\b(\w+) = ", r"\1: ", text)


_Paint = Callable[[str, str], str]


def _plain(text: str, colour: str) -> str:
    return text


def _painter() -> _Paint:
    import click

    return lambda text, colour: click.style(text, fg=colour, bold=True)


def printable(text: str) -> str:
    """Text from a spec must not move the cursor or reorder the terminal's line."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _head(severity: str, span: Span | None, message: str, code: str | None, paint: _Paint) -> str:
    where = ""
    if span is not None:
        where = printable(span.file) + "".join(f":{number}" for number in (span.line, span.col) if number) + ": "
    suffix = f" [{code}]" if code else ""
    return f"{where}{paint(severity + ':', _COLOURS[severity])} {printable(message)}{suffix}"


def _position(span: Span | None) -> dict[str, str | int | None]:
    if span is None:
        return {"file": None, "line": 0, "col": 0, "length": 0}
    return {"file": span.file, "line": span.line, "col": span.col, "length": span.length}


def _lines(text: str) -> list[str]:
    # str.splitlines also splits at form feeds and Unicode separators, which neither Lua nor editors count.
    return re.split(r"\r\n?|\n\r?", text)


def _read_lines(file: str) -> list[str] | None:
    try:
        with open(file, encoding="utf-8-sig", errors="replace", newline="") as stream:
            return _lines(stream.read(4 << 20))
    except OSError:
        return None


def _cells(text: str) -> list[str]:
    """One string a source character, each as wide as that character is drawn."""
    if text.isascii() and text.isprintable():
        return list(text)
    import unicodedata

    cells: list[str] = []
    column = 0
    for char in text:
        if char == "\t":
            cell = " " * (TAB_WIDTH - column % TAB_WIDTH)
            width = len(cell)
        elif _CONTROL.match(char):
            cell, width = "?", 1
        else:
            cell, width = char, _width(char, unicodedata)
        cells.append(cell)
        column += width
    return cells


def _width(char: str, unicodedata: object) -> int:
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):  # type: ignore[attr-defined]
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1  # type: ignore[attr-defined]


def _excerpt(span: Span, source: str, paint: _Paint) -> list[str]:
    cells = _cells(source)
    if source.isascii():
        widths = [len(cell) for cell in cells]
    else:
        import unicodedata

        widths = [sum(_width(char, unicodedata) for char in cell) for cell in cells]
    start = min(span.col - 1, len(cells)) if span.col else 0
    length = max(1, min(span.length, len(cells) - start))
    first, last = _window(widths, start, length)
    head = "..." if first else ""
    shown = head + "".join(cells[first:last]) + ("..." if last < len(cells) else "")
    out = [f"{span.line:5} | {shown}".rstrip()]
    if span.col:
        indent = len(head) + sum(widths[first:start])
        under = max(1, sum(widths[start:min(start + length, last)]))
        out.append(f"{'':5} | {' ' * indent}" + paint("^" + "~" * (under - 1), "green"))
    return out


def _window(widths: list[int], start: int, length: int) -> tuple[int, int]:
    """The part of a line to show, as a range of characters, such that the caret is inside."""
    if sum(widths) <= MAX_SOURCE_WIDTH:
        return 0, len(widths)
    room = MAX_SOURCE_WIDTH - 6
    # Two thirds of the room go to what follows the caret, since that is what is underlined.
    first, used = start, 0
    while first > 0 and used + widths[first - 1] <= room // 3:
        first -= 1
        used += widths[first]
    last = start
    while last < len(widths) and used + widths[last] <= room:
        used += widths[last]
        last += 1
    while first > 0 and used + widths[first - 1] <= room:
        first -= 1
        used += widths[first]
    return first, last
