-- lamina generate --dry-run tests/negative/slot_not_aligned.lua
-- Slots whose size is no multiple of their alignment.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 48, align = 32, count = 8 },
}
