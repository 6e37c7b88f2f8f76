-- lamina generate --dry-run tests/negative/payload_above_slot.lua
-- A payload that is larger than its slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 32, payload = 48, count = 64 },
}
