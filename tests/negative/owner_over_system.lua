-- lamina generate --dry-run tests/negative/owner_over_system.lua
-- Remote frees over the system's heap.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.system {},
  lamina.owner {},
}
