-- lamina generate --dry-run tests/negative/second_branch_too_small.lua
-- A second branch whose objects are smaller than the first's.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } },
    secondary = { lamina.static {}, lamina.slab { slot = 32, count = 8 } },
  },
}
