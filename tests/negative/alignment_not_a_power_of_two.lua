-- lamina generate --dry-run tests/negative/alignment_not_a_power_of_two.lua
-- Alignments that are none.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.static { align = 0 },
  lamina.slab { slot = 48, align = 24, count = 8 },
}
