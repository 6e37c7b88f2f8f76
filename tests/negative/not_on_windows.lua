-- lamina generate --dry-run --target windows-x86_64 tests/negative/not_on_windows.lua
-- What Windows has no word for, or can only do when it maps.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { name = "pool", huge_pages = "1G", huge_fallback = true },
  lamina.numa { interleave = { 0, 1 }, optional = true },
  lamina.slab { slot = 64, count = 1024 },
}
