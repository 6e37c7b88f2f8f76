-- lamina generate --dry-run --target linux-i386 tests/negative/range_too_large.lua
-- A range of 32-bit addresses whose ends lie too far apart.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "2 GiB", commit = "lazy" },
  lamina.bump {},
}
