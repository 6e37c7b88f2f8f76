"""The kinds of fault: each looks at emitted C and names the places where it can strike.

A mutant is one fault at one place. Kinds that know what an allocator does come first; what they and a generic kind
would both give counts once, under the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Callable, Iterator

from .ctext import CLOSE, OPEN, Function, Source, Statement, Token

Edit = tuple[int, int, str]  # from, to, by what


@dataclass
class Mutant:
    kind: str
    number: int
    stack: str
    file: str
    line: int
    function: str
    about: str
    edits: tuple[Edit, ...] = field(repr=False, default=())

    @property
    def id(self) -> str:
        return f"{self.stack}:{self.kind}:{self.number}"

    def apply(self, text: str) -> str:
        for start, end, new in sorted(self.edits, reverse=True):
            text = text[:start] + new + text[end:]
        return text


@dataclass
class Place:
    """What an operator yields."""

    at: int  # offset in the text: where to point
    edits: tuple[Edit, ...]
    about: str
    function: str


@dataclass(frozen=True)
class Kind:
    name: str
    about: str
    places: Callable[["Site"], Iterator[Place]]
    group: str
    sanitizer: str = ""  # the sanitizer under which its faults show, if the plain tests can't see them


class Site:
    """One file, as operators look at it."""

    def __init__(self, source: Source, stack: str) -> None:
        self.source, self.stack = source, stack
        self.tokens = source.tokens

    # ---- finding ----

    def verb(self, function: Function) -> str:
        """The function's name without the stack's."""
        lead = self.stack + "_"
        return function.name[len(lead):] if function.name.startswith(lead) else function.name

    def each(self) -> Iterator[tuple[Function, Statement, str]]:
        for function in self.source.functions:
            for statement in function.statements():
                yield function, statement, self.source.flat(statement)

    def conditions(self) -> Iterator[tuple[Function, Statement, str]]:
        for function in self.source.functions:
            for statement in function.statements():
                if statement.head and statement.kind != "for" and statement.head[0] < statement.head[1]:
                    yield function, statement, " ".join(t.text for t in self.tokens[slice(*statement.head)])

    def calls(self, pattern: str) -> Iterator[tuple[Function, int, int]]:
        """Function, token of the callee's name, token of the closing parenthesis."""
        wanted = re.compile(pattern)
        for function in self.source.functions:
            for at in range(function.opening, function.closing):
                token = self.tokens[at]
                if token.kind == "name" and self.tokens[at + 1].text == "(" and wanted.fullmatch(token.text):
                    yield function, at, self.source.match(at + 1)

    def arguments(self, at: int, closing: int) -> list[tuple[int, int]]:
        """The arguments of a call: first and last token of each."""
        out, first, i = [], at + 2, at + 2
        while i < closing:
            if self.tokens[i].text in OPEN:
                i = self.source.match(i)
            elif self.tokens[i].text == ",":
                out.append((first, i - 1))
                first = i + 1
            i += 1
        if first < closing:
            out.append((first, closing - 1))
        return out

    def operators(self, *texts: str) -> Iterator[tuple[Function, int]]:
        """Binary operators in the bodies of functions."""
        for function in self.source.functions:
            for at in range(function.opening + 1, function.closing):
                before = self.tokens[at - 1]
                if self.tokens[at].text in texts and (before.kind in ("name", "number") or before.text in (")", "]")) \
                        and before.text != "return":
                    yield function, at

    # ---- changing ----

    def place(self, function: Function | None, first: int, last: int, new: str, about: str) -> Place:
        start, end = self.tokens[first].start, self.tokens[last].end
        return Place(start, ((start, end, new),), about, self.verb(function) if function else "")

    def delete(self, function: Function, statement: Statement) -> Place:
        return self.place(function, statement.first, statement.last, ";",
                          f"without: {self.source.flat(statement)}")

    def condition(self, function: Function, statement: Statement, form: str, about: str) -> Place:
        assert statement.head is not None
        first, end = statement.head
        return self.place(function, first, end - 1, form.format(self.source.between(first, end - 1)), about)


KINDS: dict[str, Kind] = {}


