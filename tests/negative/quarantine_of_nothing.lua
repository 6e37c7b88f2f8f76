-- lamina generate --dry-run tests/negative/quarantine_of_nothing.lua
-- A quarantine that is smaller than one slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.quarantine { bytes = 32 },
}
