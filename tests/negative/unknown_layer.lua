-- lamina generate --dry-run tests/negative/unknown_layer.lua
-- Layers that do not exist: three with a near name, one without.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmpa { size = "1 MiB" },
  lamina.slob { slot = 64 },
  lamina.quarantaine { count = 4 },
  lamina.tardigrade {},
}
