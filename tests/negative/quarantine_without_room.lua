-- lamina generate --dry-run tests/negative/quarantine_without_room.lua
-- A quarantine without a poison, whose seal does not fit.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 4, count = 64, order = "address" },
  lamina.quarantine { count = 8 },
}