def kind(name: str, about: str, group: str = "allocator", sanitizer: str = "") -> Callable[..., None]:
    def add(places: Callable[[Site], Iterator[Place]]) -> None:
        KINDS[name] = Kind(name, about, places, group, sanitizer)
    return add


def dropped(name: str, about: str, pattern: str, where: str = ".*", kinds: tuple[str, ...] = ("expression",)) -> None:
    """A kind that leaves out the statements that match, in the functions whose verb matches."""
    wanted, verbs = re.compile(pattern), re.compile(where)

    def places(site: Site) -> Iterator[Place]:
        for function, statement, flat in site.each():
            if statement.kind in kinds and wanted.match(flat) and verbs.fullmatch(site.verb(function)):
                yield site.delete(function, statement)

    KINDS[name] = Kind(name, about, places, "allocator")


def replaced(name: str, about: str, pattern: str, form: str, where: str = ".*") -> None:
    """A kind that puts `form` in the place of the calls that match; {} is the call."""
    verbs = re.compile(where)

    def places(site: Site) -> Iterator[Place]:
        for function, at, closing in site.calls(pattern):
            if verbs.fullmatch(site.verb(function)):
                call = site.source.between(at, closing)
                yield site.place(function, at, closing, form.format(call), f"{form.format('…')}: {call}")

    KINDS[name] = Kind(name, about, places, "allocator")


def _pushes(site: Site) -> Iterator[tuple[Function, Statement, Statement, str, str, str]]:
    """Pairs of statements that link a slot in front of a list."""
    for function in site.source.functions:
        for statements in function.lists():
            for one, two in zip(statements, statements[1:]):
                link = re.fullmatch(r"lamina_store_ptr \( (.+) , (.+) \) ;", site.source.flat(one))
                head = re.fullmatch(r"(\S.*\S) = (\S.*) ;", site.source.flat(two))
                if link and head and link[2] == head[1]:
                    yield function, one, two, link[1], head[1], head[2]


# ------------------------------------------------- bytes that are written ---------------------------------------------

dropped("drop-fill", "a pattern (poison, canary, fresh bytes) isn't written", r"lamina_fill\w* \(")
dropped("drop-zero", "bytes aren't zeroed", r"(lamina_zero\w*|memset) \(")


@kind("short-fill", "a pattern or zeroing ends one byte or word early")
def _(site: Site) -> Iterator[Place]:
    for function, at, closing in site.calls(r"lamina_fill\w*|lamina_zero\w*|memset"):
        arguments = site.arguments(at, closing)
        first, last = arguments[2 if site.tokens[at].text == "memset" else 1]
        less = "8U" if site.tokens[at].text == "lamina_fill_word" else "1U"
        text = site.source.between(first, last)
        yield site.place(function, first, last, f"({text}) - {less}", f"{less} bytes less: {text}")


@kind("drop-verify", "what was written to is not looked for: the verification's answer isn't used")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if statement.kind == "if" and re.search(r"lamina_holds|inspect|lamina_is_filled|siphash|load_ptr \( slot \) == slot",
                                                flat) and site.verb(function) not in ("check", "verify"):
            yield site.condition(function, statement, "false && ({})", f"never: if ({flat})")


dropped("drop-link", "the link of a free slot isn't written", r"lamina_store_\w+ \((?!.*live)")
dropped("drop-live-bit", "the mark that a slot is in use isn't set or cleared", r"lamina_store_\w+ \(.*live|.*\blive \[.*=")


@kind("wrong-end", "a freed slot goes behind the first one of the free list")
def _(site: Site) -> Iterator[Place]:
    for function, one, two, slot, head, _value in _pushes(site):
        text = (f"if ({head} != NULL) {{ lamina_store_ptr({slot}, lamina_load_ptr({head})); "
                f"lamina_store_ptr({head}, {slot}); }} else {{ {site.source.between(one.first, two.last)} }}")
        yield site.place(function, one.first, two.last, text, "pushed behind the head")


