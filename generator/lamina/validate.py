"""Tree to typed layers: every error at once, each where it stands."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

from . import registry
from .descriptor import Alignment, Choice, Descriptor, Flag, Int, Kind, Name, Param, Refused, Role, Size
from .diagnostics import Diagnostics, closest
from .model import Branch, Layer, Stack
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
    Param("target", Choice(("linux", "freestanding")), "The platform that the C is for.", "linux"),
    Param("page_size", Alignment(1 << 16), "The page size that layouts are cut for; a machine with larger pages is "
          "refused by init.", 4096),
    Param("real_time", Flag(), "Claim that every operation takes constant time; refused where a layer does not.",
          False),
)
BUDGET = (
    Param("alloc", Int(1, 1 << 20), "Most instructions that one inlined alloc may take."),
    Param("free", Int(1, 1 << 20), "Most instructions that one inlined free may take."),
    Param("pair", Int(1, 1 << 20), "Most instructions of one inlined alloc + free pair, the loop's 3 included."),
)
#: Words that would clash with C, C++ or the emitted functions' own parameters.
RESERVED = set("""auto break case char const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    bool true false class namespace template this new delete public private operator lamina""".split())


def validate(doc: Document, diags: Diagnostics, only: tuple[str, ...] = ()) -> list[Stack]:
    """All stacks of a document; those with errors are left out, the errors are in `diags`."""
    out: list[Stack] = []
    seen: dict[str, Span] = {}
    if not doc.stacks:
        diags.error("LAM026", Span(doc.path, 1), "the file declares no stack", help="return lamina.stack \"name\" { … }")
    for node in doc.stacks:
        name = _name(node, diags)
        if name in seen:
            diags.error("LAM030", node.name.span, f'the stack "{name}" is declared twice',
                        notes=[(seen[name], "first declared here")], help="give each stack a name of its own")
        seen.setdefault(name, node.name.span)
        stack = _stack(node, doc, name, diags)
        if stack is not None and (not only or name in only):
            out.append(stack)
    for wanted in only:
        if wanted not in seen:
            meant = closest(wanted, list(seen))
            diags.error("LAM030", Span(doc.path, 1), f'there is no stack "{wanted}" in this file',
                        help=f'did you mean "{meant}"?' if meant else "it has " + ", ".join(seen))
    return out


def _name(node: StackNode, diags: Diagnostics) -> str:
    name = node.name.value
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]{0,47}", name) or name in RESERVED:
        diags.error("LAM030", node.name.span, f"{name!r} can't name a stack",
                    help="names are 1 to 48 of a-z, 0-9 and _, begin with a letter and are no word of C or C++")
        return "unnamed"
    return name


def read_params(entries: Map, params: tuple[Param, ...], what: str, page: int,
                diags: Diagnostics, unknown: str = "LAM021") -> tuple[SimpleNamespace, dict[str, Span]]:
    """Reads a table against its parameters: unknown keys, wrong values, missing ones; defaults where absent."""
    by_name = {p.name: p for p in params}
    values: dict[str, Any] = {p.name: p.default for p in params}
    given: dict[str, Span] = {}
    for entry in entries.entries:
        param = by_name.get(entry.key)
        if param is None:
            meant = closest(entry.key, list(by_name))
            names = ", ".join(by_name) or "nothing"
            diags.error(unknown, entry.key_span, f'{what} has no parameter "{entry.key}"',
                        help=f'did you mean "{meant}"?' if meant else f"it takes {names}")
            continue
        given[param.name] = entry.value.span
        try:
            values[param.name] = param.kind.read(entry.value, page)
        except Refused as refused:
            diags.error(refused.code, entry.value.span, f"{what}: {param.name}: {refused.message}", help=refused.help)
    for param in params:
        if param.required and param.name not in given:
            diags.error("LAM025", entries.span, f'{what} needs "{param.name}"', help=f"{param.name}: {param.doc}")
    return SimpleNamespace(**values), given


def _stack(node: StackNode, doc: Document, name: str, diags: Diagnostics) -> Stack | None:
    before = diags.errors
    budget_entry = node.options.get("budget")
    plain = Map(tuple(e for e in node.options.entries if e.key != "budget"), node.options.span)
    options, spans = read_params(plain, OPTIONS, "the stack", 4096, diags)
    options.budget = None
    if budget_entry is not None:
        spans["budget"] = budget_entry.key_span
        if isinstance(budget_entry.value, Map):
            options.budget, given = read_params(budget_entry.value, BUDGET, "budget", 4096, diags)
            if not given:
                diags.error("LAM025", budget_entry.value.span, "the budget limits nothing", help="alloc, free, or pair")
        else:
            diags.error("LAM022", budget_entry.value.span, "budget: expected a table",
                        help="budget = { alloc = 8, free = 10 }")
    if options.page_size < 4096:
        diags.error("LAM023", spans["page_size"], f"a page of {options.page_size} bytes is smaller than any target's",
                    help="4096 is the smallest")
        options.page_size = 4096
    stack = Stack(name, options.brief, node.span, doc.path, options, diags, option_spans=spans)
    layers = _layers(node.layers, stack, top=True)
    if not node.layers.items:
        diags.error("LAM026", node.span, f'the stack "{name}" has no layers', help="begin with a source, such as "
                    'lamina.mmap {}')
    elif layers is not None:
        _assemble(stack, layers)
    return stack if diags.errors == before else None


def _layers(seq: Seq, stack: Stack, top: bool) -> list[Layer] | None:
    """The typed layers of a list; None when one of them is unknown, since its role is then unknown as well."""
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
            complete = False
            continue
        p, given = read_params(item, desc.params, item.tag, stack.options.page_size, stack.diags)
        layer = Layer(desc, item.span, p, given, position=position)
        _exactly_one(layer, stack.diags)
        for param in desc.params:
            value = getattr(p, param.name)
            if isinstance(value, Seq):  # a branch
                inner = _layers(value, stack, top=False)
                complete = complete and inner is not None
                setattr(p, param.name, inner)
        out.append(layer)
    return out if complete else None


def _exactly_one(layer: Layer, diags: Diagnostics) -> None:
    names = layer.desc.exactly_one
    chosen = [n for n in names if n in layer.given]
    if names and not chosen:
        diags.error("LAM032", layer.span, f"{layer.name} needs one of " + ", ".join(names))
    for extra in chosen[1:]:
        diags.error("LAM032", layer.given[extra], f"{layer.name} takes one of {chosen[0]} and {extra}, not both",
                    notes=[(layer.given[chosen[0]], f"{chosen[0]} is given here")], help=f"drop {extra}")


def _assemble(stack: Stack, layers: list[Layer]) -> None:
    combinators = [layer for layer in layers if layer.role is Role.COMBINATOR]
    for extra in combinators[1:]:
        stack.diags.error("LAM028", extra.span, f"{extra.name} is a second combinator",
                          notes=[(combinators[0].span, "the first is here")], help="nest it in a branch's stead")
    if combinators:
        _assemble_branches(stack, layers, combinators[0])
        return
    branch = _branch(stack, layers, "", stack.span)
    if branch is not None:
        stack.branches.append(branch)
        stack.upper = _upper(stack, layers)


def _assemble_branches(stack: Stack, layers: list[Layer], combinator: Layer) -> None:
    stack.combinator = combinator
    at = layers.index(combinator)
    for layer in layers[:at]:
        stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand below {combinator.name}",
                          notes=[(combinator.span, f"{combinator.name} begins its own branches here")],
                          help="write it inside the branch that it is meant for")
    for layer in layers[at + 1:]:
        if layer.role is Role.BLOCK:
            stack.diags.error("LAM048", layer.span,
                              f"{layer.name} above {combinator.name} hides which branch owns a block",
                              notes=[(combinator.span, f"{combinator.name} stands here")],
                              help=f"write {layer.name} inside the branch that it is meant for")
        elif layer.role not in (Role.ACCESS, Role.OBSERVER):
            stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand above {combinator.name}",
                              help="it belongs into a branch")
    for param in combinator.desc.params:
        inner = getattr(combinator.p, param.name)
        if not isinstance(inner, list):
            continue
        where = combinator.where(param.name)
        for layer in inner:
            if layer.role in (Role.ACCESS, Role.OBSERVER, Role.COMBINATOR):
                stack.diags.error("LAM028", layer.span, f"{layer.name} can't stand inside a branch",
                                  notes=[(combinator.span, f"the branch belongs to this {combinator.name}")],
                                  help=f"write it above {combinator.name}: it then sees both branches")
        branch = _branch(stack, [x for x in inner if x.role not in (Role.ACCESS, Role.OBSERVER, Role.COMBINATOR)],
                         param.name, where)
        if branch is not None:
            combinator.branches[param.name] = branch
            stack.branches.append(branch)
    stack.upper = _upper(stack, layers[at + 1:])


def _branch(stack: Stack, layers: list[Layer], name: str, span: Span) -> Branch | None:
    sources = [x for x in layers if x.role is Role.SOURCE]
    stores = [x for x in layers if x.role is Role.STORE]
    whole = [x for x in sources if x.desc.whole]
    diags = stack.diags
    which = f"the branch {name}" if name else f'the stack "{stack.name}"'
    if not sources:
        diags.error("LAM026", span, f"{which} has no source of memory",
                    help="begin it with lamina.mmap, lamina.static, lamina.caller or lamina.system")
    for kind, found in (("source of memory", sources), ("store", stores)):
        for extra in found[1:]:
            diags.error("LAM028", extra.span, f"{extra.name} is a second {kind} in {which}",
                        notes=[(found[0].span, f"{found[0].name} is the first")], help="keep one of them")
    if sources and not stores and not whole:
        diags.error("LAM027", span, f"{which} has no store", help="end it with lamina.slab or lamina.bump")
    if whole and stores:
        diags.error("LAM028", stores[0].span, f"{stores[0].name} can't cut up {whole[0].name}",
                    notes=[(whole[0].span, f"{whole[0].name} is a source and a store in one")],
                    help="drop the store, or take mmap as the source")
    if not sources or (not stores and not whole) or len(sources) > 1 or len(stores) > 1 or (whole and stores):
        return None
    store = stores[0] if stores else sources[0]
    at = layers.index(store)
    for layer in layers[:layers.index(sources[0])]:
        if layer.role is not Role.BLOCK:
            diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {sources[0].name}")
    ranges = [x for x in layers if x.role is Role.RANGE]
    for layer in ranges:
        if layers.index(layer) > at:
            diags.note("LAM029", layer.span, f"{layer.name} is read as standing below {store.name}: it acts on the whole range")
    return Branch(stack, sources[0], ranges, store, _blocks(stack, layers, at, store), name)


def _blocks(stack: Stack, layers: list[Layer], at: int, store: Layer) -> list[Layer]:
    """Block layers bottom up. One that is written below the store can only mean the store's blocks."""
    written = [x for x in layers[at + 1:] if x.role is Role.BLOCK]
    moved = [x for x in layers[:at] if x.role is Role.BLOCK]
    for layer in moved:
        stack.diags.note("LAM029", layer.span, f"{layer.name} is read as standing above {store.name}: it acts on each "
                         f"{store.desc.unit}")
    for layer in sorted(moved, key=lambda x: x.desc.rank):
        place = next((i for i, other in enumerate(written) if other.desc.rank > layer.desc.rank), len(written))
        written.insert(place, layer)
    names: dict[str, Layer] = {}
    for layer in written:
        if layer.name in names:
            stack.diags.error("LAM028", layer.span, f"{layer.name} stands twice",
                              notes=[(names[layer.name].span, "first here")], help="merge the two")
        names.setdefault(layer.name, layer)
    return written


def _upper(stack: Stack, layers: list[Layer]) -> list[Layer]:
    """Access and observers, from the memory up; the access layer goes where the spec put it."""
    out = [x for x in layers if x.role in (Role.ACCESS, Role.OBSERVER)]
    first: dict[str, Layer] = {}
    for layer in out:
        key = "access" if layer.role is Role.ACCESS else layer.name
        if key in first:
            stack.diags.error("LAM028", layer.span, f"{layer.name} is a second {'access layer' if key == 'access' else key}",
                              notes=[(first[key].span, f"{first[key].name} is the first")], help="keep one of them")
        first.setdefault(key, layer)
    return out
