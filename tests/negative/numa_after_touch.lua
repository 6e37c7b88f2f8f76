-- lamina generate --dry-run tests/negative/numa_after_touch.lua
-- A memory policy over pages that are touched already.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { populate = true },
  lamina.numa { interleave = {0, 1} },
  lamina.slab { slot = 64, count = 1024 },
}
