-- lamina generate --dry-run tests/negative/missing_budget.lua
-- A budget that limits nothing.
local lamina = require "lamina"

return lamina.stack "pool" {
  budget = {},
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
}
