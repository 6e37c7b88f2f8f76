-- lamina generate --dry-run tests/negative/contradictions_of_slab.lua
-- Parameters of slab that contradict each other or the layers around it.
local lamina = require "lamina"

local function slab(parameters)
  parameters.slot = 64
  return lamina.slab(parameters)
end

return {
  lamina.stack "no_links" { lamina.mmap {}, slab { count = 64, order = "random", link = "mac" } },
  lamina.stack "own_map" { lamina.mmap {}, slab { count = 64, order = "address", free_map = "byte" } },
  lamina.stack "unchecked" { checks = "none", lamina.mmap {}, slab { count = 64, free_map = "bitmap" }, lamina.canary {} },
  lamina.stack "nowhere_to_grow" { lamina.mmap {}, slab { count = 64, growth = "extend" } },
  lamina.stack "broken_pages" { lamina.mmap { reserve = "1 MiB", commit = "lazy" }, slab { count = 60, growth = "release_empty" } },
  lamina.stack "no_list" { lamina.mmap { reserve = "1 MiB", commit = "lazy" }, slab { count = 64, growth = "release_empty", order = "fifo" } },
  lamina.stack "guarded" { lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.guard { every = 8 }, slab { count = 64, growth = "extend" } },
}
