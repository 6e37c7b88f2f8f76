-- lamina generate --dry-run tests/negative/never_acts_over_bump.lua
-- Layers that act on free, over a bump, which frees no single block.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB" },
  lamina.bump {},
  lamina.canary {},
  lamina.quarantine { count = 8 },
  lamina.poison { verify = true },
  lamina.zeroize { on_free = true },
  lamina.owner {},
}