@kind("reverse-loop", "a loop runs the other way round")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for statement in function.statements():
            if statement.kind == "for" and statement.head:
                first, end = statement.head
                down = re.fullmatch(r"size_t (\w+) = (\w+) ; \1 -- != 0U ;",
                                    " ".join(t.text for t in site.tokens[first:end]))
                if down:
                    yield site.place(function, first, end - 1, f"size_t {down[1]} = 0; {down[1]} != {down[2]}; {down[1]}++",
                                     "from 0 upwards")


# ---------------------------------------------------- the platform's answers ------------------------------------------

COMMIT, MAP = r"lamina_os_commit|\w+_commit", r"lamina_os_(?:map|reserve|reserve_\w+|map_\w+)"
replaced("skip-commit", "memory isn't committed", COMMIT, "true")
replaced("ignore-commit", "a refused commit is taken for success", COMMIT, "({}, true)")


@kind("short-commit", "a page less than needed is committed")
def _(site: Site) -> Iterator[Place]:
    for function, at, closing in site.calls(COMMIT):
        first, last = site.arguments(at, closing)[1]
        text = site.source.between(first, last)
        yield site.place(function, first, last, f"({text}) - 4096U", f"4096 less: {text}")


@kind("ignore-map", "a refused mapping or reservation is taken for memory")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for statements in function.lists():
            for one, two in zip(statements, statements[1:]):
                if two.kind == "if" and re.search(MAP, site.source.flat(one)):
                    yield site.condition(function, two, "false && ({})", "its refusal is ignored")


replaced("skip-bind", "the memory policy isn't set", r"lamina_numa_apply\w*", "true")
replaced("ignore-bind", "a refused memory policy is taken for success", r"lamina_numa_apply\w*", "({}, true)")
replaced("skip-random", "the secret isn't drawn", r"lamina_random_bytes", "true")
replaced("ignore-random", "a refused secret is taken for one", r"lamina_random_bytes", "({}, true)")
replaced("skip-decommit", "memory is said to be given back, and isn't", r"lamina_os_(decommit|discard)", "true")
replaced("ignore-decommit", "a refused decommit is taken for success", r"lamina_os_(decommit|discard)", "({}, true)")
replaced("refuse-decommit", "memory is never given back", r"lamina_os_(decommit|discard)", "false")
replaced("skip-guard", "a guard page isn't made inaccessible", r"lamina_os_guard", "true")
replaced("ignore-guard", "a refused guard page is taken for one", r"lamina_os_guard", "({}, true)")
dropped("leak", "memory isn't released", r"(\( void \) )?(lamina_os_release|lamina_os_unmap|free|lamina_system_free) \(")


@kind("forget-undo", "a failed init doesn't undo what was done before, or not all of it")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        labels = [site.tokens[s.first].text for s in function.statements() if s.kind == "label"]
        for statement in function.statements():
            if statement.kind == "goto" and site.tokens[statement.first + 1].text in labels:
                here = labels.index(site.tokens[statement.first + 1].text)
                for label in labels[here + 1:]:
                    yield site.place(function, statement.first + 1, statement.first + 1, label, f"goto {label}")


@kind("early-undo", "a failed init undoes what was not done yet")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        labels = [site.tokens[s.first].text for s in function.statements() if s.kind == "label"]
        for statement in function.statements():
            if statement.kind == "goto" and site.tokens[statement.first + 1].text in labels:
                here = labels.index(site.tokens[statement.first + 1].text)
                for label in labels[:here]:
                    yield site.place(function, statement.first + 1, statement.first + 1, label, f"goto {label}")


@kind("wrong-status", "another status than the promised one")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for at in range(function.opening, function.closing):
            token = site.tokens[at]
            if token.kind == "name" and re.fullmatch(r"LAMINA_(OK|ERR_\w+)", token.text):
                for other in ("LAMINA_OK", "LAMINA_ERR_OS", "LAMINA_ERR_PAGE_SIZE"):
                    if other != token.text:
                        yield site.place(function, at, at, other, f"{token.text} becomes {other}")
                        break


dropped("drop-error", "the platform's error isn't set where we refuse ourselves", r"lamina_set_last_os_error \(")

# ---------------------------------------------------------- state ----------------------------------------------------

