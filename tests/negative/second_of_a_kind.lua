-- lamina generate --dry-run tests/negative/second_of_a_kind.lua
-- Layers that stand twice, and two access layers.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { bind = {0} },
  lamina.numa { bind = {1} },
  lamina.slab { slot = 64, count = 1024 },
  lamina.poison {},
  lamina.poison { on_free = 0 },
  lamina.statistics {},
  lamina.statistics {},
  lamina.single {},
  lamina.mutex {},
}
