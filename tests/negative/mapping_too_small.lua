-- lamina generate --dry-run tests/negative/mapping_too_small.lua
-- A mapping that is too small for the slots and their guards.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "64 KiB" },
  lamina.guard {},
  lamina.slab { slot = 64, count = 1024 },
}
