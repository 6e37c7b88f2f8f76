-- lamina generate --dry-run tests/negative/order_is_read.lua
-- No error: layers that can only mean one thing may stand anywhere, and notes say how they were read.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.statistics {},
  lamina.numa { bind = {0} },
  lamina.poison {},
  lamina.mmap {},
  lamina.mutex {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.quarantine { count = 8 },
  lamina.canary {},
  lamina.guard {},
  lamina.fault {},
}
