-- lamina generate --dry-run tests/negative/around_a_fallback.lua
-- Layers where a fall-back has no place for them: below it, in a branch, above it.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.numa { bind = {0} },
  lamina.mutex {},
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.statistics {} }, secondary = { lamina.system {} } },
  lamina.guard {},
}
