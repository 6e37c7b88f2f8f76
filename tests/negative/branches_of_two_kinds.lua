-- lamina generate --dry-run tests/negative/branches_of_two_kinds.lua
-- One branch takes sizes, the other does not.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } }, secondary = { lamina.static { bytes = "1 KiB" }, lamina.bump {} } },
}
