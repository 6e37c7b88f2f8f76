-- lamina generate --dry-run tests/negative/zero_count.lua
-- A slab of no slots.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 0 },
}
