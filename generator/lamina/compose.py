"""Weaves the layers' fragments into the bodies of a few functions.

The artefact templates own the functions' frames; this module fills their holes. It renders fragments, orders them and
joins them, and knows which of them a stack has; it writes no C of its own beyond calls and conjunctions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .bind import Bound, Form, StackView
from .descriptor import Role
from .model import Branch, Const, Layer, Stack

_BLANK = re.compile(r"\n\s*\n+")


def _tidy(text: object) -> str:
    return _BLANK.sub("\n", str(text)).strip()


@dataclass(frozen=True)
class Piece:
    """Fragments of one layer for one hole."""

    layer: Layer
    text: str


class BranchView:
    """One branch's fragments, ready for the frames."""

    def __init__(self, composer: "Composer", branch: Branch, form: Form) -> None:
        self._c, self.b, self.form = composer, branch, form
        self.store = branch.store
        self.whole = branch.store is branch.source
        self.sized = branch.store.x.sized
        self.name = branch.name
        consts = branch.store.consts
        self.offset = consts["payload_offset"].value if "payload_offset" in consts else 0
        self.quarantined = any(composer.holds_back(b) for b in branch.blocks)
        #: What tools that watch memory know the store's pool by; nothing in the twin, which tells them nothing.
        self.pool = f"self->{branch.store.id}.base" if form is Form.FLAT and not self.whole else ""

    def _store(self, name: str, **kw: Any) -> str:
        return self._c.macro(self.b.store, name, self.b, self.form, **kw)

    @property
    def locals(self) -> str:
        return self._store("locals")

    @property
    def have(self) -> str:
        return self._store("have")

    @property
    def refill(self) -> str:
        """Call of the cold path that makes `have` true, or nothing."""
        bound = self._c.bind(self.b.store, self.b, self.form)
        if f"{bound.fn('refill')}(" not in self._store("functions"):
            return ""
        return f"{bound.fn('refill')}({self._store('refill_args') or 'self'})"

    @property
    def refuse(self) -> str:
        """What is done about a request that doesn't fit, where no refill will help."""
        return self._store("refuse")

    @property
    def take(self) -> str:
        return self._store("take")

    @property
    def verify(self) -> str:
        """Condition that a slot about to be handed out meets."""
        parts = [self._c.macro(b, n, self.b, self.form) for b in self.b.blocks for n in ("intact_any", "intact_freed")]
        return " && ".join(p for p in parts if p)

    @property
    def alloc_ok(self) -> str:
        return self._c.join([self.b.store, *self.b.blocks], "alloc_ok", self.b, self.form)

    @property
    def alloc_leaves(self) -> bool:
        """Whether alloc may leave in its middle."""
        damaged = self._c.bail if self.verify else ""
        return "goto leave" in "".join((self.take, self.alloc_ok, damaged))

    @property
    def store_ok(self) -> str:
        """The store's own part of alloc_ok."""
        return self._store("alloc_ok")

    @property
    def locate(self) -> str:
        return self._store("locate")

    @property
    def located(self) -> str:
        return self._store("located")

    @property
    def within(self) -> str:
        return self._store("within", args=("slot",))

    @property
    def vet(self) -> str:
        return self._store("vet") if self._c.stack.options.checks == "full" else ""

    @property
    def intact(self) -> str:
        """Condition that a block given to free meets."""
        parts = [self._c.macro(b, "intact_any", self.b, self.form) for b in self.b.blocks]
        return " && ".join(p for p in parts if p)

    @property
    def retire(self) -> str:
        return self._store("retire")

    @property
    def free(self) -> str:
        """From the user's side down: each block layer, then the store; a quarantine holds what is below it."""
        text = self._store("free")
        for block in self.b.blocks:
            own = self._c.macro(block, "free", self.b, self.form, down=text)
            text = own if self._c.holds_back(block) else "\n".join(t for t in (own, text) if t)
        return text

    @property
    def stray(self) -> str:
        return self._store("stray")


