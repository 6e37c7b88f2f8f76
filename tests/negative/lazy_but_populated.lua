-- lamina generate --dry-run tests/negative/lazy_but_populated.lua
-- A lazy commit that populate would undo.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "64 MiB", commit = "lazy", populate = true },
  lamina.slab { slot = 64 },
}
