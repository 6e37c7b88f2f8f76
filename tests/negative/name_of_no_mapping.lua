-- lamina generate --dry-run tests/negative/name_of_no_mapping.lua
-- A name that the system would refuse.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { name = "pool[0]" },
  lamina.slab { slot = 64, count = 64 },
}
