-- lamina generate --dry-run tests/negative/queue_below_batch.lua
-- A queue of remote frees that never fills a batch.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.owner { queue = "bounded", capacity = 8 },
}
