-- What the recorded programs are replayed with in docs/comparison.md: stacks that serve any program, because the system's heap
-- takes what doesn't fit.
local lamina = require "lamina"

return {
  lamina.stack "region" {
    brief = "a region that ends with the program, and the heap behind it",

    lamina.fallback {
      primary = { lamina.mmap { reserve = "64 MiB", commit = "lazy" }, lamina.bump { grow_last = true } },
      secondary = { lamina.system {} },
    },
  },

  lamina.stack "nodes" {
    brief = "blocks of up to 64 bytes in a slab, and the heap behind it",

    lamina.fallback {
      primary = { lamina.mmap { reserve = "16 MiB", commit = "lazy" }, lamina.slab { slot = 64, count = 262144 } },
      secondary = { lamina.system {} },
    },
  },
}
