-- lamina generate --dry-run tests/negative/beyond_the_links.lua
-- More slots than 32-bit links reach.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "64 TiB", commit = "lazy" },
  lamina.slab { slot = 8 },
}
