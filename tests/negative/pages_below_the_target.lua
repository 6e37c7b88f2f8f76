-- lamina generate --dry-run tests/negative/pages_below_the_target.lua
-- A layout cut for pages that the target has none of.
local lamina = require "lamina"

return lamina.stack "pool" {
  target = "macos-arm64",
  page_size = "4 KiB",
  lamina.mmap {},
  lamina.guard { every = 4 },
  lamina.slab { slot = 64, count = 64 },
}
