-- lamina generate --dry-run tests/negative/none_of_several.lua
-- Parameters of which one must be given.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { optional = true },
  lamina.slab { slot = 64, count = 1024 },
  lamina.quarantine {},
}
