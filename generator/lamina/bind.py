"""Binds a layer's fragments to one form of the output.

A fragment names state as `L.s.field`, numbers as `L.k.name` and its neighbours by what they do (`L.commit(…)`,
`L.fresh(…)`). What that becomes in C depends on where the fragment goes:

    FLAT    the flat allocator: `self` is the handle, numbers are constants, neighbours are woven in
    HANDLE  functions of the generic twin that act on the whole handle: init, destroy, check, reset
    LAYER   functions of the generic twin that act on one layer and reach the others through its links
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from .descriptor import Role
from .model import Branch, Layer, Stack
from .targets import TARGETS

if TYPE_CHECKING:
    from .compose import Composer


class Form(enum.Enum):
    FLAT = "flat"
    HANDLE = "handle"
    LAYER = "layer"


class _Proxy:
    """`proxy.name` and `proxy["name"]` by one function; an unknown name is an error in the template."""

    def __init__(self, get: Any) -> None:
        self._get = get

    def __getattr__(self, name: str) -> Any:
        return self._get(name)

    def __getitem__(self, name: str) -> Any:
        return self._get(name)


class StackView:
    """What a fragment may know of the stack as a whole."""

    def __init__(self, stack: Stack) -> None:
        self.name, self.upper = stack.name, stack.name.upper()
        self.sized = stack.sized
        consts = stack.main.store.consts
        self.payload = f"{self.upper}_PAYLOAD_BYTES" if "payload_bytes" in consts else "0U"
        if stack.combinator and "payload_bytes" in consts:
            self.payload = f"{self.upper}_{consts['payload_bytes'].name}"


class Bound:
    """One layer, bound. The attribute names are the vocabulary of the layer templates (docs/adding-a-layer.md)."""

    def __init__(self, composer: Composer, layer: Layer, branch: Branch, form: Form) -> None:
        self._c, self.layer, self._branch, self.form = composer, layer, branch, form
        stack = composer.stack
        self.p, self.x = layer.p, layer.x
        self.stack = composer.view
        self.flat, self.generic = form is Form.FLAT, form is not Form.FLAT
        self.k = _Proxy(self._const)
        self.v = _Proxy(lambda name: layer.consts[name].value if name in layer.consts else 0)
        self.s = _Proxy(self._state)
        self.lazy, self.reserved, self.os_memory = branch.lazy, branch.reserved, branch.os_memory
        self.mapped = branch.mapped
        self.split = branch.split is not None
        self.guard_commits = branch.guard is not None
        self.commits = branch.lazy
        self.dynamic = branch.dynamic
        self.link_bytes = branch.link_bytes
        self.checks = stack.options.checks == "full"
        self.hosted = TARGETS[stack.options.target].hosted
        self.callback = stack.options.on_corruption == "callback"
        self.withdraws = self.callback
        self.noreturn = "" if self.callback else "LAMINA_NORETURN "
        self.linkage = "" if self.flat else "static "
        self.linkage_static = "static "
        self.down = ""
        self.undo = ""
        self.undo_own = ""
        self.wants_decommit = composer.wants_decommit(branch)
        self.remote = False

    # ---- names and numbers

    def _const(self, name: str) -> str:
        const = self.layer.consts[name]
        if self.form is Form.LAYER and const.type != "dim" and name not in getattr(self.layer.x, "dims", ()):
            self._c.config_used.setdefault(self.layer.id, {})[name] = const
            return f"self->cfg.{name}"
        return f"{self.stack.upper}_{const.name}"

    def _state(self, name: str) -> str:
        return f"self->{name}" if self.form is Form.LAYER else f"self->{self.layer.id}.{name}"

    def has(self, name: str) -> bool:
        return name in self.layer.consts

    def plus(self, base: str, *rest: Any) -> str:
        """`base + constant`, or just `base` where the constant is 0."""
        bound, name = (self, rest[0]) if len(rest) == 1 else rest
        if bound.layer.consts.get(name) is None or bound.layer.consts[name].value == 0:
            return base
        return f"{base} + {bound.k[name]}"

    def minus(self, address: str, base: str) -> str:
        """The distance from one address to another, which may be a sum."""
        return f"{address} - ({base})" if " " in base else f"{address} - {base}"

    def plus_k(self, name: str) -> str:
        """`constant + `, or nothing where it is 0: to be followed by another term."""
        return f"{self.k[name]} + " if self.layer.consts.get(name) and self.layer.consts[name].value else ""

    relative = plus_k

    def fn(self, name: str) -> str:
        """A function of this layer that is no part of the API."""
        if self.flat:
            return f"{self.stack.name}_{self.layer.prefix}{name}"
        return f"{self.stack.name}_generic_{self.layer.id}_{name}"

    def api_fn(self, name: str) -> str:
        return f"{self._c.prefix(self.generic)}_{name}"

    def api_const(self, name: str) -> str:
        return f"{self._c.prefix(self.generic).upper()}_{name}"

    @property
    def handle_t(self) -> str:
        return f"{self._c.prefix(self.generic)}_t"

    @property
    def self_t(self) -> str:
        return f"{self.stack.name}_generic_{self.layer.id}" if self.form is Form.LAYER else self.handle_t

    @property
    def me(self) -> str:
        """This layer's own functions' first argument."""
        return f"&self->{self.layer.id}" if self.form is Form.HANDLE else "self"

    @property
    def self_arg(self) -> str:
        return self.me

    @property
    def top(self) -> str:
        return "self->link.top" if self.form is Form.LAYER else "self"

    # ---- the cold side of alloc

    @property
    def retried(self) -> bool:
        """Whether a function out of line refills and tries again, in place of the inline alloc."""
        return self.flat and self._branch is self._c.stack.main and self._c.retries

    @property
    def refill_linkage(self) -> str:
        """What stands before the refill: it is for others only where inline code calls it."""
        return "" if self.flat and self._branch is self._c.stack.main and not self.retried else "static "

    # ---- neighbours

    def bound(self, layer: Layer) -> "Bound":
        # A layer of the twin has its own configuration only; its neighbours' numbers are the spec's.
        form = Form.HANDLE if self.form is Form.LAYER and layer is not self.layer else self.form
        return self._c.bind(layer, self._branch, form)

    @property
    def source(self) -> "Bound":
        return self.bound(self._branch.source)

    @property
    def store(self) -> "Bound":
        return self.bound(self._branch.store)

    @property
    def carved(self) -> str:
        """Upper bound of the indices that free takes; another thread reads it while the owner may write."""
        if self.remote:
            return f"lamina_atomic_load_size_relaxed(&{self.s.carved})"
        return self.s.carved

    def _committer(self) -> Layer:
        return self._branch.guard or self._branch.source

    def commit(self, need: str) -> str:
        target = self.bound(self._committer())
        if self.flat:
            return f"{target.fn('commit')}(self, {need})"
        if self.form is Form.HANDLE:
            return f"{target.fn('commit')}(&self->{target.layer.id}, {need})"
        return f"self->link.below->ops->commit(self->link.below, {need})"

    def decommit(self, keep: str) -> str:
        target = self.bound(self._committer())
        if self.form is Form.LAYER:
            return f"{target.fn('decommit')}(&self->link.top->{target.layer.id}, {keep})"
        return f"{target.fn('decommit')}({target.me}, {keep})"

    def fresh(self, slot: str) -> str:
        texts = [self._c.macro(b, "fresh", self._branch, Form.FLAT if self.flat else Form.LAYER)
                 for b in self._branch.blocks]
        if not any(texts):
            return ""
        if self.flat:
            return "\n".join(t for t in texts if t)
        return f"self->link.above->ops->fresh(self->link.above, {slot});"

    def replenish(self) -> str:
        access = self._c.stack.access
        if access is None or not self._c.defines(access, "replenish") or self._branch is not self._c.stack.main:
            return ""
        if self.flat:
            return self._c.macro(access, "replenish", self._branch, Form.FLAT)
        return f"{self.stack.name}_generic_{access.id}_drain(&self->link.top->{access.id})"

    def used(self) -> str:
        """Bytes in use of a store that takes sizes."""
        if self.form is Form.LAYER:
            return "self->link.below->ops->used(self->link.below)"
        return self._c.macro(self._branch.store, "used", self._branch, self.form)

    def store_call(self, name: str) -> str:
        return self._c.macro(self._branch.store, name, self._branch, self.form)

    def store_count(self) -> str:
        if self.form is Form.LAYER:
            return f"{self.stack.name}_generic_capacity({self.top})"
        return self._c.macro(self._branch.store, "capacity", self._branch, self.form)

    def have_top(self) -> str:
        if self.form is Form.LAYER:
            return f"{self.stack.name}_generic_have({self.top})"
        return self._c.macro(self._branch.store, "have", self._branch, self.form)

    def free_top(self, ptr: str) -> str:
        if self.form is Form.LAYER:
            return f"{self.stack.name}_generic_free({self.top}, {ptr})"
        return self._c.call("free_own" if self.owned else "free", ptr)

    def is_object(self, ptr: str) -> str:
        """Condition: `ptr` is the start of a slot that was handed out."""
        if self.form is Form.LAYER:
            return f"{self.stack.name}_generic_is_slot({self.top}, {ptr})"
        return self._c.call("owns", ptr)

    def remote_guard(self) -> str:
        if self.form is Form.LAYER:
            return f"if (!{self.is_object('ptr')}) {{\n{self.stack.name}_generic_free_stray({self.top}, ptr);\nreturn;\n}}"
        store = self._c.bind(self._branch.store, self._branch, self.form, remote=True)
        module = self._c.module(self._branch.store)
        slot = self._c.slot_of("ptr", self._branch)
        return (f"const unsigned char *const slot = {slot};\n{module.locate(store)}\n"
                f"if (!({str(module.located(store)).strip()})) {{\n{self._c.prefix(self.generic)}_free_stray(self, ptr);\nreturn;\n}}")

    def held_terms(self) -> str:
        terms = [self._c.macro(b, "held_terms", self._branch, self.form) for b in self._branch.blocks]
        return "".join(f" + {t}" for t in terms if t)

    # ---- what is intact, what is damaged

    def intact_freed(self, slot: str) -> str:
        """Condition: nobody wrote to this freed slot."""
        if self.form is not Form.FLAT:
            return f"{self.stack.name}_generic_intact_freed({self.top}, {slot})"
        parts = [self._c.macro(b, "intact_freed", self._branch, Form.FLAT) for b in self._branch.blocks]
        return " && ".join(p for p in parts if p).replace("slot", slot)

    def inspect_freed(self, slot: str, event: str = "event") -> str:
        if not self._c.inspects(self._branch, "inspect_freed"):
            return ""
        return f"{self._c.branch_fn(self._branch, 'inspect_freed', self.generic)}({self.top}, {slot}, {event})"

    def inspect_any(self, slot: str, event: str = "event") -> str:
        if not self._c.inspects(self._branch, "inspect_any"):
            return ""
        return f"{self._c.branch_fn(self._branch, 'inspect_any', self.generic)}({self.top}, {slot}, {event})"

    @property
    def bail(self) -> str:
        """Leaves the operation after a report that returned; reports that abort never do."""
        return self._c.bail

    def event(self, what: str, address: str, offset: str, expected: str, found: str) -> str:
        return (f'{{ .stack = "{self.stack.name}", .layer = "{self.layer.name}", .what = "{what}", '
                f".address = {address}, .offset = {offset}, .expected = {expected}, .found = {found} }}")

    def finding(self, *parts: str) -> str:
        return f"*event = (lamina_corruption){self.event(*parts)};"

    def report(self, event: str) -> str:
        if not self.callback:
            return f"lamina_corruption_abort({event});"
        return f"{self._c.prefix(self.generic)}_report({self.top}, {event});"

    def report_closing(self, name: str, slot: str) -> str:
        return f"{self.fn(name)}({self.me}, {slot});"

    @property
    def alone(self) -> bool:
        """Whether the branch is the whole stack: no combinator joins it with another."""
        return self._c.stack.combinator is None

    @property
    def owned(self) -> bool:
        """Whether other threads look at the store while its owner works on it."""
        access = self._c.stack.access
        return access is not None and self._c.defines(access, "diverts")

    @property
    def quarantined(self) -> bool:
        return any(self._c.holds_back(b) for b in self._branch.blocks)

    @staticmethod
    def single_byte(word: int) -> bool:
        """Whether an 8-byte pattern is one byte repeated, so that a test may name the byte."""
        return len(set(word.to_bytes(8, "big"))) == 1

    # ---- init

    def fail(self, status: str) -> str:
        return f"status = {status};\ngoto {self.undo};"

    def fail_own(self, status: str) -> str:
        return f"status = {status};\ngoto {self.undo_own};"

    # ---- functions of the API that a layer adds

    def handle_args(self, rest: str = "") -> str:
        parts = [] if self._c.static_instance and self.flat else [f"{self.handle_t} *{self._c.self_param(self.flat)}"]
        return ", ".join([*parts, *([rest] if rest else [])]) or "void"

    def const_handle_args(self, rest: str = "") -> str:
        parts = [] if self._c.static_instance and self.flat else [f"const {self.handle_t} *{self._c.self_param(self.flat)}"]
        return ", ".join([*parts, *([rest] if rest else [])]) or "void"

    def handle_local(self, const: bool = False) -> str:
        return self._c.self_local(self.flat, const)

    def enter(self) -> str:
        return self._c.access_text("enter", self.form)

    def leave(self) -> str:
        return self._c.access_text("leave", self.form)
