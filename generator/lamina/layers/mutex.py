"""mutex: any thread, one at a time."""

from __future__ import annotations

from ..descriptor import Descriptor, Role

LAYER = Descriptor(
    name="mutex",
    role=Role.ACCESS,
    brief="any thread, one at a time",
    doc="Every operation holds the instance's lock. Handlers run with the lock held and must not call the allocator.",
    cost="the wait for the lock, then O(1)",
    needs=("threads",),
    example="lamina.mutex {}",
)
