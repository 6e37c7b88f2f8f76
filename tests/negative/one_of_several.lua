-- lamina generate --dry-run tests/negative/one_of_several.lua
-- Parameters of which only one may be given.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB", reserve = "1 MiB", commit = "lazy" },
  lamina.numa { bind = {0}, preferred = {1}, interleave = {0, 1} },
  lamina.slab { slot = 64, count = 1024 },
  lamina.quarantine { count = 4, bytes = "1 KiB" },
}
