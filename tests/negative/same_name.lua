-- lamina generate --dry-run tests/negative/same_name.lua
-- Two stacks of one name.
local lamina = require "lamina"

return {
  lamina.stack "pool" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } },
  lamina.stack "pool" { lamina.mmap {}, lamina.slab { slot = 32, count = 8 } },
}
