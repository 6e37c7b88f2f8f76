-- lamina generate --dry-run tests/negative/source_too_small.lua
-- A buffer that is too small for the slots and their map.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.static { bytes = "4 KiB" },
  lamina.slab { slot = 64, count = 100, free_map = "byte" },
}
