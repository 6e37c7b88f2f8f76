"""Random specs: whatever they say, they are refused with an error or become a stack whose numbers make sense.

The generator knows nothing of any layer but its descriptor, so it covers a new layer from the day it is there. It is
seeded: a failure names the seed that shows it again. LAMINA_FUZZ_SECONDS gives it longer, LAMINA_FUZZ_SEED starts it
elsewhere.
"""

from __future__ import annotations

import os
import random
import re
import time
import traceback

import pytest

from lamina import descriptor as d
from lamina import registry
from lamina.descriptor import Descriptor, Param, Role
from lamina.diagnostics import Diagnostics
from lamina.model import Stack
from lamina.pipeline import Options, render_stack
from lamina.resolve import resolve
from lamina.tree import Document, Entry, Map, Node, Scalar, Seq, Span, StackNode
from lamina.validate import BUDGET, OPTIONS, validate

SECONDS = float(os.environ.get("LAMINA_FUZZ_SECONDS", "3"))
FIRST = int(os.environ.get("LAMINA_FUZZ_SEED", "1"))
WORDS = ["", "a", "slab", "64", "64 KiB", "4 pages", "1.5 MiB", "64 kb", "80 %", "101 %", "lazy", "*/", "int", "\x07", "ä",
         "9" * 400, "none", "true"]
NUMBERS = [-(1 << 63), -1, 0, 1, 2, 3, 7, 8, 15, 16, 24, 48, 63, 64, 65, 100, 4095, 4096, 4097, 65536, 1 << 20, 1 << 31,
           (1 << 32) - 2, (1 << 32) - 1, 1 << 46, 1 << 47, (1 << 63) - 1]
SIZES = [1, 8, 16, 24, 32, 40, 48, 64, 72, 96, 112, 128, 192, 256, 1000, 4096, 8192]


