-- lamina generate --dry-run tests/negative/contradictions_of_mmap.lua
-- Parameters of mmap that contradict each other.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "64 MiB", step = "64 KiB", huge_fallback = true },
  lamina.slab { slot = 64 },
}
