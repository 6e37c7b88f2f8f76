"""What the artefact templates see: one namespace for the flat form, one for the generic twin.

Everything that a frame asks is answered here once, so that the templates only place text and loop over lists.
"""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from . import __version__
from .bind import Form
from .compose import BranchView, Composer, Piece, _tidy
from .descriptor import Int, Param, Role
from .model import Branch, Layer, Stack
from .targets import TARGETS

ABI = 1
#: Which runtime header declares what: emitted code includes what it uses and nothing else.
HEADERS = (
    ("annotate.h", r"\blamina_annotate_"),
    ("block.h", r"\blamina_(fill_word|holds_word|first_mismatch|pattern_byte|zero)\b"),
    ("numa.h", r"\blamina_numa_|\bLAMINA_NUMA_"),
    ("os.h", r"\blamina_os_|\bLAMINA_MAP_|\bLAMINA_HUGE_"),
    ("random.h", r"\blamina_(random_bytes|mix_next|bounded)\b"),
    ("secret.h", r"\blamina_secret_|\bLAMINA_SECRET_"),
    ("report.h", r"\blamina_corruption|\bLAMINA_DEBUG_ASSERT\b"),
    ("siphash.h", r"\blamina_siphash"),
    ("thread.h", r"\blamina_(thread_|mutex_|atomic_|spinlock_)"),
)


def headers_for(text: str) -> list[str]:
    """The runtime headers that a text needs, beyond core.h."""
    return [name for name, pattern in HEADERS if re.search(pattern, text)]


def negated(condition: str) -> str:
    """A condition as the operand of `!`: in parentheses unless it is one call or already has them."""
    text = str(condition).strip()
    call = re.match(r"^\w*\(", text)
    if call:
        depth = 0
        for at, char in enumerate(text):
            depth += {"(": 1, ")": -1}.get(char, 0)
            if depth == 0 and char == ")":
                return text if at == len(text) - 1 else f"({text})"
    return f"({text})"


def opposite(condition: str) -> str:
    """The condition that holds where this one doesn't: the other comparison where it is one, else with `!`."""
    text = str(condition).strip()
    if text.count(" != ") == 1 and not re.search(r"&&|\|\||[?,]", text):
        return text.replace(" != ", " == ")
    return f"!{negated(text)}"


def _capabilities(stack: Stack) -> SimpleNamespace:
    main, store = stack.main, stack.main.store
    alone = stack.combinator is None
    whole = any(b.store.desc.whole for b in stack.branches)
    # Two stores add up where they count the same thing.
    counted = not whole and len({b.store.x.sized for b in stack.branches}) == 1
    return SimpleNamespace(
        init_with=any(b.dynamic for b in stack.branches),
        free=stack.frees,
        free_sized=stack.frees and not stack.sized,
        handler=stack.options.on_corruption == "callback",
        reset=not whole and all(b.store.x.resets for b in stack.branches),
        marks=alone and getattr(store.x, "marks", False),
        resize=alone and getattr(store.x, "resizes", False),
        owns=store.x.owns and not whole,
        usable_size=store.x.owns and not stack.sized and not whole,
        capacity=counted,
        in_use=counted,
        release_unused=alone and (main.lazy or (store.x.sized and main.os_memory)) and not (
            main.guard and main.guard.x.every),
        stats=stack.find("statistics") is not None,
        walk=alone and getattr(store.x, "detects_double_free", False),
    )


