-- lamina generate --dry-run tests/negative/missing_parameter.lua
-- What can't be left out: the slab's size, the mode's number.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { count = 64 },
  lamina.fault { mode = "every" },
}
