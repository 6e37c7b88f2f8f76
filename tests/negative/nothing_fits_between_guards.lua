-- lamina generate --dry-run tests/negative/nothing_fits_between_guards.lua
-- A mapping that is all guard pages.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "2 pages" },
  lamina.guard {},
  lamina.bump {},
}
