"""numa: which memory nodes the pages come from."""

from __future__ import annotations

from ..descriptor import Descriptor, Flag, Ints, Param, Role
from ..model import Branch, Layer
from ..targets import TARGETS

LATER = "memory policies of a range"
POLICIES = ("bind", "preferred", "preferred_many", "interleave", "weighted_interleave", "local")


def shape(layer: Layer, branch: Branch) -> None:
    p, x = layer.p, layer.x
    x.policy = next((name for name in POLICIES if name in layer.given), "local")
    x.nodes = () if x.policy == "local" else getattr(p, x.policy)
    x.symbol = "LAMINA_NUMA_" + x.policy.upper()
    # Where no policy can be set on a range, it is the source's to map there.
    x.at_map = not TARGETS[branch.stack.options.target].has.issuperset((LATER,))
    branch.source.x.place = x if x.at_map else None


def plan(layer: Layer, branch: Branch) -> None:
    if layer.x.nodes and not layer.x.at_map:
        layer.const("numa_nodes", len(layer.x.nodes), "nodes that the policy names")


def rules(layer: Layer, branch: Branch) -> None:
    p = layer.p
    source = branch.source
    if not branch.os_memory:
        branch.report("LAM045", layer, None, f"numa can't place {branch.memory_is}",
                      notes=[(source.span, f"the memory is {source.desc.brief}")], help="take lamina.mmap as the source")
    if getattr(source.p, "populate", False):
        branch.report("LAM046", layer, None, "numa over pages that are already touched comes too late",
                      notes=[(source.where("populate"), "populate touches them here")], help="drop populate")
    if layer.x.policy == "local" and p.local is False:
        branch.report("LAM023", layer, "local", "local = false is no policy", help="local = true")
    target = TARGETS[branch.stack.options.target]
    if target.last_node is not None and max(layer.x.nodes or (0,)) > target.last_node:
        branch.report("LAM058", layer, layer.x.policy, f"there is no memory node {max(layer.x.nodes)} on the target "
                      f"{target.name}, whose last is {target.last_node}", notes=branch.stack.target_note(),
                      help=f"its nodes are 0 to {target.last_node}")
    if layer.x.policy == "preferred" and len(layer.x.nodes or ()) > 1:
        branch.report("LAM023", layer, "preferred", "preferred takes one node",
                      help="preferred_many takes several")


LAYER = Descriptor(
    name="numa",
    role=Role.RANGE,
    brief="memory nodes that the pages come from",
    doc="Sets the memory policy of the whole range before its first touch. Where the system can't do it, init fails "
        "with its error; with `optional = true` it goes on without, and `numa_placed()` tells.",
    cost="O(1); one system call at init",
    idea="mbind(2)",
    params=(
        Param("bind", Ints(), "Only from these nodes.",
              needs="binding to memory nodes"),
        Param("preferred", Ints(), "From this node while it has memory.",
              needs="a preferred memory node"),
        Param("preferred_many", Ints(), "From these nodes while they have memory.",
              needs="several preferred memory nodes"),
        Param("interleave", Ints(), "Page by page over these nodes.",
              needs="interleaving over memory nodes"),
        Param("weighted_interleave", Ints(), "Over these nodes by the system's weights.",
              needs="weighted interleaving over memory nodes"),
        Param("local", Flag(), "From the node of the thread that touches a page first.",
              needs="the toucher's memory node"),
        Param("optional", Flag(), "Go on where the system can't do it.", False, needs=LATER),
    ),
    exactly_one=POLICIES,
    shape=shape,
    plan=plan,
    rules=rules,
    needs=("pages",),
    example="lamina.numa { bind = {0} }",
)