def _picture(stack: Stack) -> list[str]:
    """The stack drawn, top layer first, as comment lines."""
    rows: list[tuple[str, str]] = []

    def describe(layer: Layer) -> tuple[str, str]:
        shown = [f"{k} = {_shown(layer.p.__dict__[k], layer.desc.param(k))}" for k in layer.given
                 if not isinstance(layer.p.__dict__[k], list)]
        return layer.name, ", ".join(shown) or layer.desc.brief

    for layer in reversed(stack.upper):
        rows.append(describe(layer))
    if stack.combinator:
        rows.append((stack.combinator.name, stack.combinator.desc.brief))
        for branch in stack.branches:
            for layer in reversed(branch.layers):
                name, text = describe(layer)
                rows.append((f"  {branch.name}: {name}", text))
    else:
        rows += [describe(layer) for layer in reversed(stack.main.layers)]
    left = max(len(a) for a, _ in rows)
    right = min(max(len(b) for _, b in rows), 96 - left)
    rule = f"+-{'-' * left}-+-{'-' * right}-+"
    lines = [rule]
    for name, text in rows:
        words, line = text.split(" "), ""
        first = True
        for word in [*words, None]:
            if word is None or (line and len(line) + 1 + len(word) > right):
                lines.append(f"| {name if first else '':<{left}} | {line:<{right}} |")
                first, line = False, word or ""
            else:
                line = f"{line} {word}" if line else word
    return [*lines, rule]


def _shown(value: Any, param: Param | None = None) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and param is not None and isinstance(param.kind, Int):
        return str(value)  # a count, not a size
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value > 0xFFFF and len(set(value.to_bytes(8, "big"))) == 1:
            return f"0x{value & 0xFF:02X}"
        for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
            if value >= size and value % size == 0:
                return f"{value // size} {unit}"
        return str(value) if value < 1 << 40 else f"{value:#x}"
    if isinstance(value, tuple):
        return "{" + ", ".join(map(str, value)) + "}"
    return str(value)


def _promises(stack: Stack, can: SimpleNamespace) -> list[str]:
    store, main = stack.main.store, stack.main
    out = []
    if stack.access is None:
        out.append("Threads: one at a time; the caller sees to it.")
    else:
        out.append({"single": "Threads: the one that called init, which debug builds assert.",
                    "mutex": "Threads: any; every operation holds the instance's lock.",
                    "owner": "Threads: the one that called init owns the allocator; free may be called by any."}.get(
                        stack.access.name, f"Threads: {stack.access.desc.brief}."))
    if can.free and not stack.main.store.desc.whole:
        if stack.options.checks == "full":
            found = ["a pointer that starts no object"]
            if getattr(store.x, "detects_double_free", False):
                found.append("a double free")
            if main.find("canary"):
                found.append("a write beside an object")
            poison = main.find("poison")
            if poison and poison.x.verify:
                found.append("a write after free")
            if main.find("quarantine"):
                found.append("a write to a block in quarantine")
            if store.x.link in ("masked", "mac"):
                found.append("a forged link")
            told = "ends the program with a message" if stack.options.on_corruption == "abort" else "calls the handler"
            out.append(f"Damage that is found {told}: " + ", ".join(found) + ".")
        else:
            out.append("The pointer given to free is not checked.")
    return out


