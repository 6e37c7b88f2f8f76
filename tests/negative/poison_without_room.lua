-- lamina generate --dry-run tests/negative/poison_without_room.lua
-- A poison that has nothing to write: the link takes the whole slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 8, count = 64 },
  lamina.poison {},
}
