-- lamina generate --dry-run tests/negative/numa_local_is_off.lua
-- A policy that is none.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { ["local"] = false },
  lamina.slab { slot = 64, count = 1024 },
}