def common(composer: Composer, form: Form, generic: bool, spec: str, command: str) -> SimpleNamespace:
    """What both forms answer alike, bound to `form` for functions that act on the whole handle."""
    stack = composer.stack
    S = SimpleNamespace()
    S.flat, S.generic = not generic, generic
    S.negated, S.opposite = negated, opposite
    S.name, S.upper, S.brief = stack.name, stack.name.upper(), stack.brief or f"the allocator {stack.name}"
    S.version, S.spec, S.command, S.abi = __version__, spec, command, ABI
    S.p = composer.prefix(generic)
    S.t = f"{S.p}_t"
    S.static_instance = composer.static_instance
    S.static = "static " if generic else ""
    S.sized = stack.sized
    S.checks = stack.options.checks == "full"
    S.hosted = TARGETS[stack.options.target].hosted
    S.can = _capabilities(stack)
    S.noreturn = "" if S.can.handler else "LAMINA_NORETURN "
    S.bail = composer.bail
    main = stack.main
    S.store_id, S.store_name = main.store.id, main.store.name
    S.align = main.align
    S.payload = composer.view.payload
    S.min_align = f"{S.upper}_{main.store.consts['min_align'].name}" if "min_align" in main.store.consts else ""
    S.picture = _picture(stack)
    S.promises = _promises(stack, S.can)
    S.branches = [_branch_view(composer, b, form, generic) for b in stack.branches]
    S.access = stack.access
    settles = stack.access is not None and composer.defines(stack.access, "settle")
    leaves = stack.access is not None and composer.defines(stack.access, "leave")
    S.const, S.reads = not (settles or leaves), not leaves
    S.settle = composer.access_text("settle", form)
    S.enter, S.leave = composer.access_text("enter", form), composer.access_text("leave", form)
    S.guarded = bool(S.enter or S.leave or S.settle)
    S.admit = composer.admit(form)
    S.ok, S.fail = composer.upper("alloc_ok", form), composer.upper("alloc_fail", form)
    S.retire = composer.upper("retire", form)
    S.slot_of_ptr = composer.slot_of("ptr", main)
    S.const_slot_of_ptr = S.slot_of_ptr.replace("(unsigned char *)", "(const unsigned char *)", 1)
    S.payload_of_slot = composer.payload_of("slot", main)
    S.secondary = len(stack.branches) > 1
    S.report_event = f"{S.p}_report(self, &event);" if S.can.handler else "lamina_corruption_abort(&event);"
    S.missized = S.checks and S.can.free_sized and not main.store.desc.whole
    S.before_reset = "\n".join(t for t in (composer.join(b.blocks, "before_reset", b, form) for b in stack.branches) if t)
    S.reset = "\n".join(t for t in (
        *(composer.join([b.store, *b.blocks], "reset", b, form) for b in stack.branches),
        composer.join(stack.upper, "reset", main, form)) if t)
    S.reclaim = composer.join(main.blocks, "reclaim", main, form)
    S.rewound = composer.upper("rewound", form)
    S.inline_marks = S.flat and S.can.marks and not S.reclaim and not S.rewound
    S.owns = " || ".join(composer.macro(b.store, "owns", b, form) for b in stack.branches if b.store.x.owns)
    if len(stack.branches) > 1 and S.can.owns:
        S.can.owns = S.can.usable_size = stack.branches[0].store.x.sized == stack.branches[1].store.x.sized and all(
            composer.slot_of("ptr", b) == S.slot_of_ptr for b in stack.branches)
    S.capacity = " + ".join(composer.macro(b.store, "capacity", b, form) for b in stack.branches if not b.store.desc.whole)
    S.in_use = _in_use(composer, form)
    S.in_use_cost = "O(1)." if S.sized or main.store.x.order == "random" else "O(slots): a diagnostic."
    S.release_unused = composer.macro(main.store, "release_unused", main, form)
    S.stats = composer.upper("stats", form)
    S.walk = composer.macro(main.store, "walk", main, form)
    checks = [(layer, composer.macro(layer, "check", composer.branch_of(layer), form)) for layer in stack.layers]
    checks = [(layer, text) for layer, text in checks if text]
    S.check_text = "\n".join(f"/* {layer.name} */\n{text}" if len(stack.branches) == 1 else
                             f"{{ /* {layer.id} */\n{text}\n}}" for layer, text in checks)
    S.api_source = composer.pieces("api_source", form)
    S.stand_ins = [piece.text for piece in composer.pieces("stand_in", form)]
    S.api_declarations = composer.pieces("api_declarations", form)
    S.api_inline = composer.pieces("api", form)
    S.types = composer.pieces("types", form)
    statistics = stack.find("statistics")
    S.stats_any_thread = statistics is not None and statistics.x.mode != "plain"
    S.stats_enter, S.stats_leave = ("", "") if S.stats_any_thread and "used" not in S.stats else (S.enter, S.leave)
    _life(composer, S, form)
    _sentences(stack, S)
    return S


def _in_use(composer: Composer, form: Form) -> str:
    """Statements that leave the number of objects, or bytes, in use in `used`."""
    texts = []
    for branch in composer.stack.branches:
        texts.append(composer.macro(branch.store, "in_use", branch, form))
    if len(texts) == 1:
        return texts[0]
    blocks = [re.sub(r"\bused\b", "mine", text) + "\nused += mine;" for text in texts]
    return "size_t used = 0;\n" + "\n".join(f"{{\n{block}\n}}" for block in blocks)


