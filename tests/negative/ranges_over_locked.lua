-- lamina generate --dry-run tests/negative/ranges_over_locked.lua
-- Layers that want to do with pages what they like, over locked ones.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked {},
  lamina.numa { bind = {0} },
  lamina.guard { every = 8 },
  lamina.split_metadata {},
  lamina.slab { slot = 64, count = 64, free_map = "bitmap" },
}
