-- lamina generate --dry-run tests/negative/nested_fallback.lua
-- A fall-back inside the branch of another, and one above.
local lamina = require "lamina"

local inner = lamina.fallback {
  primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } },
  secondary = { lamina.system {} },
}

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } }, secondary = { inner } },
  inner,
}
