-- lamina generate --dry-run tests/negative/alignment_of_second_bump.lua
-- A second branch whose blocks are aligned to less than the first's, in bumps.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.mmap { size = "64 KiB" }, lamina.bump {} },
    secondary = { lamina.mmap { size = "64 KiB" }, lamina.bump { min_align = 8 } },
  },
}
