-- lamina generate --dry-run tests/negative/second_store.lua
-- Two sources and two stores.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.static { bytes = "1 KiB" },
  lamina.slab { slot = 64, count = 1024 },
  lamina.bump {},
}