class Composer:
    """The fragments of one stack, rendered on demand."""

    def __init__(self, stack: Stack, env: Any) -> None:
        self.stack, self.env = stack, env
        self.view = StackView(stack)
        self.static_instance = stack.options.instance == "static"
        self.config_used: dict[str, dict[str, Const]] = {}
        self._modules: dict[str, Any] = {}

    # ---- rendering

    def module(self, layer: Layer) -> Any:
        name = layer.name
        if name not in self._modules:
            self._modules[name] = self.env.get_template(f"{name}.c.j2").module
        return self._modules[name]

    def holds_back(self, layer: Layer) -> bool:
        """Whether the layer's free decides if, and with which block, the layers below are called."""
        return self.defines(layer, "held_terms")

    def defines(self, layer: Layer, macro: str) -> bool:
        return hasattr(self.module(layer), macro)

    def bind(self, layer: Layer, branch: Branch, form: Form, **more: Any) -> Bound:
        bound = Bound(self, layer, branch, form)
        for name, value in more.items():
            setattr(bound, name, value)
        return bound

    def macro(self, layer: Layer, name: str, branch: Branch, form: Form, args: tuple[str, ...] = (), **more: Any) -> str:
        """One fragment, or nothing where the layer has none."""
        if not self.defines(layer, name):
            return ""
        return _tidy(getattr(self.module(layer), name)(self.bind(layer, branch, form, **more), *args))

    def join(self, layers: list[Layer], name: str, branch: Branch, form: Form) -> str:
        texts = [self.macro(layer, name, branch, form) for layer in layers]
        return "\n".join(t for t in texts if t)

    def branch_of(self, layer: Layer) -> Branch:
        return next((b for b in self.stack.branches if layer in b.layers), self.stack.main)

    def pieces(self, name: str, form: Form, layers: list[Layer] | None = None, **more: Any) -> list[Piece]:
        out = []
        for layer in layers if layers is not None else self.stack.layers:
            text = self.macro(layer, name, self.branch_of(layer), form, **more)
            if text:
                out.append(Piece(layer, text))
        return out

    # ---- names

    def prefix(self, generic: bool) -> str:
        return f"{self.stack.name}_generic" if generic else self.stack.name

    def self_param(self, flat: bool) -> str:
        return "self"

    def self_local(self, flat: bool, const: bool = False) -> str:
        if not (flat and self.static_instance):
            return ""
        name = self.stack.name
        return f"{'const ' if const else ''}{name}_t *const self = &{name}_instance;"

    def call(self, function: str, *args: str) -> str:
        """A call of a flat API function from inside another one."""
        own = [] if self.static_instance else ["self"]
        return f"{self.stack.name}_{function}({', '.join([*own, *args])})"

    def branch_fn(self, branch: Branch, name: str, generic: bool) -> str:
        lead = f"{branch.name}_" if len(self.stack.branches) > 1 and branch is not self.stack.main else ""
        return f"{self.prefix(generic)}_{lead}{name}"

    def damaged_fns(self, branch: Branch, generic: bool) -> dict[str, str]:
        """The functions that report a free slot and one in use; the same where nothing but beside the object is watched."""
        alike = not self.inspects(branch, "inspect_freed")
        return {n: self.branch_fn(branch, "damaged" if alike else f"damaged_{n}", generic) for n in ("free", "live")}

    def slot_of(self, ptr: str, branch: Branch) -> str:
        """The slot whose payload `ptr` points to; by integers, since `ptr` may be anything."""
        const = branch.store.consts.get("payload_offset")
        if const is None or const.value == 0:
            return f"(unsigned char *){ptr}"
        return f"(unsigned char *)((uintptr_t){ptr} - {self.view.upper}_{const.name})"

    def payload_of(self, slot: str, branch: Branch) -> str:
        const = branch.store.consts.get("payload_offset")
        return slot if const is None or const.value == 0 else f"{slot} + {self.view.upper}_{const.name}"

    # ---- facts for the frames

    @property
    def bail(self) -> str:
        """What follows a report of damage: nothing where the report doesn't return."""
        return "goto leave;" if self.stack.options.on_corruption == "callback" else ""

    @cached_property
    def retries(self) -> bool:
        """Whether the flat alloc leaves the cold case to a function that ends in another alloc. The fast path then needs
        no frame of its own; it must hold no lock, and have counted nothing, when it calls that function."""
        view = BranchView(self, self.stack.main, Form.FLAT)
        return not (view.whole or self.access_text("enter", Form.FLAT) or self.admit(Form.FLAT) or view.alloc_leaves)

    def inspects(self, branch: Branch, name: str) -> bool:
        return any(self.macro(b, name, branch, Form.FLAT) for b in branch.blocks)

    def wants_decommit(self, branch: Branch) -> bool:
        return branch.os_memory and (branch.lazy or branch.store.x.sized) and not (
            branch.guard and branch.guard.x.every) and branch is self.stack.main

    def access_text(self, name: str, form: Form) -> str:
        access = self.stack.access
        return self.macro(access, name, self.stack.main, form) if access else ""

    def upper(self, name: str, form: Form, reverse: bool = False) -> str:
        layers = [layer for layer in self.stack.upper if layer.role is Role.OBSERVER]
        return self.join(layers[::-1] if reverse else layers, name, self.stack.main, form)

    def admit(self, form: Form) -> str:
        parts = [self.macro(layer, "admit", self.stack.main, form) for layer in self.stack.upper]
        return " && ".join(f"({p})" for p in parts if p)

    def test_cases(self, forms: list[Any]) -> list[Piece]:
        """Each layer's own cases."""
        out = []
        for layer in self.stack.layers:
            branch = self.branch_of(layer)
            if not self.defines(layer, "tests") or branch is not self.stack.main:
                continue
            bound = self.bind(layer, branch, Form.HANDLE, held=any(self.holds_back(b) for b in branch.blocks), bare=not branch.blocks,
                              system_second=any(b.store.desc.whole for b in self.stack.branches[1:]))
            text = str(self.module(layer).tests(bound, forms)).strip()
            if text:
                out.append(Piece(layer, text))
        return out
