-- lamina generate --dry-run tests/negative/numa_without_policy.lua
-- One preferred node that is two.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { preferred = {0, 1} },
  lamina.slab { slot = 64, count = 1024 },
}