def _branch_view(composer: Composer, branch: Branch, form: Form, generic: bool) -> BranchView:
    view = BranchView(composer, branch, form)
    inspect_form = Form.HANDLE if generic else Form.FLAT
    view.inspect_any_text = composer.join(branch.blocks, "inspect_any", branch, inspect_form)
    view.inspect_freed_text = composer.join(branch.blocks, "inspect_freed", branch, inspect_form)
    view.fn_damaged = composer.damaged_fns(branch, generic)
    view.damaged = list(dict.fromkeys(view.fn_damaged[n] for n, asked in (
        ("free", view.verify), ("live", view.intact and composer.stack.options.checks == "full")) if asked))
    view.unknown_event = (f'{{ .stack = "{composer.stack.name}", .layer = "{branch.store.name}", .what = "damaged", '
                          f".address = {composer.payload_of('slot', branch)}, .offset = 0, .expected = 0, .found = 0 }}")
    view.fn_inspect = {n: composer.branch_fn(branch, f"inspect_{n}", generic) for n in ("any", "freed")}
    return view


def _life(composer: Composer, S: SimpleNamespace, form: Form) -> None:
    """init with its undo labels, and destroy."""
    stack = composer.stack
    order: list[tuple[Branch, Layer]] = [(b, layer) for b in stack.branches for layer in b.layers]
    order += [(stack.main, layer) for layer in stack.upper]
    finis: list[tuple[str, str]] = []
    texts: list[str] = []
    for branch, layer in order:
        fini = composer.macro(layer, "fini", branch, form)
        undo = f"undo_{finis[-1][0]}" if finis else "refused"
        text = composer.macro(layer, "init", branch, form, undo=undo, undo_own=f"undo_{layer.id}")
        if len(stack.branches) > 1 and branch.store is not branch.source and layer is branch.source:
            text = "{\n" + text
        if fini:
            finis.append((layer.id, fini))
        if text:
            if S.hosted:
                text = re.sub(r"status = (LAMINA_ERR_(?!OS)\w+);", r"status = \1;\nlamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);", text)
            texts.append(text if text.startswith(("/*", "{\n")) or "*/" in text.split("\n")[0] else f"/* {layer.name} */\n{text}")
        if len(stack.branches) > 1 and branch.store is not branch.source and layer is branch.layers[-1]:
            texts.append("}")
    joined = "\n".join(texts)
    S.pre_init = ""
    if S.generic:
        S.pre_init = f"{S.p}_link(self);"
    S.init_texts = texts
    S.init_fails = "goto " in joined
    S.undo = []
    for i, (name, fini) in reversed(list(enumerate(finis))):
        # A label is needed where a later layer of init jumps to it, or an undo above falls through it.
        if f"goto undo_{name};" in joined or S.undo:
            S.undo.append((f"undo_{name}", fini))
    S.undo = [(label if f"goto {label};" in joined else "", fini) for label, fini in S.undo]
    S.undo_plain = S.undo
    S.refused_label = "goto refused;" in joined
    S.fini_texts = [fini for _, fini in reversed(finis)]
    closing = composer.join(stack.upper[::-1], "closing", stack.main, form)
    for branch in stack.branches:
        # A quarantine verifies what it holds before a layer above it erases that.
        own = composer.join(branch.blocks, "closing", branch, form)
        closing = "\n".join(t for t in (closing, own) if t)
    S.closing = closing
    S.destroy_uses_self = "self" in closing + "".join(S.fini_texts)
    S.resize_refill = ""
    store = stack.main.store
    if S.can.resize and S.hosted and getattr(store.x, "lazy", False):
        bound = composer.bind(store, stack.main, form)
        S.resize_refill = f"{bound.fn('refill')}({bound.me}, extra, 1U)"
    S.resized = "\n".join(t for t in (S.rewound, composer.upper("resized", form)) if t)


