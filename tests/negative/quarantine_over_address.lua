-- lamina generate --dry-run tests/negative/quarantine_over_address.lua
-- A tree of free bits has no place for a block that is neither free nor in use.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 64, order = "address" },
  lamina.quarantine { count = 4 },
}
