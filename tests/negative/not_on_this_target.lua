-- lamina generate --dry-run tests/negative/not_on_this_target.lua
-- Layers that need an operating system, on a target without one.
local lamina = require "lamina"

return lamina.stack "pool" {
  target = "freestanding",
  lamina.mmap {},
  lamina.guard { random = 4 },
  lamina.slab { slot = 64, count = 1024 },
  lamina.canary {},
  lamina.mutex {},
}
