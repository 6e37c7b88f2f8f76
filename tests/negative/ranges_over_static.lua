-- lamina generate --dry-run tests/negative/ranges_over_static.lua
-- Layers that need the operating system's pages, over the program image's buffer.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.static {},
  lamina.numa { bind = {0} },
  lamina.guard { every = 8 },
  lamina.split_metadata {},
  lamina.slab { slot = 64, count = 64, free_map = "bitmap" },
}
