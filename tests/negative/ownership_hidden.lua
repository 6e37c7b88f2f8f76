-- lamina generate --dry-run tests/negative/ownership_hidden.lua
-- Layers above a fall-back that hide which branch owns a block.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback {
    primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } },
    secondary = { lamina.system {} },
  },
  lamina.poison {},
  lamina.quarantine { count = 4 },
  lamina.canary {},
}
