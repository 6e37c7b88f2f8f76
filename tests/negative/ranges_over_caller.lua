-- lamina generate --dry-run tests/negative/ranges_over_caller.lua
-- Layers that need the operating system's pages, over the caller's buffer.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.caller {},
  lamina.numa { bind = {0} },
  lamina.guard { every = 8 },
  lamina.split_metadata {},
  lamina.slab { slot = 64, count = 64, free_map = "bitmap" },
}