dropped("drop-init", "a field isn't set when the allocator comes to life", r"(self -> [\w. \[\]]+ = |lamina_atomic_store)",
        r"init\w*")
dropped("drop-quarantine-index", "the quarantine's place isn't advanced", r"self -> quarantine\w* \. (next|count|held_bytes|oldest)\b")
dropped("skip-quarantine", "a freed block leaves the quarantine at once", r"(slot|ptr) = \* place ;")
dropped("drop-watermark", "the watermark isn't kept", r"self -> watermark \.")
dropped("drop-counter", "a counter isn't advanced", r"self -> statistics \. \w+ (\+\+|--|\+=|-=)|[\w.> -]+ (\+\+|--) ;")


@kind("double-counter", "a counter advances by two")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        if statement.kind == "expression" and re.fullmatch(r"[\w.> -]+ (\+\+|--) ;|[\w.> -]+ (\+=|-=) [^(]*(\(( ?lamina_popcount.*|[^(]*))?", flat) \
                and "decommit" not in flat:
            text = site.source.between(statement.first, statement.last)
            yield site.place(function, statement.first, statement.last, f"{text} {text}", f"twice: {flat}")


dropped("drop-update", "a field of the state isn't brought up to date",
        r"(self -> [\w. \[\]]+ (=|\+=|-=|\*=|&=|\|=) |lamina_atomic_store|\* place = )")


def _independent(one: str, two: str) -> bool:
    """Whether two assignments without calls touch different places, so that their order is no matter."""
    one, two = (re.sub(r"lamina_thread_id \( \)", "thread", re.sub(
        r"lamina_atomic_store_\w+ \( & (.*?) , (.*) \) ;", r"\1 = \2 ;", text)) for text in (one, two))
    one, two = (re.sub(r"\( unsigned char \* \) lamina_load_\w+ \( (\w+) \)", r"\1", text) for text in (one, two))
    one, two = (re.sub(r"memset \( (\S.*?) , 0 , sizeof \1 \) ;", r"\1 = 0 ;", re.sub(
        r"^([\w.> -]+) (?:\+\+|--) ;", r"\1 += 1 ;", text)) for text in (one, two))
    parts = [re.fullmatch(r"([\w.> -]+?) [*+-]?= (.*) ;", text) for text in (one, two)]
    if not all(parts) or any(re.search(r"(?!sizeof)\b\w+ \(", text) for text in (one, two)):
        return False
    a, b = (part for part in parts if part)
    return a[1] not in b[0] and b[1] not in a[0]


@kind("swap-statements", "two statements change places")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for statements in function.lists():
            for one, two in zip(statements, statements[1:]):
                if one.kind == two.kind == "expression":
                    a, b = (site.source.between(s.first, s.last) for s in (one, two))
                    if "(void)self" in a or "(void)self" in b or _independent(site.source.flat(one), site.source.flat(two)):
                        continue
                    t = site.tokens
                    edits = ((t[one.first].start, t[one.last].end, b), (t[two.first].start, t[two.last].end, a))
                    yield Place(t[one.first].start, edits, f"swapped: {site.source.flat(one)} | {site.source.flat(two)}",
                                site.verb(function))


# ------------------------------------------------- what is checked, and told ------------------------------------------

@kind("drop-double-free-test", "a slot that is free already isn't noticed")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if statement.kind == "if" and re.search(r"\blive\b|\bstate\b", flat) and "double_free" in " ".join(
                site.source.flat(s) for s in (*statement.body, *statement.otherwise)):
            way = "true || ({})" if any("double_free" in site.source.flat(s) for s in statement.otherwise) else "false && ({})"
            yield site.condition(function, statement, way, f"never asked: {flat}")


@kind("drop-range-test", "a pointer from elsewhere isn't noticed")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if statement.kind == "if" and re.search(r"index .* <|carved", flat) and site.verb(function).startswith("free"):
            stray = any("stray" in site.source.flat(s) for s in statement.otherwise)
            yield site.condition(function, statement, "true || ({})" if stray else "false && ({})", f"never asked: {flat}")


