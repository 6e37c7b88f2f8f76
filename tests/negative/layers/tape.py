"""tape: a store for one test. It hands out its blocks from both ends at once, so it can't commit as it goes."""

from lamina.descriptor import Descriptor, Role


def shape(layer, branch):
    x = layer.x
    x.sized, x.frees, x.owns, x.commits, x.resets, x.groups, x.marks, x.resizes = True, False, True, False, True, 0, False, False


def plan(layer, branch):
    branch.region_bytes = branch.declared or 4096


LAYER = Descriptor(name="tape", role=Role.STORE, brief="blocks from both ends", doc="Only for a test.", shape=shape, plan=plan,
                   example="lamina.tape {}")
