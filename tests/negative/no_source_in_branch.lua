-- lamina generate --dry-run tests/negative/no_source_in_branch.lua
-- Branches without a source: one has only a store, the other nothing.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.slab { slot = 64, count = 8 } }, secondary = {} },
}
