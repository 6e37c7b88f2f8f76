-- lamina generate --dry-run tests/negative/no_source.lua
-- A stack without a source of memory.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.slab { slot = 64, count = 1024 },
  lamina.poison {},
}
