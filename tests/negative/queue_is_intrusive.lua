-- lamina generate --dry-run tests/negative/queue_is_intrusive.lua
-- Numbers of a bounded queue for one that is not.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.owner { capacity = 512, batch = 16 },
}
