-- lamina generate --dry-run tests/negative/out_of_range.lua
-- Values of the right type that are out of bounds, and words that are no choice.
local lamina = require "lamina"

return lamina.stack "pool" {
  checks = "some",
  page_size = 512,
  lamina.mmap { size = 0, step = -1 },
  lamina.slab { slot = "2 TiB", count = 1 << 32, order = "filo" },
  lamina.canary { size = 65 },
  lamina.quarantine { count = 0 },
}
