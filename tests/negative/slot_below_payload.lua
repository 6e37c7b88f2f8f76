-- lamina generate --dry-run tests/negative/slot_below_payload.lua
-- Payload and canaries that do not fit into the slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 40, payload = 32, count = 64 },
  lamina.canary {},
}
