-- lamina generate --dry-run --target linux-armhf tests/negative/ranges_too_large.lua
-- Two ranges that fit one by one, and not together.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.mmap { size = "1536 MiB" }, lamina.slab { slot = "1 MiB" } },
    secondary = { lamina.mmap { size = "1600 MiB" }, lamina.slab { slot = "1 MiB" } },
  },
}
