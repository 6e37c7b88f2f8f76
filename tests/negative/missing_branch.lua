-- lamina generate --dry-run tests/negative/missing_branch.lua
-- A fall-back with one branch.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 64 } } },
}
