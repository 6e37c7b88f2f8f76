-- lamina generate --dry-run tests/negative/slot_below_link.lua
-- A slot that is smaller than the link of a free one.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 4, count = 64 },
}