dropped("drop-report", "damage that was found isn't reported", r"(lamina_corruption_abort|lamina_report\w*|\w+_corrupted|\w+_damaged\w*|"
        r"\w+_double_free|\w+_stray|\w+_missized) \(")


def _silent(site: Site, at: int) -> bool:
    """Whether the value at `at` is an event's offset that says nothing, as there are no two values to compare: see
    lamina/report.h."""
    around = " ".join(t.text for t in site.tokens[at - 3:at + 60])
    values = re.match(r"\. offset = [^,]* , \. expected = (.*?) , \. found = (.*?) }", around)
    return values is not None and values[1] == values[2]


@kind("wrong-report", "the report of damage names something else")
def _(site: Site) -> Iterator[Place]:
    wrong = {"stack": '"?"', "layer": '"?"', "what": '"?"', "address": "NULL"}
    for function in site.source.functions:
        for at in range(function.opening, function.closing):
            name = site.tokens[at + 1].text
            if site.tokens[at].text == "." and site.tokens[at - 1].text in ("{", ",") and \
                    name in ("stack", "layer", "what", "address", "offset", "expected", "found"):
                first = last = at + 3
                while site.tokens[last + 1].text not in (",", "}"):
                    last = site.source.match(last) if site.tokens[last].text in OPEN else last
                    last += 1 if site.tokens[last + 1].text not in (",", "}") else 0
                new = wrong.get(name) or f"({site.source.between(first, last)}) + 1U"
                if name == "offset" and _silent(site, first):
                    continue
                yield site.place(function, first, last, new, f".{name} = {new}")


@kind("blind-check", "check doesn't see one kind of damage")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if statement.kind == "if" and re.search(r"check|verify|inspect", site.verb(function)) and \
                any(site.source.flat(s) == "return false ;" for s in statement.body):
            yield site.condition(function, statement, "false && ({})", f"never: if ({flat})")


@kind("lazy-check", "check says yes without looking")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        if re.search(r"check|verify|inspect|\bholds", site.verb(function)):
            at = function.opening
            yield site.place(function, at, at, "{ if (sizeof(int) != 0U) { return true; }", "return true at once")


@kind("skip-visit", "walk leaves out what it should show")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        if statement.kind == "expression" and flat.startswith("visit ("):
            yield site.delete(function, statement)


@kind("wrong-count", "a number that is told is one too large")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        found = re.fullmatch(r"return ([\w. >-]+) ;", flat)
        if statement.kind == "return" and found and found[1] not in ("true", "false", "NULL") and \
                re.search(r"in_use|capacity|walk|held|release_unused|mark$|usable", site.verb(function)):
            yield site.place(function, statement.first + 1, statement.last - 1,
                             f"({site.source.between(statement.first + 1, statement.last - 1)}) + 1U", f"one more: {flat}")


# -------------------------------------------------------- single operations -------------------------------------------

dropped("drop-copy", "realloc doesn't copy", r"(memcpy|memmove) \(")


@kind("rewind-anything", "rewind accepts every mark")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        if site.verb(function) == "rewind" and statement.kind == "declaration" and flat.startswith("const bool "):
            first = next(i for i in range(statement.first, statement.last) if site.tokens[i].text == "=") + 1
            yield site.place(function, first, statement.last - 1, "true", "true")


@kind("resize-unbounded", "a resize in place ignores a bound")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if "resize" in site.verb(function) and statement.kind == "if":
            yield site.condition(function, statement, "true || ({})", f"always: if ({flat})")


@kind("wrong-route", "a block goes to or comes from the other branch")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        reached = " ".join(site.source.flat(s) for s in (*statement.body, *statement.otherwise))
        if re.search(r"secondary|primary|fallback|lamina_system|malloc|branch", flat + reached):
            yield site.condition(function, statement, "!({})", f"not: if ({flat})")


# ------------------------------------------------------------ threads -------------------------------------------------

replaced("skip-drain", "what other threads freed isn't fetched", r"\w+_drain", "false")


@kind("lost-remote-free", "a free from another thread gets lost")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if statement.kind in ("while", "do") and "_cas_" in flat:
            yield site.condition(function, statement, "false", f"not posted: {flat}")


