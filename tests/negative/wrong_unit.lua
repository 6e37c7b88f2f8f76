-- lamina generate --dry-run tests/negative/wrong_unit.lua
-- Sizes with a unit that is none, and a level without its percent sign.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "64 kb", commit = "lazy", step = "1.5 MiB" },
  lamina.slab { slot = "64 bits", align = "0.3 KiB", count = 16 },
  lamina.quarantine { bytes = "many" },
  lamina.watermark { levels = { "80" } },
}
