-- lamina generate --dry-run tests/negative/same_buffer_twice.lua
-- Two branches that would cut up the same buffer.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.caller {}, lamina.slab { slot = 64, count = 8 } },
    secondary = { lamina.caller {}, lamina.slab { slot = 64, count = 8 } },
  },
}
