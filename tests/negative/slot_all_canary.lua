-- lamina generate --dry-run tests/negative/slot_all_canary.lua
-- Canaries that leave no byte of the slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 16, count = 64 },
  lamina.canary { size = 8 },
}
