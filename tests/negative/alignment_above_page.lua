-- lamina generate --dry-run tests/negative/alignment_above_page.lua
-- Slots aligned to more than a page; or to a page of the layout, where the system's may be smaller.
local lamina = require "lamina"

return {
  lamina.stack "pool" {
    lamina.mmap {},
    lamina.slab { slot = "64 KiB", align = "64 KiB", count = 8 },
  },
  lamina.stack "large_pages" {
    page_size = "64 KiB",
    lamina.mmap {},
    lamina.slab { slot = "64 KiB", align = "64 KiB", count = 8 },
  },
}
