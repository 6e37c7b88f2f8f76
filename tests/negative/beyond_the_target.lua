-- lamina generate --dry-run --target linux-armhf tests/negative/beyond_the_target.lua
-- More address space than 32 bits have.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "8 GiB", commit = "lazy" },
  lamina.slab { slot = 64 },
}
