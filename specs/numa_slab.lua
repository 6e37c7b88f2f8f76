-- The stack that names this project: lazy-commit mmap, NUMA bind, poison, a slab of 64-byte slots.
local lamina = require "lamina"

return lamina.stack "numa_slab" {
  brief = "64-byte objects on one memory node, committed as they are needed",
  budget = { alloc = 21, free = 13, pair = 36 },

  lamina.mmap { reserve = "64 MiB", commit = "lazy" },
  lamina.numa { bind = {0} },
  lamina.poison { on_free = 0xDE },
  lamina.slab { slot = 64 },
}
