-- lamina generate --dry-run tests/negative/alignment_above_page.lua
-- Slots aligned to more than a page.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = "64 KiB", align = "64 KiB", count = 8 },
}
