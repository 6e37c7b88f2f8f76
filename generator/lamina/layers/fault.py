"""fault: allocations that fail on purpose."""

from __future__ import annotations

from ..descriptor import Choice, Descriptor, Int, Param, Role
from ..model import Branch, Layer


def shape(layer: Layer, branch: Branch) -> None:
    layer.x.sized = branch.store.x.sized


def plan(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.mode = p.mode
    x.n = {"never": 0, "always": 0, "after": p.n, "every": p.n, "size": p.n, "seed": p.n}[p.mode]
    x.seed = p.seed


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    if p.mode in ("after", "every", "size", "seed") and "n" not in layer.given:
        branch.report("LAM025", layer, "mode", f'mode = "{p.mode}" needs n', help="n = 3")
    if p.mode in ("never", "always") and "n" in layer.given:
        branch.report("LAM059", layer, "n", f'n has no meaning with mode = "{p.mode}"', help="drop n")
    if p.mode in ("every", "seed") and p.n == 0 and "n" in layer.given:
        branch.report("LAM023", layer, "n", "every 0th request is none" if p.mode == "every" else "one in 0 is none",
                      help="n = 2")
    if "seed" in layer.given and p.mode != "seed":
        branch.report("LAM059", layer, "seed", 'seed goes with mode = "seed"', help="drop seed")
    if p.mode == "size" and not layer.x.sized:
        branch.report("LAM059", layer, "mode", "all objects of this stack have one size",
                      notes=[(branch.store.span, f"{branch.store.name} stands here")], help='mode = "every"')


LAYER = Descriptor(
    name="fault",
    role=Role.OBSERVER,
    innermost=True,
    brief="allocations that fail on purpose",
    doc="Refuses requests so that a program's handling of NULL can be tested: none, all, all after the first n, every "
        "n-th, those of n bytes and more, or one in n by a seeded generator. The mode can be changed at run time.",
    params=(
        Param("mode", Choice(("never", "always", "after", "every", "size", "seed")), "Which requests fail.", "never"),
        Param("n", Int(0, (1 << 31) - 1), "The mode's number.", 0),
        Param("seed", Int(0, (1 << 32) - 1), "Seed of the generator.", 1),
    ),
    shape=shape,
    plan=plan,
    rules=rules,
    example='lamina.fault { mode = "every", n = 10 }',
)