def _sentences(stack: Stack, S: SimpleNamespace) -> None:
    """Half sentences of the header's comments that depend on the stack."""
    main = stack.main
    poison, zeroize = main.find("poison"), main.find("zeroize")
    if poison and poison.x.on_alloc:
        S.contents = f"the pattern {_shown(poison.p.on_alloc)}"
    elif zeroize and zeroize.x.on_free:
        S.contents = "zero" + (" but for a stale link" if main.link_bytes or main.find("quarantine") else "") + (
            "" if main.mapped else ", or whatever the memory held at first")
    else:
        S.contents = "undefined"
    S.when_null = "all are in use" + (" or the system has no memory for more" if main.lazy or S.secondary else "")
    if S.secondary and any(b.store.desc.whole for b in stack.branches):
        S.when_null = "the system's heap has no memory left"
    if stack.find("fault"):
        S.when_null += ", or the fault layer refuses"
    S.thread_note = {"mutex": "Any thread.", "owner": "The owner's thread only."}.get(
        stack.access.name if stack.access else "", "One thread at a time.")
    S.free_thread_note = {"mutex": "Any thread.", "owner": "Any thread; from another than the owner's it is posted, "
        "lock-free, and done by the owner."}.get(stack.access.name if stack.access else "", "One thread at a time.")
    S.free_note = "A pointer that is no object is reported." if S.checks else "The pointer is not checked."
    if S.secondary and any(b.store.desc.whole for b in stack.branches):
        S.free_note = "What lies outside the first branch goes to the system's heap as it is."
    writes = poison and poison.x.on_free or zeroize and zeroize.x.on_free
    S.free_cost = "Cost: the object's bytes once." if writes else "O(1)."
    touches = poison and (poison.x.verify or poison.x.on_alloc)
    S.alloc_cost = ("Cost: the object's bytes once" if touches else "O(1)") + "".join((
        ", but for a commit now and then" if main.lazy else "",
        "; when no slot is free, also the frees that other threads posted" if stack.access and stack.access.name == "owner"
        else "")) + "."
    S.handle_note = "" if not getattr(main.source.x, "inline", False) else \
        " that may hold the buffer in it"
    S.init_what = getattr(main.source.x, "init_what", "") + (" and sets its memory policy" if main.find("numa") else "")
    S.init_errors = getattr(main.source.x, "init_errors", "It always succeeds.")
    S.init_cost = "Cost: system calls." if main.mapped else "O(1)."
    S.destroy_what = ", erased; every object ends here" if zeroize and zeroize.x.on_destroy else "; every object ends here"
    if any(b.store.desc.whole for b in stack.branches):
        S.destroy_what = ("; what the system's heap gave stays there until it is freed, which must happen before"
                          if S.secondary else "; blocks stay the caller's until they are freed")
    S.reset_what = {"free_all": "; the memory goes back to the system", "limit": "; memory above a limit goes back to "
                    "the system"}.get(getattr(main.store.x, "reset", ""), "; the memory is kept for new ones")


def flat(composer: Composer, spec: str, command: str) -> tuple[SimpleNamespace, BranchView]:
    """The view of the flat form."""
    stack = composer.stack
    S = common(composer, Form.FLAT, False, spec, command)
    M = S.branches[0]
    layers = sorted(stack.layers, key=lambda layer: layer.role is not Role.STORE)
    S.fields = composer.pieces("fields", Form.FLAT, layers)
    S.no_state = not S.fields and not S.can.handler
    S.declarations = composer.pieces("declarations", Form.FLAT)
    S.private_declarations = composer.pieces("private_declarations", Form.FLAT)
    S.functions = composer.pieces("functions", Form.FLAT)
    S.private_functions = composer.pieces("private_functions", Form.FLAT)
    S.helpers = composer.pieces("helpers", Form.FLAT)
    S.statics = composer.pieces("statics", Form.FLAT)
    access = stack.access
    S.diverts = composer.macro(access, "diverts", stack.main, Form.FLAT) if access else ""
    S.divert = composer.macro(access, "divert", stack.main, Form.FLAT) if access else ""
    S.whole_alloc = composer.macro(stack.main.store, "alloc_whole", stack.main, Form.FLAT)
    S.whole_free = composer.macro(stack.main.store, "free_whole", stack.main, Form.FLAT)
    S.alloc_leaves = M.alloc_leaves
    S.retries = composer.retries and bool(M.refill or M.refuse)
    S.free_leaves = "goto leave" in "".join((M.vet, M.free, S.bail if M.intact else ""))
    S.secondary_alloc = S.secondary_free = ""
    if S.secondary:
        _secondary(composer, S)
    S.footprint = stack.main.footprint if stack.combinator is None else ""
    S.asserts = []
    return S, M


