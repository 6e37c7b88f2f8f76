-- lamina generate --dry-run tests/negative/wrong_type.lua
-- Values of a type that the parameter does not take.
local lamina = require "lamina"

return lamina.stack "pool" {
  instance = 1,
  real_time = 1,
  budget = 8,
  lamina.mmap { size = {}, populate = "true", name = 7 },
  lamina.numa { bind = 0 },
  lamina.slab { slot = 128 / 2, count = "64", align = 16.5, order = true },
  lamina.poison { on_free = true },
  lamina.watermark { levels = 5 },
}
