-- lamina generate --dry-run tests/negative/missing_count.lua
-- A slab without a count over a source without a size.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64 },
}
