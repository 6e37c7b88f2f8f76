"""single: one thread uses the allocator; debug builds check it."""

from __future__ import annotations

from ..descriptor import Descriptor, Role

LAYER = Descriptor(
    name="single",
    role=Role.ACCESS,
    brief="one thread, checked in debug builds",
    doc="Only the thread that called init may use the allocator. Builds without NDEBUG assert it on every operation; "
        "with NDEBUG it costs nothing.",
    needs=("threads",),
    example="lamina.single {}",
)
