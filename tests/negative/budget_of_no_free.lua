-- lamina generate --dry-run tests/negative/budget_of_no_free.lua
-- A budget for what a bump doesn't do.
local lamina = require "lamina"

return lamina.stack "frame" {
  budget = { alloc = 10, free = 3 },
  lamina.mmap { size = "64 KiB" },
  lamina.bump {},
}
