-- lamina generate --dry-run --target windows-x86_64 tests/negative/beyond_the_nodes.lua
-- A memory node that Windows can't have.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { preferred = {64} },
  lamina.slab { slot = 64, count = 64 },
}