def _secondary(composer: Composer, S: SimpleNamespace) -> None:
    branch = composer.stack.branches[1]
    B = S.branches[1]
    S.secondary_whole = B.whole
    if B.whole:
        S.secondary_alloc = ("(void)self;\nreturn " + composer.macro(branch.store, "alloc_whole", branch, B.form) + ";")
        S.secondary_free = composer.macro(branch.store, "free_whole", branch, B.form) + ";"
        return
    template = composer.env.get_template("artefacts/secondary.j2").module
    S.secondary_alloc = _tidy(template.alloc(S, B, composer.payload_of("slot", branch)))
    S.secondary_free = _tidy(template.free(S, B, composer.slot_of("ptr", branch)))


#: Contract functions of the harness, what each proves, and which stacks it concerns.
CONTRACT = (
    ("fresh", "a new instance is empty and whole", lambda S: True),
    ("alignment", "every object is aligned as promised", lambda S: True),
    ("no_overlap", "objects don't overlap", lambda S: True),
    ("usable_size", "the usable size can be used", lambda S: S.can.usable_size),
    ("exhaustion", "exactly the promised number is served", lambda S: S.capacity_promised != "0"),
    ("reuse", "what is freed is had again", lambda S: S.can.free),
    ("order", "freed objects come back in the promised order", lambda S: S.can.free),
    ("free_sized", "a sized free frees, and a wrong size is reported", lambda S: S.can.free_sized),
    ("zeroed", "alloc_zeroed gives zeros", lambda S: True),
    ("reset", "reset frees everything", lambda S: S.can.reset),
    ("mark_rewind", "rewind goes back to a mark, and to no other place", lambda S: S.can.marks),
    ("resize", "the last block grows and shrinks in place", lambda S: S.can.resize),
    ("realloc", "realloc keeps the contents", lambda S: S.can.resize),
    ("ownership", "owns tells objects from all else", lambda S: S.can.owns),
    ("walk", "walk visits each object once", lambda S: S.can.walk),
    ("statistics", "the counters are right", lambda S: S.can.stats),
    ("release", "unused memory goes back and can be had again", lambda S: S.can.release_unused),
    ("refused_requests", "a refused request changes nothing", lambda S: True),
    ("free_null", "free of NULL does nothing", lambda S: S.can.free),
    ("bad_frees", "a bad free is reported", lambda S: S.can.free and S.checks and not S.can.handler),
    ("bad_frees_call_back", "a bad free calls the handler, and the allocator goes on", lambda S: S.can.free and S.checks and S.can.handler),
    ("life_cycle", "destroy and init again", lambda S: True),
    ("independence", "two instances don't meet", lambda S: not S.one_instance),
    ("footprint", "the footprint is exact", lambda S: S.can.init_with),
    ("nothing_left_behind", "nothing is left behind", lambda S: S.hosted),
    ("random_traces", "invariants hold after every step of random traces", lambda S: True),
    ("platform_failures", "every platform call may fail", lambda S: S.hosted),
    ("threads_any", "any thread may call", lambda S: S.access is not None and S.access.name == "mutex"),
    ("threads_remote_free", "any thread may free", lambda S: S.access is not None and S.access.name == "owner"),
    ("threads_stalled_owner", "a stalled owner holds nobody up", lambda S: S.access is not None and S.access.name == "owner"),
    ("threads_bad_frees", "another thread's bad free is reported", lambda S: S.access is not None and S.access.name == "owner" and S.checks),
)


