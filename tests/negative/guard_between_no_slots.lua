-- lamina generate --dry-run tests/negative/guard_between_no_slots.lua
-- Guards between slots that a bump does not have.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB" },
  lamina.guard { every = 8 },
  lamina.bump {},
}
