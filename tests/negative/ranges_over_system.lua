-- lamina generate --dry-run tests/negative/ranges_over_system.lua
-- Layers that need pages or slots, over the system's heap.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.system {},
  lamina.numa { bind = {0} },
  lamina.guard {},
  lamina.split_metadata {},
  lamina.canary {},
  lamina.poison {},
}
