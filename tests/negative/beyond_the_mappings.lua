-- lamina generate --dry-run tests/negative/beyond_the_mappings.lua
-- More guarded groups than a process may have mappings.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.guard { every = 1 },
  lamina.slab { slot = 64, count = 100000 },
}
