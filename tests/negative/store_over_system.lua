-- lamina generate --dry-run tests/negative/store_over_system.lua
-- A store over the system's heap, which is one itself.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.system {},
  lamina.slab { slot = 64, count = 1024 },
}