class Fuzzer:
    """One random spec after the other; each value has a place of its own, as in a file."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.line = 0
        # Most specs are nearly right: a spec that is all wrong never gets past the first stage.
        self.wild = self.r.choice((0.0, 0.0, 0.0, 0.01, 0.05, 0.3))
        # Half of them keep to what the commonest rules ask.
        self.careful = self.wild == 0.0 and self.r.random() < 0.75

    def span(self) -> Span:
        self.line += 1
        return Span("fuzz.yaml", self.line, 1, 1)

    def scalar(self, value: object) -> Scalar:
        return Scalar(value, self.span())  # type: ignore[arg-type]

    def garbage(self, depth: int = 0) -> Node:
        choice = self.r.randrange(8)
        if choice < 2:
            return self.scalar(self.r.choice(NUMBERS))
        if choice < 4:
            return self.scalar(self.r.choice(WORDS))
        if choice == 4:
            return self.scalar(self.r.choice([None, True, False, 0.5, 64.0, float("inf"), float("nan")]))
        if choice == 5 or depth > 2:
            return Seq((), self.span())
        if choice == 6:
            return Seq(tuple(self.garbage(depth + 1) for _ in range(self.r.randrange(4))), self.span())
        return Map((Entry("slot", self.span(), self.garbage(depth + 1)),), self.span(),
                   self.r.choice([None, "slab", "nothing"]))

    def value(self, param: Param, depth: int) -> Node:
        if self.r.random() < self.wild:
            return self.garbage()
        kind = param.kind
        if isinstance(kind, d.Size):
            least, most = kind.least, kind.most
            value = self.r.choice([self.r.choice(SIZES), self.r.choice(SIZES), self.r.choice([1 << 20, 1 << 16, 1 << 24]),
                                   self.r.choice(NUMBERS), least, most, self.r.randint(1, 300)])
            if self.careful:
                value = self.r.choice(SIZES) if param.name in ("slot", "payload", "bytes") else 1 << self.r.randrange(14, 27)
            if self.r.random() < 0.2:
                return self.scalar(f"{self.r.choice([1, 2, 3, 16, 64])} {self.r.choice(['B', 'KiB', 'MiB', 'pages'])}")
            return self.scalar(value)
        if isinstance(kind, d.Int):
            if self.careful:
                return self.scalar(max(kind.least, min(kind.most, self.r.choice([1, 2, 3, 4, 8, 16, 100]))))
            return self.scalar(self.r.choice([kind.least, kind.most, self.r.choice(NUMBERS), self.r.randint(1, 40),
                                              self.r.randint(1, 2000), 1 << self.r.randrange(12)]))
        if isinstance(kind, d.Alignment):
            return self.scalar(1 << self.r.randrange(7 if self.careful else kind.most.bit_length()))
        if isinstance(kind, d.Flag):
            return self.scalar(self.r.random() < 0.6)
        if isinstance(kind, d.Choice):
            return self.scalar(self.r.choice(kind.names))
        if isinstance(kind, d.Pattern):
            return self.scalar(self.r.choice([0xDE, 0, 0xFF, 256, -1, False, 1 << 40]))
        if isinstance(kind, d.Name):
            return self.scalar(self.r.choice(["on_level", "a name" if kind.text else "handler_2", "x"]))
        if isinstance(kind, d.Ints):
            return Seq(tuple(self.scalar(n) for n in self.r.sample(range(6), self.r.randint(1, 3))), self.span())
        if isinstance(kind, d.Levels):
            return Seq(tuple(self.scalar(x) for x in self.r.choice([["80 %", "95 %"], [1, 2, 8], ["50 %"], [100]])),
                       self.span())
        if isinstance(kind, d.BranchKind):
            return Seq(tuple(self.layers(depth + 1)), self.span())
        raise AssertionError(f"the fuzzer does not know {type(kind).__name__}")

    def params(self, params: tuple[Param, ...], often: float, depth: int = 0, one: tuple[str, ...] = ()) -> tuple[Entry, ...]:
        chosen = self.r.choice(one) if one and self.r.random() < 0.95 else None
        out = []
        for param in params:
            rate = 1.0 if param.required or param.name == chosen else 0.02 if param.name in one else often
            if self.r.random() < rate * (1 - self.wild / 4):
                name = param.name if self.r.random() > self.wild / 4 else self.r.choice([param.name + "x", "zzz", "size"])
                out.append(Entry(name, self.span(), self.value(param, depth)))
        self.r.shuffle(out)
        return tuple({entry.key: entry for entry in out}.values())

    def layer(self, desc: Descriptor, depth: int) -> Node:
        span = self.span()
        if self.r.random() < self.wild / 4:
            return self.scalar(self.r.choice([desc.name, desc.name + "s", "nothing"]))
        # A slab wants a size, and most memory wants to be large enough for it.
        often = self.r.choice((0.0, 0.15, 0.3) if self.careful else (0.0, 0.15, 0.3, 0.6))
        entries = {e.key: e for e in self.params(desc.params, often, depth, desc.exactly_one)}
        if desc.name == "slab" and "slot" not in entries and "payload" not in entries and self.r.random() > self.wild:
            entries["slot"] = Entry("slot", self.span(), self.scalar(self.r.choice(SIZES)))
        if desc.name == "slab" and "count" not in entries and self.r.random() < 0.6:
            entries["count"] = Entry("count", self.span(), self.scalar(self.r.choice([1, 2, 3, 17, 64, 100, 1024, 5000])))
        return Map(tuple(entries.values()), span, desc.name if self.r.random() > self.wild / 8 else "slabb")

    def layers(self, depth: int = 0) -> list[Node]:
        known = registry.layers().values()
        of = {role: [x for x in known if x.role is role] for role in Role}
        if depth < 1 + (self.r.random() < 0.05) and self.r.random() < 0.15:
            out = [self.layer(self.r.choice(of[Role.COMBINATOR]), depth)]
        else:
            source = self.r.choice([x for x in of[Role.SOURCE] if self.r.random() < (0.1 if x.whole else 0.6)] or of[Role.SOURCE])
            store = self.r.choice([*of[Role.STORE], registry.layers()["slab"], registry.layers()["slab"]])
            out = [self.layer(source, depth)]
            if not self.careful or source.name == "mmap":
                out += [self.layer(x, depth) for x in of[Role.RANGE] if self.r.random() < 0.2]
            if not source.whole or not self.careful:
                out.append(self.layer(store, depth))
            blocks = [x for x in of[Role.BLOCK] if self.r.random() < 0.25]
            self.r.shuffle(blocks)
            if not self.careful or (store.name == "slab" and not source.whole):
                out += [self.layer(x, depth) for x in blocks]
        if depth == 0 or self.r.random() < self.wild:
            upper = [x for x in of[Role.OBSERVER] if self.r.random() < 0.2]
            if self.r.random() < 0.4:
                upper.append(self.r.choice(of[Role.ACCESS]))
            self.r.shuffle(upper)
            out += [self.layer(x, depth) for x in upper]
        if self.r.random() < 0.2:
            self.r.shuffle(out)
        if self.r.random() < self.wild:
            out += [self.layer(self.r.choice(list(known)), depth) for _ in range(self.r.randrange(3))]
        if self.r.random() < self.wild / 2:
            out = self.r.sample(out, self.r.randrange(len(out) + 1))
        return out

    def document(self) -> Document:
        stacks = []
        for number in range(self.r.choice((1, 1, 1, 2))):
            name = f"stack_{number}" if self.r.random() > self.wild / 4 else self.r.choice(WORDS + ["size", "x_generic"])
            options = list(self.params(OPTIONS, self.r.choice((0.0, 0.1) if self.careful else (0.0, 0.1, 0.3))))
            if self.r.random() < 0.1:
                options.append(Entry("budget", self.span(), Map(self.params(BUDGET, 0.5), self.span())))
            # An empty table is an empty list in both languages.
            options = [Entry(e.key, e.key_span, Seq((), e.value.span)) if isinstance(e.value, Map) and not e.value.entries
                       else e for e in options]
            stacks.append(StackNode(self.scalar(name), Map(tuple(options), self.span()),
                                    Seq(tuple(self.layers()), self.span()), self.span()))
        return Document("fuzz.yaml", tuple(stacks), ("fuzz.yaml",))


def show(node: object, depth: int = 0) -> str:
    """A spec as the failure message shows it."""
    if isinstance(node, Document):
        return "\n".join(f"{s.name.value!r} {show(s.options)}\n" + "\n".join("  " + show(x) for x in s.layers.items)
                         for s in node.stacks)
    if isinstance(node, Scalar):
        return repr(node.value)
    if isinstance(node, Seq):
        return "[" + ", ".join(show(x) for x in node.items) + "]"
    assert isinstance(node, Map)
    return f"{node.tag or ''}{{" + ", ".join(f"{e.key}={show(e.value)}" for e in node.entries) + "}"


def sensible(stack: Stack) -> None:
    """What must hold of the numbers of every stack that is let through."""
    for branch in stack.branches:
        source, store = branch.source, branch.store
        assert branch.align >= 1 and branch.align & (branch.align - 1) == 0
        for layer in branch.layers:
            for const in layer.consts.values():
                assert 0 <= const.value < 1 << 64, const
                assert const.why and const.why.isprintable(), const
                if const.type == "size":
                    assert const.value <= 1 << 47, const
        if store.name == "slab":
            k = {name: const.value for name, const in store.consts.items()}
            assert 1 <= k["payload_bytes"] <= k["slot_bytes"]
            assert k["slot_bytes"] % k["slot_align"] == 0 and k["slot_align"] <= max(branch.source_align, 1)
            assert branch.before + k["payload_bytes"] + branch.after <= k["slot_bytes"]
            assert branch.link_bytes <= k["slot_bytes"] - branch.before
            assert branch.link_bytes <= k["payload_bytes"] or not branch.find("canary") or not branch.find("canary").x.after
            assert k["batch_slots"] >= 1
            if not store.x.dynamic:
                assert 1 <= k["slot_count"] < 1 << 32
                assert k["slots_offset"] + k["slot_count"] * k["slot_bytes"] <= k["region_bytes"]
        if store.name == "bump" and not branch.dynamic:
            assert store.consts["capacity_bytes"].value >= branch.align
        given = source.consts.get("map_bytes") or source.consts.get("buffer_bytes")
        if given is not None:
            assert 1 <= branch.region_bytes <= given.value
            if source.name == "mmap":
                assert given.value % stack.options.page_size == 0
        for block in branch.blocks:
            if block.name == "quarantine" and not store.x.dynamic:
                assert 1 <= block.x.count < store.x.count
            if block.name == "poison" and block.x.slab and block.x.on_free:
                assert 1 <= block.consts["poison_bytes"].value <= branch.slot
        innermost = [block.desc.innermost for block in branch.blocks]
        assert innermost == sorted(innermost, reverse=True)


def run(seed: int, render: bool) -> tuple[int, list[Stack], Diagnostics]:
    fuzzer = Fuzzer(seed)
    document = fuzzer.document()
    try:
        diags = Diagnostics()
        told = validate(document, diags)
        good = [stack for stack in told if resolve(stack)]
        assert bool(diags.errors) != (len(good) == len(document.stacks)), diags.render()
        for item in diags.items:
            assert item.severity == "note" or item.code
            assert item.span is not None, item
            # Every error says what to do.
            assert item.severity != "error" or item.help or item.code in ("LAM022", "LAM023"), item
        assert all(item.code in registry.all_codes() for item in diags.items)
        diags.render()
        diags.to_json()
        for stack in good:
            sensible(stack)
            if render:
                for name, text in render_stack(stack, "fuzz.yaml", ("fuzz.yaml",), Options()).files.items():
                    assert text.strip(), name
                    assert "None" not in [word for line in text.splitlines() for word in line.split()], name
        return len(document.stacks), good, diags
    except Exception:
        pytest.fail(f"LAMINA_FUZZ_SEED={seed}:\n{show(document)}\n{traceback.format_exc()}", pytrace=False)


@pytest.mark.parametrize("render", [False, True], ids=["resolve", "render"])
def test_random_specs(render):
    end = time.monotonic() + SECONDS
    seed, total, legal, codes = FIRST, 0, 0, set()
    while time.monotonic() < end:
        count, good, diags = run(seed, render)
        total, legal, seed = total + count, legal + len(good), seed + 1
        codes |= {item.code for item in diags.items}
    print(f"{total} stacks, {legal} of them legal, {len(codes)} codes")
    assert seed > FIRST + 20
    # Neither all right nor all wrong, or the generator tests nothing.
    assert 0.05 < legal / total < 0.95
    if not render:
        assert len(codes) > 20


def test_mangled_yaml(tmp_path, monkeypatch):
    """The tree's own specs with words swapped, lost, doubled and moved: errors, never an exception."""
    from pathlib import Path

    from lamina.load import load_spec

    root = Path(__file__).resolve().parents[2]
    texts = [p.read_text(encoding="utf-8") for p in sorted([*root.glob("specs/*.yaml"), *root.glob("tests/negative/*.yaml")])]
    words = [[w for w in re.split(r"(\s+|[{}\[\],:])", text) if w] for text in texts]
    monkeypatch.chdir(tmp_path)
    end, seed, broken = time.monotonic() + SECONDS / 2, FIRST, 0
    while time.monotonic() < end:
        r = random.Random(seed)
        seed += 1
        mine, other = list(r.choice(words)), r.choice(words)
        for _ in range(r.randint(1, 6)):
            at = r.randrange(len(mine))
            what = r.randrange(5)
            if what == 0:
                mine[at] = r.choice(other)
            elif what == 1:
                del mine[at]
            elif what == 2:
                mine.insert(at, mine[r.randrange(len(mine))])
            elif what == 3:
                there = r.randrange(len(mine))
                mine[at], mine[there] = mine[there], mine[at]
            else:
                mine[at] = r.choice(WORDS + [str(n) for n in NUMBERS])
            if not mine:
                break
        text = "".join(mine)
        Path("mangled.yaml").write_text(text, encoding="utf-8")
        try:
            diags = Diagnostics()
            document = load_spec("mangled.yaml", (), diags)
            for stack in validate(document, diags) if document else ():
                if resolve(stack):
                    sensible(stack)
            assert document or diags.errors
            diags.render()
            broken += bool(diags.errors)
        except Exception:
            pytest.fail(f"LAMINA_FUZZ_SEED={seed - 1}:\n{text}\n{traceback.format_exc()}", pytrace=False)
    assert seed > FIRST + 50 and broken > 20
