-- lamina generate --dry-run tests/negative/alignment_above_caller.lua
-- Slots aligned to more than the caller's buffer.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.caller { align = 16 },
  lamina.slab { slot = 64, align = 64 },
}
