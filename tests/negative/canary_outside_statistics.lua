-- lamina generate --dry-run tests/negative/canary_outside_statistics.lua
-- A canary whose bytes the statistics would not see.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.statistics {},
  lamina.canary {},
}
