-- lamina generate --dry-run tests/negative/race_above_mutex.lua
-- Observers above the lock.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.mutex {},
  lamina.statistics {},
  lamina.watermark { levels = { "80 %" } },
}
