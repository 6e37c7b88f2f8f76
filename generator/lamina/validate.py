"""Tree to typed layers: every error at once, each where it stands."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from . import registry
from .descriptor import C_WORDS, Alignment, BranchKind, Choice, Flag, Int, Name, Param, Refused, Role, describe
from .diagnostics import Diagnostics, closest
from .model import Branch, Layer, Stack
from .targets import TARGETS
from .tree import Document, Map, Scalar, Seq, Span, StackNode

#: Options of a stack, beside its name and its layers. The reference page is derived from these too.
OPTIONS: tuple[Param, ...] = (
    Param("brief", Name(text=True), "One line that the emitted files open with.", ""),
    Param("instance", Choice(("handle", "static")), "Whether the caller keeps the handle, or the one instance is "
          "static and no function takes a handle.", "handle"),
    Param("checks", Choice(("full", "none")), "What free checks of the pointer: its range and alignment, or nothing.",
          "full"),
    Param("on_corruption", Choice(("abort", "callback")), "Whether detected damage ends the program or calls the "
          "user's handler; the object involved is then withdrawn from use.", "abort"),
    Param("target", Choice(tuple(TARGETS)), "The platform that the C is for; `--target` goes before it. See "
          "[platforms.md](platforms.md).", "linux"),
    Param("page_size", Alignment(1 << 16, 4096), "The page size that layouts are cut for, by default the target's; a "
          "machine with larger pages is refused by init."),
    Param("real_time", Flag(), "Claim that every operation takes constant time; refused where a layer does not.",
          False),
)
BUDGET = (
    Param("alloc", Int(1, 1 << 20), "Most instructions that one inlined alloc may take."),
    Param("free", Int(1, 1 << 20), "Most instructions that one inlined free may take."),
    Param("pair", Int(1, 1 << 20), "Most instructions of one inlined alloc + free pair, the loop's 3 included."),
)
#: Words that would clash with C, C++ or the runtime.
RESERVED = C_WORDS | {"lamina"}
#: Stacks whose `<name>_t` or `<name>_<verb>` the C library has already.
TAKEN = frozenset("""aligned clock cnd div ldiv lldiv int8 int16 int32 int64 uint8 uint16 uint32 uint64 intmax uintmax
    intptr uintptr max_align mtx off once_flag pid posix ptrdiff sem size ssize thrd time tss wchar wint""".split())


def validate(doc: Document, diags: Diagnostics, only: tuple[str, ...] = (), target: str | None = None) -> list[Stack]:
    """All stacks of a document that are built like stacks, for the target that was asked for or for their own. The errors are in `diags`; a stack that had some is marked
    `wrong`: `resolve` still holds it against the rules, so that a user sees all mistakes in one run."""
    out: list[Stack] = []
    seen: dict[str, Span] = {}
    if not doc.stacks:
        diags.error("LAM026", Span(doc.path, 1), "the file declares no stack", help="return lamina.stack \"name\" { … }")
    for node in doc.stacks:
        before = diags.errors
        name = _name(node, diags)
        if name in seen:
            diags.error("LAM030", node.name.span, f'the stack "{name}" is declared twice',
                        notes=[(seen[name], "first declared here")], help="give each stack a name of its own")
        if name:
            seen.setdefault(name, node.name.span)
        stack = _stack(node, doc, name or "unnamed", diags, target)
        if stack is not None:
            stack.wrong = diags.errors > before
        if stack is not None and (not only or name in only):
            out.append(stack)
    for wanted in only:
        if wanted not in seen:
            meant = closest(wanted, list(seen))
            diags.error("LAM030", None, f'there is no stack "{wanted}" in {doc.path}',
                        help=f'did you mean "{meant}"?' if meant else "it has " + ", ".join(seen))
    return out


def _name(node: StackNode, diags: Diagnostics) -> str | None:
    name = node.name.value
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", name):
        diags.error("LAM030", node.name.span, f'"{name}" can\'t name a stack',
                    help="names are 1 to 48 of a-z, 0-9 and _, and begin with a letter")
        return None
    if name in RESERVED or name in TAKEN or name.startswith(("lamina_", "pthread")):
        why = "it is a word of C or C++" if name in C_WORDS else "such names are the runtime's" if name.startswith("lamina") \
            else "the C library has names that begin so"
        diags.error("LAM030", node.name.span, f'"{name}" can\'t name a stack: {why}', help=f'"my_{name}" is free')
        return None
    if name.endswith("_generic"):
        diags.error("LAM030", node.name.span, f'"{name}" can\'t name a stack: it names the generic twin of another',
                    help=f'"{name[:-8]}" is free' if len(name) > 8 else None)
        return None
    return name


def read_params(entries: Map, params: tuple[Param, ...], what: str, page: int, diags: Diagnostics,
                wrong: set[str] | None = None) -> tuple[SimpleNamespace, dict[str, Span]]:
    """Reads a table against its parameters: unknown keys, wrong values, missing ones; defaults where absent. The names
    of those that are wrong go into `wrong`; an unknown key counts as the one that was probably meant."""
    wrong = set() if wrong is None else wrong
    by_name = {p.name: p for p in params}
    values: dict[str, Any] = {p.name: p.default for p in params}
    given: dict[str, Span] = {}
    for entry in entries.entries:
        param = by_name.get(entry.key)
        if param is None:
            meant = closest(entry.key, list(by_name))
            names = ", ".join(by_name) or "no parameters"
            diags.error("LAM021", entry.key_span, f'{what} has no parameter "{entry.key}"',
                        help=f'did you mean "{meant}"?' if meant else f"it takes {names}")
            wrong.add(meant or "")
            continue
        given[param.name] = entry.span
        try:
            values[param.name] = param.kind.read(entry.value, page)
        except Refused as first:
            for refused in (first, *first.others):
                diags.error(refused.code, refused.span or entry.value.span, f"{what}: {param.name}: {refused.message}",
                            help=refused.help)
            wrong.add(param.name)
    for param in params:
        if param.required and param.name not in given and param.name not in wrong:
            diags.error("LAM025", entries.span, f'{what} needs "{param.name}"', help=f"{param.name}: {param.doc}")
            wrong.add(param.name)
    return SimpleNamespace(**values), given


def _stack(node: StackNode, doc: Document, name: str, diags: Diagnostics, target: str | None) -> Stack | None:
    budget_entry = node.options.get("budget")
    plain = Map(tuple(e for e in node.options.entries if e.key != "budget"), node.options.span)
    options, spans = read_params(plain, OPTIONS, "the stack", 4096, diags)
    options.budget = None
    if target is not None:
        options.target = target
        spans.pop("target", None)
    if options.page_size is None:
        options.page_size = TARGETS[options.target].page
    if budget_entry is not None:
        spans["budget"] = budget_entry.key_span
        value = budget_entry.value
        if isinstance(value, Map) and value.tag is None:
            limits: set[str] = set()
            options.budget, given = read_params(value, BUDGET, "budget", 4096, diags, limits)
            spans.update({f"budget.{limit}": span for limit, span in given.items()})
        elif isinstance(value, Seq) and not value.items:  # an empty table is an empty list in both languages
            diags.error("LAM025", value.span, "the budget limits nothing", help="alloc, free, or pair")
        else:
            diags.error("LAM022", value.span, f"budget: expected a table, got {describe(value)}",
                        help="budget = { alloc = 8, free = 10 }")
    stack = Stack(name, options.brief, node.span, doc.path, options, diags, option_spans=spans)
    layers = _layers(node.layers, stack)
    if not node.layers.items:
        diags.error("LAM026", node.span, f'the stack "{name}" has no layers', help="begin with a source, such as "
                    'lamina.mmap {}')
    elif layers is not None and _assemble(stack, layers):
        return stack
    return None


def _layers(seq: Seq, stack: Stack) -> list[Layer] | None:
    """The typed layers of a list; None when one of them is unknown and can't be guessed, since its role is then
    unknown as well."""
    known = registry.layers()
    out: list[Layer] = []
    complete = True
    for position, item in enumerate(seq.items):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            item = Map((), item.span, item.value)  # YAML: a layer without parameters
        if not isinstance(item, Map) or item.tag is None:
            stack.diags.error("LAM022", item.span, "expected a layer here", help="such as lamina.slab { slot = 64 }")
            complete = False
            continue
        desc = known.get(item.tag)
        if desc is None:
            meant = closest(item.tag, list(known))
            stack.diags.error("LAM020", item.span, f'there is no layer "{item.tag}"',
                              help=f'did you mean "{meant}"?' if meant else "lamina list-layers shows all of them")
            if meant is None or known[meant].role is Role.COMBINATOR:
                complete = False
                continue
            # Read on as if the guess were right, so that other layers are still held against it; of its own
            # parameters nothing is believed.
            p = SimpleNamespace(**{param.name: param.default for param in known[meant].params})
            out.append(Layer(known[meant], item.span, p, position=position, wrong={"*"}))
            continue
        wrong: set[str] = set()
        p, given = read_params(item, desc.params, item.tag, stack.options.page_size, stack.diags, wrong)
        layer = Layer(desc, item.span, p, given, position=position, wrong=wrong)
        _exactly_one(layer, stack.diags)
        for param in desc.params:
            value = getattr(p, param.name)
            if isinstance(value, Seq):  # a branch
                inner = _layers(value, stack)
                complete = complete and inner is not None
                setattr(p, param.name, inner)
        out.append(layer)
    return out if complete else None


def _exactly_one(layer: Layer, diags: Diagnostics) -> None:
    names = layer.desc.exactly_one
    chosen = [n for n in names if n in layer.given]
    if names and not chosen and not layer.wrong & {*names, ""}:
        diags.error("LAM032", layer.span, f"{layer.name} needs one of " + ", ".join(names),
                    help=f"such as {layer.desc.example}")
        layer.wrong.add(names[0])
    for extra in chosen[1:]:
        layer.wrong.add(extra)
        diags.error("LAM032", layer.given[extra], f"{layer.name} takes one of {chosen[0]} and {extra}, not both",
                    notes=[(layer.given[chosen[0]], f"{chosen[0]} is given here")], help=f"drop {extra}")


def _assemble(stack: Stack, layers: list[Layer]) -> bool:
    """Sorts the layers into branches and what stands above them; False when a part is missing or stands twice where
    one is needed, so that nothing more can be said of the stack."""
    combinators = [layer for layer in layers if layer.role is Role.COMBINATOR]
    for extra in combinators[1:]:
        stack.diags.error("LAM028", extra.span, f"{extra.name} is a second combinator",
                          notes=[(combinators[0].span, "the first is here")], help="keep one of them")
    if combinators:
        return _assemble_branches(stack, layers, combinators[0])
    branch = _branch(stack, layers, "", stack.span)
    if branch is not None:
        stack.branches.append(branch)
        stack.upper = _upper(stack, layers)
    return branch is not None


def _assemble_branches(stack: Stack, layers: list[Layer], combinator: Layer) -> bool:
    stack.combinator = combinator
    at = layers.index(combinator)
    for layer in layers[:at]:
        if layer.role in (Role.ACCESS, Role.OBSERVER):
            stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {combinator.name}: it sees "
                             "whole operations")
        else:
            stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand below {combinator.name}",
                              notes=[(combinator.span, f"{combinator.name} begins its own branches here")],
                              help="write it inside the branch that it is meant for")
    for layer in layers[at + 1:]:
        if layer.role is Role.BLOCK:
            stack.diags.error("LAM048", layer.span,
                              f"{layer.name} above {combinator.name} hides which branch owns a block",
                              notes=[(combinator.span, f"{combinator.name} stands here")],
                              help=f"write {layer.name} inside the branch that it is meant for")
        elif layer.role not in (Role.ACCESS, Role.OBSERVER, Role.COMBINATOR):
            stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand above {combinator.name}",
                              notes=[(combinator.span, f"{combinator.name} stands here")],
                              help="write it inside the branch that it is meant for")
    whole = True
    for param in combinator.desc.params:
        inner = getattr(combinator.p, param.name)
        if not isinstance(inner, list):
            whole = whole and not isinstance(param.kind, BranchKind)  # a missing branch was told
            continue
        where = combinator.where(param.name)
        for layer in inner:
            if layer.role is Role.COMBINATOR:
                stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand inside a branch",
                                  notes=[(combinator.span, f"the branch belongs to this {combinator.name}")],
                                  help="a stack has one combinator: give the branch a source and a store")
            elif layer.role in (Role.ACCESS, Role.OBSERVER):
                stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand inside a branch",
                                  notes=[(combinator.span, f"the branch belongs to this {combinator.name}")],
                                  help=f"write it above {combinator.name}: it then sees both branches")
        if any(layer.role is Role.COMBINATOR for layer in inner):
            whole = False
            continue
        branch = _branch(stack, [x for x in inner if x.role not in (Role.ACCESS, Role.OBSERVER)], param.name, where)
        if branch is None:
            whole = False
        else:
            combinator.branches[param.name] = branch
            stack.branches.append(branch)
    stack.upper = _upper(stack, layers)
    return whole


def _believed(layers: list[Layer]) -> list[Layer]:
    """The layers without those that were only guessed from an unknown name and would be one too many: a misspelt word
    is told as such, and not for what it then stands beside."""
    sure = [x for x in layers if "*" not in x.wrong]

    def alike(one: Layer, other: Layer) -> bool:
        alone = (Role.SOURCE, Role.STORE, Role.ACCESS)
        return one.name == other.name or one.role is other.role and one.role in alone or \
            any(x.desc.whole for x in (one, other)) and {one.role, other.role} <= {Role.SOURCE, Role.STORE}

    out: list[Layer] = []
    for layer in layers:
        rivals = sure if "*" in layer.wrong else []
        if not any(alike(layer, other) for other in [*rivals, *(x for x in out if {"*"} <= layer.wrong & x.wrong)]):
            out.append(layer)
    return out


def _branch(stack: Stack, layers: list[Layer], name: str, span: Span) -> Branch | None:
    layers = _believed(layers)
    sources = [x for x in layers if x.role is Role.SOURCE]
    stores = [x for x in layers if x.role is Role.STORE]
    whole = [x for x in sources if x.desc.whole]
    diags = stack.diags
    which = f"the branch {name}" if name else f'the stack "{stack.name}"'
    if not sources:
        diags.error("LAM026", span, f"{which} has no source of memory",
                    help="begin it with " + _names_of(Role.SOURCE))
    for kind, found in (("source of memory", sources), ("store", stores)):
        for extra in found[1:]:
            diags.error("LAM028", extra.span, f"{extra.name} is a second {kind} in {which}",
                        notes=[(found[0].span, f"{found[0].name} is the first")], help="keep one of them")
    if sources and not stores and not whole:
        diags.error("LAM027", span, f"{which} has no store", help="end it with " + _names_of(Role.STORE))
    if whole and stores:
        diags.error("LAM028", stores[0].span, f"{stores[0].name} can't cut up {whole[0].name}",
                    notes=[(whole[0].span, f"{whole[0].name} is a source and a store in one")],
                    help=f"drop {stores[0].name}, or take lamina.mmap as the source")
    if not sources or (not stores and not whole) or len(sources) > 1 or len(stores) > 1 or (whole and stores):
        return None
    store = stores[0] if stores else sources[0]
    at = layers.index(store)
    for layer in layers[:layers.index(sources[0])]:
        if layer.role in (Role.STORE, Role.RANGE):
            diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {sources[0].name}")
    ranges = [x for x in layers if x.role is Role.RANGE]
    _once(stack, ranges)
    for layer in ranges:
        if layers.index(layer) > at and not whole:
            diags.note("LAM029", layer.span, f"{layer.name} is read as standing below {store.name}: it acts on the whole range")
    return Branch(stack, sources[0], ranges, store, _blocks(stack, layers, at, store), name)


def _names_of(role: Role) -> str:
    names = [f"lamina.{name}" for name, desc in sorted(registry.layers().items()) if desc.role is role]
    return ", ".join(names[:-1]) + (" or " if len(names) > 1 else "") + names[-1]


def _once(stack: Stack, layers: list[Layer]) -> None:
    first: dict[str, Layer] = {}
    for layer in sorted(layers, key=lambda x: x.position):
        if layer.name in first:
            stack.diags.error("LAM028", layer.span, f"{layer.name} stands twice",
                              notes=[(first[layer.name].span, "first here")], help="merge the two")
        first.setdefault(layer.name, layer)


def _blocks(stack: Stack, layers: list[Layer], at: int, store: Layer) -> list[Layer]:
    """Block layers bottom up. One that is written below the store can only mean the store's blocks, and one whose bytes
    lie beside the payload can only be the lowest."""
    written = [x for x in layers[at + 1:] if x.role is Role.BLOCK]
    moved = [x for x in layers[:at] if x.role is Role.BLOCK]
    for layer in moved:
        stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {store.name}: it acts on each "
                         f"{store.desc.unit}")
    for layer in sorted(moved, key=lambda x: x.desc.rank):
        place = next((i for i, other in enumerate(written) if other.desc.rank > layer.desc.rank), len(written))
        written.insert(place, layer)
    lowest = [x for x in written if x.desc.innermost]
    others = [x for x in written if not x.desc.innermost]
    for layer in lowest:
        below = written[:written.index(layer)]
        if layer not in moved and any(x in others for x in below):
            stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing right above {store.name}: its bytes lie "
                             f"inside the {store.desc.unit}, where {below[-1].name} leaves them alone")
    _once(stack, written)
    return lowest + others


def _upper(stack: Stack, layers: list[Layer]) -> list[Layer]:
    """Access and observers, from the memory up; they see whole operations, so they stand above all the rest."""
    out = _believed([x for x in layers if x.role in (Role.ACCESS, Role.OBSERVER)])
    # What lies innermost stands below whatever the spec wrote, so its place there says nothing.
    lower = [x for x in layers if (x.role in (Role.STORE, Role.BLOCK) or x.role is Role.SOURCE and x.desc.whole)
             and not x.desc.innermost]
    first: dict[str, Layer] = {}
    for layer in out:
        above = [x for x in lower if x.position > layer.position]
        if above:
            stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {above[-1].name}: it sees whole "
                             "operations")
        key = "access" if layer.role is Role.ACCESS else layer.name
        if key in first:
            stack.diags.error("LAM028", layer.span, f"{layer.name} is a second access layer" if key == "access" and
                              layer.name != first[key].name else f"{layer.name} stands twice",
                              notes=[(first[key].span, f"{first[key].name} is the first")], help="keep one of them")
        first.setdefault(key, layer)
    lowest = [x for x in out if x.desc.innermost]
    for layer in lowest:
        below = [x for x in out[:out.index(layer)] if not x.desc.innermost]
        if below:
            stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing below {below[0].name}, which sees what "
                             "it refuses")
    return lowest + [x for x in out if not x.desc.innermost]
