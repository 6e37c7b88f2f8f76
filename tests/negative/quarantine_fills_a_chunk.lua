-- lamina generate --dry-run -W error tests/negative/quarantine_fills_a_chunk.lua
-- A quarantine that makes a slab grow by itself: a warning, here made an error.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "1 MiB", commit = "lazy" },
  lamina.slab { slot = 64, count = 64, growth = "release_empty" },
  lamina.quarantine { count = 64 },
}
