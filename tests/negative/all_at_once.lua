-- lamina generate --dry-run tests/negative/all_at_once.lua
-- Mistakes of every kind in one file: one run tells them all, in the order of the file.
local lamina = require "lamina"

return {
  lamina.stack "first" {
    breif = "a misspelt option does not hide what follows",
    lamina.static { bytes = "64 kb" },
    lamina.numa { bind = {} },
    lamina.slab { slot = 64, cuont = 100 },
    lamina.mutex {},
    lamina.statistics {},
  },
  lamina.stack "second" {
    lamina.mmap { reserve = "1 MiB", commit = "lazy", populate = true },
    lamina.numa { bind = {0} },
    lamina.slab { slot = 40, payload = 32 },
    lamina.statistics {},
    lamina.canary {},
  },
  lamina.stack "third" {
    lamina.mmap { size = "1 MiB" },
    lamina.bump { min_align = 24 },
    lamina.quarantine { count = 8 },
  },
}
