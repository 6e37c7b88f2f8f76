-- lamina generate --dry-run tests/negative/locked_too_small.lua
-- Fewer locked bytes than the slots need.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked { size = 4096 },
  lamina.slab { slot = 64, count = 100 },
}
