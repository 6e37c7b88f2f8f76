"""The generic twin: which operations its layers answer, and with what."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from .bind import Form
from .compose import BranchView, Composer, _tidy
from .descriptor import Role
from .model import Branch, Layer
from .views import common

#: name, result, arguments, their names, the direction in which a layer passes it on, what it asks.
OPS = (
    ("alloc", "void *", "size_t size, size_t align", "size, align", "down", "a slot, or NULL"),
    ("vet", "bool", "unsigned char *slot", "slot", "down", "whether the slot may be freed; reports what is wrong"),
    ("retire", "void", "unsigned char *slot", "slot", "down", "the slot is no longer in use"),
    ("free", "void", "unsigned char *slot", "slot", "down", "the slot may be used again"),
    ("fresh", "void", "unsigned char *slot", "slot", "up", "the slot was cut from new memory"),
    ("commit", "bool", "size_t need", "need", "down", "makes the first `need` bytes accessible"),
    ("used", "size_t", "", "", "down", "bytes in use"),
    ("owns", "bool", "unsigned char *slot", "slot", "down", "whether the memory is this branch's"),
    ("enter", "void", "", "", "down", "begins an operation"),
    ("leave", "void", "", "", "down", "ends it"),
    ("divert", "bool", "void *ptr", "ptr", "down", "whether another thread's free was posted"),
)
CTYPES = {"size": "size_t", "u64": "uint64_t", "unsigned": "unsigned", "word": "size_t"}


def _names(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", str(text)) is not None


def generic(composer: Composer, spec: str, command: str) -> tuple[SimpleNamespace, BranchView]:
    """The view of the twin. Rendering the layers' fragments finds what each must be configured with."""
    stack = composer.stack
    composer.config_used = {}
    S = common(composer, Form.HANDLE, True, spec, command)
    S.names = _names
    S.ok = S.fail = S.retire = ""
    S.no_state = False
    M = S.branches[0]
    macros = composer.env.get_template("artefacts/layer_ops.j2").module
    views = {b.name: BranchView(composer, b, Form.LAYER) for b in stack.branches}
    S.layers = [_layer(composer, S, layer, views, macros) for layer in stack.layers]
    wanted = _wanted(composer, S)
    S.ops = [SimpleNamespace(name=n, result=r, args=a, names=v, direction=d, doc=doc, passed=False, ended=False)
             for n, r, a, v, d, doc in OPS if n in wanted]
    S.op = {n: None for n, *_ in OPS} | {op.name: op for op in S.ops}
    _answers(composer, S)
    S.top_id = S.layers[-1].layer.id
    for layer in S.layers:
        used = composer.config_used.get(layer.layer.id, {})
        layer.config = [(name, SimpleNamespace(name=const.name, ctype=CTYPES[const.type])) for name, const in used.items()]
    S.statics = composer.pieces("statics", Form.HANDLE)
    S.private_functions = composer.pieces("private_functions", Form.HANDLE)
    S.static_declarations = _declarations(composer)
    texts = "\n".join([layer.functions + "\n".join(layer.bodies.values()) for layer in S.layers])
    S.needs = SimpleNamespace(
        is_slot=f"{S.p}_is_slot(" in texts, have=f"{S.p}_have(" in texts, intact_freed=f"{S.p}_intact_freed(" in texts)
    main = stack.main
    remote = composer.bind(main.store, main, Form.HANDLE, remote=True)
    module = composer.module(main.store)
    S.remote_locate = _tidy(module.locate(remote)) if S.needs.is_slot else ""
    S.remote_located = _tidy(module.located(remote)) if S.needs.is_slot else ""
    S.have = composer.macro(main.store, "have", main, Form.HANDLE)
    # Above a combinator, whose branches may differ in what precedes a payload, layers pass payloads on.
    S.top_payload = "slot" if stack.combinator else S.payload_of_slot
    S.top_slot = "(unsigned char *)ptr" if stack.combinator else S.slot_of_ptr
    S.secondary_free = ""
    if S.secondary:
        S.secondary = False  # the fallback layer routes; a stray pointer is a stray pointer here
    return S, M


def _declarations(composer: Composer) -> list[str]:
    out = []
    for name in ("declarations", "private_declarations"):
        for piece in composer.pieces(name, Form.LAYER):
            text = re.sub(r"\s+LAMINA_COLD;", ";", piece.text)
            for line in text.split("\n"):
                if line.strip():
                    out.append(line if line.startswith("static") else f"static {line}")
    return out


def _wanted(composer: Composer, S: SimpleNamespace) -> set[str]:
    stack = composer.stack
    wanted = {"alloc"}
    if S.can.free:
        wanted |= {"vet", "retire", "free"}
    everything = "\n".join(layer.functions + "".join(layer.bodies.values()) for layer in S.layers)
    for name in ("fresh", "commit", "used", "owns"):
        if f"ops->{name}(" in everything:
            wanted.add(name)
    if stack.access and composer.defines(stack.access, "enter"):
        wanted |= {"enter", "leave"}
    if stack.access and composer.defines(stack.access, "diverts"):
        wanted.add("divert")
    return wanted


