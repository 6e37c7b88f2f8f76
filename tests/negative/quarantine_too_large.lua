-- lamina generate --dry-run tests/negative/quarantine_too_large.lua
-- A quarantine of more slots than one takes.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "1 TiB", commit = "lazy" },
  lamina.slab { slot = 64, count = 1 << 30 },
  lamina.quarantine { bytes = "1 GiB" },
}
