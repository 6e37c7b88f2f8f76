-- lamina generate --dry-run tests/negative/unknown_layer_in_branch.lua
-- Layers that do not exist, inside the branches of a fall-back.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.mmap {}, lamina.slap { slot = 64 } }, secondary = { lamina.sytem {} } },
}
