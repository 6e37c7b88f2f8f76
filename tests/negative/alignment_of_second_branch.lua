-- lamina generate --dry-run tests/negative/alignment_of_second_branch.lua
-- A second branch whose objects are aligned to less than the first's.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.mmap {}, lamina.slab { slot = 64, align = 64, count = 8 } },
    secondary = { lamina.static {}, lamina.slab { slot = 64, align = 16, count = 8 } },
  },
}
