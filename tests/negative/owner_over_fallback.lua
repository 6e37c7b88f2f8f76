-- lamina generate --dry-run tests/negative/owner_over_fallback.lua
-- Remote frees over a fall-back.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } }, secondary = { lamina.system {} } },
  lamina.owner {},
}
