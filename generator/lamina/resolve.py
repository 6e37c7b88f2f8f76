"""Numbers and legality: what each layer asks of its neighbours, and what comes of it.

A branch is walked twice. `shape` goes up from the memory: the source says what kind of memory it is, the store
settles its alignment, each block layer claims its bytes. `plan` then starts at the store, which now knows the whole
slot, goes up through the blocks and down through the ranges to the source, which learns how much it must give.
`rules` last, when all numbers are there to be quoted in a message.
"""

from __future__ import annotations

from typing import Callable

from .descriptor import Param, in_units
from .model import Branch, Layer, Stack
from .targets import TARGETS, Target, shown, with_all
from .tree import Span
from .validate import RESERVED


def resolve(stack: Stack) -> bool:
    """Resolves one stack; False when it broke a rule (the errors are in its diagnostics).

    A stack that is wrong already is still held against the rules: those of kind, and those whose numbers are to be
    had. What only follows from another mistake is not told.
    """
    before = stack.diags.errors
    _name_layers(stack)
    settled = True
    for branch in stack.branches:
        _shape(branch)
    for branch in stack.branches:
        settled = _plan(branch) and settled
    upper = ([stack.combinator] if stack.combinator else []) + stack.upper
    for layer in upper:
        if layer.desc.shape:
            layer.desc.shape(layer, stack.main)
    settled = settled and not stack.wrong and not any(branch.failed for branch in stack.branches)
    if settled:
        for layer in upper:
            if layer.desc.plan:
                layer.desc.plan(layer, stack.main)
    for branch in stack.branches:
        for layer in branch.layers:
            _ask(layer.desc.rules, layer, branch, settled)
    for layer in upper:
        _ask(layer.desc.rules, layer, stack.main, settled)
    _stack_rules(stack)
    return stack.diags.errors == before and not stack.wrong


def _shape(branch: Branch) -> None:
    branch.split = branch.find("split_metadata")
    branch.guard = branch.find("guard")
    for layer in branch.layers:
        if layer.desc.shape:
            layer.desc.shape(layer, branch)


def _plan(branch: Branch) -> bool:
    """The numbers, from the store out; False where they are not to be had, and then those that every layer may ask
    for are taken away, so that no rule is held against zeros."""
    source, store = branch.source, branch.store
    order = [store, *branch.blocks, *reversed(branch.ranges)] + ([source] if source is not store else [])
    branch.failed = branch.failed or any(layer.wrong for layer in branch.layers)
    for layer in order:
        if branch.failed:
            del branch.payload, branch.slot
            return False
        _ask(layer.desc.plan, layer, branch, not branch.stack.main.failed)
    return not branch.failed


def _ask(act: Callable[[Layer, Branch], None] | None, layer: Layer, branch: Branch, settled: bool) -> None:
    if act is None:
        return
    try:
        act(layer, branch)
    except (AttributeError, KeyError):
        # It asked for a fact that was never settled, since something that is told already stood in its way.
        if settled:
            raise
        branch.failed = True


def _name_layers(stack: Stack) -> None:
    """State names: the layer's own name, led by the branch's where two branches have the same layer."""
    counts: dict[str, int] = {}
    for layer in stack.layers:
        counts[layer.name] = counts.get(layer.name, 0) + 1
    for branch in stack.branches:
        for layer in branch.layers:
            layer.prefix = f"{branch.name}_" if counts[layer.name] > 1 else ""
            layer.id = layer.prefix + layer.name
    for layer in stack.layers:
        layer.id = layer.id or layer.name
        if layer.id in RESERVED:
            layer.id = f"{layer.id}_{layer.role.value}"


