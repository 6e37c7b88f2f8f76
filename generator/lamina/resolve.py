"""Numbers and legality: what each layer asks of its neighbours, and what comes of it.

A branch is walked twice. `shape` goes up from the memory: the source says what kind of memory it is, the store
settles its alignment, each block layer claims its bytes. `plan` then starts at the store, which now knows the whole
slot, goes up through the blocks and down through the ranges to the source, which learns how much it must give.
`rules` last, when all numbers are there to be quoted in a message.
"""

from __future__ import annotations

from .descriptor import Role
from .diagnostics import Diagnostics
from .model import Branch, Layer, Stack
from .validate import RESERVED


def resolve(stack: Stack) -> bool:
    """Resolves one stack; False when it broke a rule (the errors are in its diagnostics)."""
    before = stack.diags.errors
    _name_layers(stack)
    for branch in stack.branches:
        _resolve_branch(branch)
        if stack.diags.errors > before:
            return False
    for layer in ([stack.combinator] if stack.combinator else []) + stack.upper:
        if layer.desc.shape:
            layer.desc.shape(layer, stack.main)
    for layer in ([stack.combinator] if stack.combinator else []) + stack.upper:
        if layer.desc.plan:
            layer.desc.plan(layer, stack.main)
    for branch in stack.branches:
        for layer in branch.layers:
            if layer.desc.rules:
                layer.desc.rules(layer, branch)
    for layer in ([stack.combinator] if stack.combinator else []) + stack.upper:
        if layer.desc.rules:
            layer.desc.rules(layer, stack.main)
    _stack_rules(stack)
    return stack.diags.errors == before


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


def _resolve_branch(branch: Branch) -> None:
    source, store = branch.source, branch.store
    branch.split = branch.find("split_metadata")
    branch.guard = branch.find("guard")
    for layer in branch.layers:
        if layer.desc.shape:
            layer.desc.shape(layer, branch)
    if not branch.stack.diags.ok:
        return
    order = [store, *branch.blocks, *reversed(branch.ranges)] + ([source] if source is not store else [])
    for layer in order:
        if layer.desc.plan:
            layer.desc.plan(layer, branch)
        if not branch.stack.diags.ok:
            return


def _stack_rules(stack: Stack) -> None:
    """What holds for every stack, whatever its layers."""
    target = stack.options.target
    for layer in stack.layers:
        if target not in layer.desc.platforms:
            stack.diags.error("LAM057", layer.span, f"{layer.name} is not to be had on the target {target}",
                              notes=[(stack.option_spans.get("target"), "the target is chosen here")],
                              help="it is there on " + ", ".join(layer.desc.platforms))
    if stack.options.real_time:
        for layer in stack.layers:
            cost = getattr(layer.x, "cost", layer.desc.cost)
            if not cost.startswith("O(1)"):
                stack.diags.error("LAM056", layer.span, f"{layer.name} takes {cost}, so the real-time claim is untrue",
                                  notes=[(stack.option_spans.get("real_time"), "the claim is made here")],
                                  help="drop real_time, or choose layers that are O(1)")
    if stack.options.checks == "none":
        for layer in stack.layers:
            if getattr(layer.x, "needs_checks", None):
                stack.diags.error("LAM059", layer.span, f'{layer.name} {layer.x.needs_checks}, which checks = "none" '
                                  "leaves out", notes=[(stack.option_spans.get("checks"), "left out here")],
                                  help='drop checks = "none"')
