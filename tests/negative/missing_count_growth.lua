-- lamina generate --dry-run tests/negative/missing_count_growth.lua
-- A slab that grows by an unknown number of slots.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "1 MiB", commit = "lazy" },
  lamina.slab { slot = 64, growth = "extend" },
}
