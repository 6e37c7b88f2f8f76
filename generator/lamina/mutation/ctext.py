"""Emitted C as tokens, functions and statements: as much of C as the emitted text uses, and not more.

The text is formatted and known to compile, so that nothing here needs to understand types: a statement is what stands
between semicolons and braces, a condition what stands in the parentheses behind `if`, `while` or `for`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Iterator

TOKEN = re.compile(r"""
    (?P<space>\s+|/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\])*")
  | (?P<char>'(?:\\.|[^'\\])*')
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<punct><<=|>>=|\.\.\.|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%&|^~!<>=?:;,.(){}\[\]\#])
""", re.X | re.S | re.M)

OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


@dataclass
class Statement:
    """One statement: the tokens [first, last], for `if`, `while` and `for` also those of what is in the parentheses."""

    kind: str  # expression, declaration, return, goto, label, if, else, while, do, for, block
    first: int
    last: int
    head: tuple[int, int] | None = None  # tokens of the condition: [from, to)
    body: list["Statement"] = field(default_factory=list)
    otherwise: list["Statement"] = field(default_factory=list)

    def all(self) -> Iterator["Statement"]:
        yield self
        for inner in (*self.body, *self.otherwise):
            yield from inner.all()


@dataclass
class Function:
    name: str
    opening: int  # the token {
    closing: int  # the token }
    body: list[Statement]

    def statements(self) -> Iterator[Statement]:
        for statement in self.body:
            yield from statement.all()

    def lists(self) -> Iterator[list[Statement]]:
        """Every list of statements that follow one another."""
        yield self.body
        for statement in self.statements():
            if statement.body:
                yield statement.body
            if statement.otherwise:
                yield statement.otherwise


def tokens_of(text: str) -> list[Token]:
    out: list[Token] = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no token of C: {text[at:at + 20]!r}")
        kind = match.lastgroup or ""
        if kind != "space":
            out.append(Token(kind, match.group(), at, match.end()))
        at = match.end()
    return out


class Source:
    """One file."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        every = tokens_of(text)
        self.directives = [t for t in every if t.kind == "directive"]
        self.tokens = [t for t in every if t.kind != "directive"]
        self.functions = list(self._functions())

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def between(self, first: int, last: int) -> str:
        """The text from token `first` to token `last`, both included."""
        return self.text[self.tokens[first].start:self.tokens[last].end] if first <= last else ""

    def flat(self, statement: Statement) -> str:
        """The statement with single blanks and without comments."""
        return " ".join(t.text for t in self.tokens[statement.first:statement.last + 1])

    def match(self, at: int) -> int:
        """The index of what closes the bracket at `at`."""
        depth = 0
        for i in range(at, len(self.tokens)):
            depth += self.tokens[i].text in OPEN
            depth -= self.tokens[i].text in CLOSE
            if depth == 0:
                return i
        raise ValueError("unbalanced")

    def _functions(self) -> Iterator[Function]:
        at, tokens = 0, self.tokens
        while at < len(tokens):
            text = tokens[at].text
            if text == "{" and at and tokens[at - 1].text == ")":
                opening, closing, depth = at, self.match(at), 0
                back = at - 1
                while True:  # back to the parenthesis that opens the parameters
                    depth += tokens[back].text == ")"
                    depth -= tokens[back].text == "("
                    if depth == 0:
                        break
                    back -= 1
                yield Function(tokens[back - 1].text, opening, closing, self._list(opening + 1, closing))
                at = closing + 1
            elif text in OPEN:
                at = self.match(at) + 1
            else:
                at += 1

    def _list(self, at: int, end: int) -> list[Statement]:
        out = []
        while at < end:
            statement = self._statement(at)
            if statement.kind != "empty":
                out.append(statement)
            at = statement.last + 1
        return out

    def _inner(self, at: int) -> tuple[list[Statement], int]:
        """The statements of a branch or loop, without its braces, and its last token."""
        inner = self._statement(at)
        return (inner.body if inner.kind == "block" else [inner]), inner.last

    def _statement(self, at: int) -> Statement:
        tokens = self.tokens
        text = tokens[at].text
        if text == ";":
            return Statement("empty", at, at)
        if text == "{":
            closing = self.match(at)
            return Statement("block", at, closing, body=self._list(at + 1, closing))
        if text in ("if", "while", "for", "switch"):
            closing = self.match(at + 1)
            body, last = self._inner(closing + 1)
            otherwise: list[Statement] = []
            if text == "if" and last + 1 < len(tokens) and tokens[last + 1].text == "else":
                otherwise, last = self._inner(last + 2)
            return Statement(text, at, last, (at + 2, closing), body, otherwise)
        if text == "do":
            body, last = self._inner(at + 1)
            closing = self.match(last + 2)
            return Statement("do", at, closing + 1, (last + 3, closing), body)
        if tokens[at].kind == "name" and tokens[at + 1].text == ":":
            return Statement("label", at, at + 1)
        last = at
        while tokens[last].text != ";":
            last = self.match(last) + 1 if tokens[last].text in OPEN else last + 1
        kind = text if text in ("return", "goto", "break", "continue") else self._simple(at, last)
        return Statement(kind, at, last)

    def _simple(self, at: int, last: int) -> str:
        """A declaration begins with two names in a row, or with a name, stars and a name."""
        texts = self.tokens[at:last]
        if texts[0].kind != "name":
            return "expression"
        i = 1
        while i < len(texts) and texts[i].text == "*":
            i += 1
        return "declaration" if i < len(texts) and texts[i].kind == "name" else "expression"