def _stack_rules(stack: Stack) -> None:
    """What holds for every stack, whatever its layers."""
    _target_rules(stack)
    if stack.options.real_time:
        for layer in stack.layers:
            cost = getattr(layer.x, "cost", layer.desc.cost)
            if not cost.startswith("O(1)") and not layer.wrong:
                stack.diags.error("LAM056", layer.span, f"{layer.name} takes {cost}, so the real-time claim is untrue",
                                  notes=_note(stack, "real_time", "the claim is made here"),
                                  help="drop real_time, or choose layers that are O(1)")
    if "budget.free" in stack.option_spans and not any("*" in layer.wrong or getattr(layer.x, "frees", False)
                                                       for layer in stack.layers):
        store = stack.main.store
        stack.diags.error("LAM059", stack.option_spans["budget.free"], "no block of this stack is freed by itself, so there is "
                          "no free to be counted", notes=[(store.span, f"{store.name} frees all at once")], help="drop free")
    if stack.options.checks == "none":
        for layer in stack.layers:
            if getattr(layer.x, "needs_checks", None):
                stack.diags.error("LAM059", layer.span, f'{layer.name} {layer.x.needs_checks}, which checks = "none" '
                                  "leaves out", notes=_note(stack, "checks", "left out here"),
                                  help='drop checks = "none"')


def _target_rules(stack: Stack) -> None:
    """What the target can't do is refused here, so that nothing is left undone without a word at run time."""
    target = TARGETS[stack.options.target]
    chosen = stack.target_note()
    for layer in stack.layers:
        if "*" in layer.wrong:
            continue
        if not target.has.issuperset(layer.desc.needs):
            stack.diags.error("LAM057", layer.span, f"{layer.name} is not to be had on the target {target.name}",
                              notes=chosen, help="it is there on " + shown(layer.desc.targets))
            continue
        for param in layer.desc.params:
            what = param.need(getattr(layer.p, param.name)) if not layer.wrong else ""
            if what and what not in target.has:
                stack.diags.error("LAM057", layer.where(param.name), f"{layer.name}: {param.name} needs {what} here, which "
                                  f"the target {target.name} doesn't have", notes=chosen,
                                  help=f"{_without(param, target)}, or write another spec for {target.name}; it is there on "
                                  + shown(with_all((what,))))
        for what in getattr(layer.x, "needs", ()) if not layer.wrong else ():
            if what not in target.has:
                stack.diags.error("LAM057", layer.span, f"{layer.name} needs {what} here, which the target {target.name} "
                                  "doesn't have", notes=chosen,
                                  help="take a parameter that needs none; `lamina explain " + layer.name + "` lists them")
    if stack.options.page_size < target.page and "page_size" in stack.option_spans:
        stack.diags.error("LAM057", stack.option_spans["page_size"], f"the target {target.name} has pages of "
                          f"{in_units(target.page)}: init would refuse a layout that is cut for "
                          f"{in_units(stack.options.page_size)}", notes=chosen,
                          help=f'page_size = "{in_units(target.page)}", or leave it out')
    _space_rules(stack, target)


def _space_rules(stack: Stack, target: Target) -> None:
    """The ranges that a stack takes, one by one and together, against what the target's addresses reach."""
    chosen, ranges = stack.target_note(), []
    for branch in stack.branches:
        if not branch.failed:
            ranges.append((branch.source, getattr(branch.source.x, "total", branch.region_bytes)))
    too_large = [(source, count) for source, count in ranges if target.range_end and count >= target.range_end]
    for source, count in too_large:
        key = next((name for name in ("size", "reserve", "bytes") if name in source.given), None)
        stack.diags.error("LAM058", source.where(key or ""), f"{in_units(count)} are too many for one range on the target "
                          f"{target.name}, where each is smaller than {in_units(target.range_end or 0)}", notes=chosen,
                          help=f"take a smaller {key}" if key else "fewer or smaller blocks")
    together = sum(count for _, count in ranges)
    if target.space and together > target.space and not too_large:
        stack.diags.error("LAM058", ranges[-1][0].span, f"{in_units(together)} are more than the {in_units(target.space)} that "
                          f"a process can have on the target {target.name}", notes=chosen, help="fewer or smaller blocks")


def _without(param: Param, target: Target) -> str:
    """What to write of a parameter for a target that has not what its value needs."""
    if param.need(param.default) in target.has | {""}:
        return "drop it"
    other = next((word for word in getattr(param.kind, "names", ()) if param.need(word) in target.has | {""}), None)
    return f'{param.name} = "{other}"' if other else f"take another {param.name}"


def _note(stack: Stack, option: str, text: str) -> list[tuple[Span | None, str]]:
    return [(stack.option_spans[option], text)] if option in stack.option_spans else []