@kind("wrong-thread", "every thread is taken for the owner, or none")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        if "lamina_thread_id" in flat:
            for answer in ("true", "false"):
                yield site.condition(function, statement, answer, f"{answer}: {flat}")


@kind("weaker-order", "an atomic access with less order than it needs", sanitizer="thread")
def _(site: Site) -> Iterator[Place]:
    for function, at, _closing in site.calls(r"lamina_atomic_\w+_(acquire|release|acq_rel)"):
        new = re.sub(r"_(acquire|release|acq_rel)$", "_relaxed", site.tokens[at].text)
        yield site.place(function, at, at, new, new)


dropped("drop-lock", "the lock isn't taken or isn't given back", r"(\( void \) )?lamina_(mutex|lock)\w* \(|lamina_mutex_\w+ \(")

# ------------------------------------------------------------ numbers -------------------------------------------------

def _numbers(pattern: str) -> Callable[[Site], Iterator[Place]]:
    def places(site: Site) -> Iterator[Place]:
        for token in site.source.directives:
            found = re.match(r"#define (\w+?)(\([^)]*\))?(\s+)(.*?)\s*(?:/\*.*)?$", token.text, re.S)
            if not found or not re.search(pattern, found[1]) or not found[4] or "\n" in found[4]:
                continue
            start = token.start + found.start(4)
            for new in (f"({found[4]} + 1U)", f"({found[4]} - 1U)"):
                yield Place(start, ((start, start + len(found[4]), new),), f"{found[1]} = {new}", "")
    return places


NUMBERS = {
    "wrong-capacity": ("the number of objects or bytes is off by one", r"(SLOT_COUNT|CAPACITY_BYTES|GROUP_COUNT|_LEVELS|_NODES|QUARANTINE_SLOTS)$"),
    "wrong-stride": ("the distance of two slots or groups is off by one", r"(SLOT_BYTES|SLOT_SHIFT|STRIDE|GROUP_BYTES|GROUP_SLOTS|MAGIC\w*|INVERSE\w*)$"),
    "wrong-batch": ("a refill cuts one slot more or less", r"(BATCH_SLOTS|CHUNK_\w+)$"),
    "wrong-offset": ("something lies one byte beside its place", r"OFFSET$"),
    "wrong-footprint": ("the footprint that is promised is off by one", r"BYTES_FOR$"),
    "wrong-number": ("another number of the layout is off by one", r"."),
}
for _name, (_about, _pattern) in NUMBERS.items():
    KINDS[_name] = Kind(_name, _about, _numbers(_pattern), "allocator")


# ------------------------------------------------------------ generic -------------------------------------------------

