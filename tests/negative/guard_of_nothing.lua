-- lamina generate --dry-run tests/negative/guard_of_nothing.lua
-- A guard that guards nothing.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB" },
  lamina.guard { head = false, tail = false },
  lamina.bump {},
}