def _layer(composer: Composer, S: SimpleNamespace, layer: Layer, views: dict[str, BranchView], macros: Any) -> SimpleNamespace:
    stack = composer.stack
    branch = composer.branch_of(layer)
    B = views[branch.name]
    out = SimpleNamespace(layer=layer, type=f"{S.p}_{layer.id}", combinator=layer.role is Role.COMBINATOR, config=[])
    out.fields = composer.macro(layer, "fields", branch, Form.HANDLE)
    out.functions = composer.macro(layer, "functions", branch, Form.LAYER)
    out.helpers = composer.macro(layer, "helpers", branch, Form.LAYER)
    bodies: dict[str, str] = {}
    damaged = composer.damaged_fns(branch, True)

    def text(name: str, **more: Any) -> str:
        return composer.macro(layer, name, branch, Form.LAYER, **more)

    if out.combinator:
        first, second = stack.branches
        bodies["alloc"] = macros.fallback_alloc(S, composer.payload_of("slot", first), composer.payload_of("slot", second))
        for op in ("vet", "retire", "free"):
            bodies[op] = macros.fallback_route(S, op, composer.slot_of("ptr", first), composer.slot_of("ptr", second))
    elif layer is branch.store:
        if B.whole:
            ptr = "void *const ptr = slot;\n"
            bodies["alloc"] = macros.unused(S, text("alloc_whole"), ["self", "size", "align"]) + f"return {text('alloc_whole')};"
            bodies["vet"] = "(void)self;\n(void)slot;\nreturn true;"
            bodies["free"] = f"(void)self;\n{ptr}{text('free_whole')};"
        else:
            bodies["alloc"] = macros.store_alloc(S, B)
            if S.can.free:
                bodies["vet"] = macros.store_vet(S, B, composer.payload_of("slot", branch))
                if B.retire:
                    bodies["retire"] = macros.store_retire(S, B)
                bodies["free"] = text("free")
                if not _names(bodies["free"], "slot"):
                    bodies["free"] = "(void)self;\n(void)slot;\n" + bodies["free"]
            if layer.x.sized and composer.defines(layer, "used"):
                bodies["used"] = f"return {text('used')};"
            if stack.combinator:
                bodies["owns"] = f"return {composer.macro(layer, 'within', branch, Form.LAYER, args=('slot',))};"
    elif layer.role is Role.BLOCK:
        verify = " && ".join(t for t in (text("intact_any"), text("intact_freed")) if t)
        ok = text("alloc_ok")
        if verify or ok:
            bodies["alloc"] = macros.layer_alloc(S, damaged["free"], "", verify, ok, "", S.bail, "self->link.below")
        if text("intact_any") and S.checks:
            bodies["vet"] = macros.layer_vet(S, damaged["live"], text("intact_any"), S.bail)
        holds = composer.holds_back(layer)
        free = text("free", down="self->link.below->ops->free(self->link.below, slot);")
        if free and S.can.free:
            bodies["free"] = macros.layer_free(S, free, holds)
        if text("fresh"):
            bodies["fresh"] = text("fresh") + f"\n{S.p}_pass_fresh(link, slot);"
    elif layer.role is Role.OBSERVER:
        admit, ok, fail = text("admit"), text("alloc_ok"), text("alloc_fail")
        if admit or ok or fail:
            bodies["alloc"] = macros.layer_alloc(S, "", admit, "", ok, fail, "", "self->link.below")
        if text("retire") and S.can.free:
            bodies["retire"] = text("retire") + "\nself->link.below->ops->retire(self->link.below, slot);"
    elif layer.role is Role.ACCESS:
        if text("enter"):
            bodies["enter"] = text("enter")
            bodies["leave"] = text("leave") or "(void)self;"
        if text("diverts"):
            bodies["divert"] = (f"if ({text('diverts')}) {{\n{text('divert')}\nreturn true;\n}}\nreturn false;")
    elif composer.macro(layer, "commit_need", branch, Form.LAYER):
        fn = composer.bind(layer, branch, Form.LAYER).fn("commit")
        bodies["commit"] = f"return {fn}(self, need);"
    bodies = {name: _tidy(body) for name, body in bodies.items()}
    for name, body in bodies.items():
        if not _names(body, "self"):
            bodies[name] = "(void)self;\n" + body
    out.bodies = bodies
    return out


def _answers(composer: Composer, S: SimpleNamespace) -> None:
    """For each layer and operation: its own function, or the one that passes the question on."""
    stack = composer.stack
    by_layer = {id(layer.layer): layer for layer in S.layers}
    chains: list[list[SimpleNamespace]] = []
    upper = [layer for layer in stack.layers if layer in stack.upper or layer is stack.combinator]
    for i, branch in enumerate(stack.branches):
        own = branch.layers + (upper if i == 0 else [])
        chains.append([by_layer[id(layer)] for layer in own])
    for chain in chains:
        for i, layer in enumerate(chain):
            layer.below = f"&self->{chain[i - 1].layer.id}.link" if i else "NULL"
            layer.above = f"&self->{chain[i + 1].layer.id}.link" if i + 1 < len(chain) else "NULL"
    if stack.combinator:
        combinator = by_layer[id(stack.combinator)]
        top = stack.branches[1].layers[-1]
        combinator.secondary = f"&self->{top.id}.link"
        by_layer[id(stack.branches[0].layers[-1])].above = "NULL"
    for layer in S.layers:
        layer.answers = {}
        for op in S.ops:
            if op.name in layer.bodies:
                layer.answers[op.name] = f"{layer.type}_{'op_' if op.name == 'commit' else ''}{op.name}"
                if "pass_" + op.name in layer.bodies[op.name]:
                    op.passed = True
                continue
            # The source is the last that is asked downwards; every other layer passes on.
            if op.direction == "down" and layer.below == "NULL":
                layer.answers[op.name] = f"{S.p}_end_{op.name}"
                op.ended = True
            else:
                layer.answers[op.name] = f"{S.p}_pass_{op.name}"
                op.passed = True
        layer.bodies = {n: b for n, b in layer.bodies.items() if S.op.get(n)}