@kind("negate-condition", "a condition is negated", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.conditions():
        yield site.condition(function, statement, "!({})", f"not: {flat}")


def exchanged(name: str, about: str, pairs: dict[str, str]) -> None:
    def places(site: Site) -> Iterator[Place]:
        for function, at in site.operators(*pairs):
            token: Token = site.tokens[at]
            around = " ".join(t.text for t in site.tokens[max(at - 3, 0):at + 4])
            yield site.place(function, at, at, pairs[token.text], f"{token.text} becomes {pairs[token.text]}: {around}")

    KINDS[name] = Kind(name, about, places, "generic")


exchanged("boundary", "a bound is included that was excluded, or the other way round", {"<": "<=", "<=": "<", ">": ">=", ">=": ">"})
exchanged("equality", "== and != are exchanged", {"==": "!=", "!=": "=="})
exchanged("arithmetic", "+ and -, or * and /, are exchanged", {"+": "-", "-": "+", "/": "*", "%": "/", "+=": "-=", "-=": "+=", "*=": "/="})
exchanged("logic", "&& and || are exchanged", {"&&": "||", "||": "&&"})
exchanged("bits", "shifts, or & and |, are exchanged", {"<<": ">>", ">>": "<<", "|": "&", "^": "&"})
exchanged("increment", "++ and -- are exchanged", {"++": "--", "--": "++"})


@kind("product", "a product is a quotient", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, at in site.operators("*"):
        before, after = site.tokens[at - 1], site.tokens[at + 1]
        if re.fullmatch(r"const|char|void|size_t|\w+_t|uint\w+", before.text) or after.text in (")", "const", "*"):
            continue  # a pointer's type
        if before.text == ")" and site.source.text[site.tokens[at].end:after.start] == "":
            continue  # a cast and a dereference
        yield site.place(function, at, at, "/", f"* becomes /: {before.text} * {after.text}")


@kind("literal", "a literal is off by one", "generic")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for at in range(function.opening, function.closing):
            token = site.tokens[at]
            if token.kind == "number" and not _silent(site, at):
                for new in (f"({token.text} + 1U)", f"({token.text} - 1U)") if token.text.strip("uUlL") not in ("0", "0x0") \
                        else ("1U",):
                    yield site.place(function, at, at, new, f"{token.text} becomes {new}")


@kind("flip-return", "true is returned for false, or false for true", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        other = {"return true ;": "return false;", "return false ;": "return true;"}.get(flat)
        if other:
            yield site.place(function, statement.first, statement.last, other, other)


@kind("return-nothing", "NULL, 0 or false is returned for the result", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        if statement.kind == "return" and flat not in ("return true ;", "return false ;", "return ;", "return NULL ;") \
                and not flat.startswith("return ( lamina") and "stats" not in site.verb(function):
            yield site.place(function, statement.first, statement.last, "return 0;", f"0 for: {flat}")


@kind("initial-value", "a variable begins with another truth", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        found = re.fullmatch(r"(?:const )?bool \w+ = (true|false) ;", flat)
        if statement.kind == "declaration" and found:
            yield site.place(function, statement.last - 1, statement.last - 1, {"true": "false", "false": "true"}[found[1]],
                             f"not {found[1]}: {flat}")


@kind("swap-choice", "the two results of ?: are exchanged", "generic")
def _(site: Site) -> Iterator[Place]:
    for function in site.source.functions:
        for at in range(function.opening, function.closing):
            if site.tokens[at].text != "?":
                continue
            colon = at + 1
            while site.tokens[colon].text != ":":
                colon = site.source.match(colon) + 1 if site.tokens[colon].text in OPEN else colon + 1
            end = colon + 1
            while site.tokens[end].text not in (";", ",") and site.tokens[end].text not in CLOSE:
                end = site.source.match(end) + 1 if site.tokens[end].text in OPEN else end + 1
            yes, no = site.source.between(at + 1, colon - 1), site.source.between(colon + 1, end - 1)
            yield site.place(function, at + 1, end - 1, f"{no} : {yes}", f"{no} : {yes}")


@kind("delete-statement", "a statement is missing", "generic")
def _(site: Site) -> Iterator[Place]:
    for function, statement, flat in site.each():
        if statement.kind in ("expression", "goto") and not re.fullmatch(r"\( void \) \w+ ;", flat):
            yield site.delete(function, statement)
        elif statement.kind == "return" and flat == "return ;":
            yield site.delete(function, statement)


def mutants_of(stack: str, files: dict[str, str]) -> list[Mutant]:
    """Every mutant of a stack's files, in the order of the kinds and, within a kind, of the text."""
    out: list[Mutant] = []
    seen: dict[str, set[tuple[Edit, ...]]] = {name: set() for name in files}
    whole: set[tuple[str, str]] = {(name, text) for name, text in files.items()}
    sites = {name: Site(Source(name, text), stack) for name, text in files.items()}
    for entry in KINDS.values():
        number = 0
        for name, text in files.items():
            for place in sorted(entry.places(sites[name]), key=lambda p: (p.at, p.about)):
                edits = tuple(place.edits)
                if edits in seen[name]:
                    continue
                seen[name].add(edits)
                mutant = Mutant(entry.name, number + 1, stack, name, sites[name].source.line(place.at), place.function,
                                place.about, edits)
                result = (name, re.sub(r"\s+", " ", mutant.apply(text)))
                if result in whole:
                    continue
                whole.add(result)
                number += 1
                out.append(mutant)
    return out