def subject(composer: Composer, S: SimpleNamespace, form: str) -> None:
    """What the test adapter of one form needs beyond the form's view."""
    stack = composer.stack
    main, store = stack.main, stack.main.store
    bound_form = Form.HANDLE if S.generic else Form.FLAT
    S.form = form
    S.fault = stack.find("fault") is not None
    whole = any(b.store.desc.whole for b in stack.branches)
    S.footprint = main.footprint if stack.combinator is None else ""
    S.capacity_promised = "0"
    if S.can.capacity:
        known = [b.store.consts.get("capacity_bytes" if S.sized else "slot_count") for b in stack.branches]
        if all(known):
            S.capacity_promised = " + ".join(f"{S.upper}_{const.name}" for const in known)
    quarantine = main.find("quarantine")
    S.held = quarantine.x.count if quarantine else 0
    S.one_instance = (S.static_instance and S.flat) or any(
        b.source.name == "static" and not b.source.x.inline for b in stack.branches)
    statistics = stack.find("statistics")
    S.sharded = statistics is not None and statistics.x.mode == "sharded"
    S.stat_fields = []
    if statistics is not None:
        if statistics.x.frees:
            S.stat_fields += ["frees", "live"] + ([] if S.sharded else ["peak"])
        if not (statistics.x.sized and statistics.x.frees):
            S.stat_fields += ["bytes"] + ([] if S.sharded and not statistics.x.sized else ["peak_bytes"])
    S.stats_lack = [f"LAMINA_SUBJECT_LACKS_{name.upper()}" for name in ("live", "peak", "bytes", "peak_bytes")
                    if name not in S.stat_fields]
    S.tolerated = " ".join(piece.text for piece in composer.pieces("tolerates", bound_form))
    flags: list[str] = []
    order = getattr(store.x, "order", "none")
    if order in ("lifo", "fifo", "address") and not quarantine and stack.combinator is None and not getattr(store.x, "chunked", False):
        flags.append(order.upper())
    if order == "random" or (quarantine and quarantine.x.random):
        flags.append("RANDOM")
    if getattr(store.x, "detects_double_free", False) and S.checks:
        flags.append("DETECTS_DOUBLE_FREE")
    if S.can.free and S.checks and not whole and not store.desc.whole:
        flags.append("DETECTS_FOREIGN")
    poison, zeroize = main.find("poison"), main.find("zeroize")
    if poison and poison.x.verify:
        flags.append("VERIFIES_POISON")
    if main.find("canary"):
        flags.append("CANARY")
    if zeroize and zeroize.x.on_free and not S.sized:
        flags.append("ZEROIZES")
    if stack.access and stack.access.name == "mutex":
        flags.append("THREADS_ANY")
    if stack.access and stack.access.name == "owner":
        flags.append("THREADS_FREE")
    if whole:
        flags.append("UNBOUNDED")
    if S.static_instance and S.flat:
        flags.append("STATIC_INSTANCE")
    if S.can.init_with:
        flags.append("CALLER_BUFFER")
    if S.can.handler:
        flags.append("CALLBACK")
    if store.name == "bump" and stack.combinator is None:
        flags.append("BUMP")
    if stack.combinator:
        flags.append("SCATTERED")
    S.subject_flags = [f"LAMINA_SUBJECT_{flag}" for flag in flags]
    target = main.guard or main.source
    S.memory = composer.macro(target, "memory", main, bound_form)
    if not S.memory and not store.desc.whole:
        capacity = composer.macro(store, "capacity", main, bound_form)
        each = "" if S.sized else f" * {S.upper}_{store.consts['slot_bytes'].name}"
        S.memory = f"out.base = self->{store.id}.base;\nout.bytes = {'' if S.sized else '(size_t)'}{capacity}{each};\nout.committed = out.bytes;"


def test_forms(S: SimpleNamespace, twin: SimpleNamespace | None) -> list[SimpleNamespace]:
    """The forms that the emitted tests go through."""
    out = []
    for view in (S, twin) if twin is not None else (S,):
        static = view.static_instance and view.flat
        out.append(SimpleNamespace(
            p=view.p, P=view.p, C=view.p.upper(), t=view.t, subject=f"{view.name}_{view.form}_subject", static=static,
            self="" if static else f"static_cast<{view.t} *>(instance.self())",
            self_comma="" if static else f"static_cast<{view.t} *>(instance.self()), "))
    return out
