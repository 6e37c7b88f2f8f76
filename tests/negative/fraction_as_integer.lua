-- lamina generate --dry-run tests/negative/fraction_as_integer.lua
-- Numbers that look whole but are fractions.
local lamina = require "lamina"

return {
  lamina.stack "small" { lamina.mmap {}, lamina.slab { slot = 64, count = 1e3 } },
  lamina.stack "large" { lamina.mmap {}, lamina.slab { slot = 64, count = 1e30 } },
  lamina.stack "endless" { lamina.mmap {}, lamina.slab { slot = 64, count = math.huge } },
  lamina.stack "nothing" { lamina.mmap {}, lamina.slab { slot = 0 / 0, count = 64 } },
}
