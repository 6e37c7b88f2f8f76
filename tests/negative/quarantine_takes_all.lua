-- lamina generate --dry-run tests/negative/quarantine_takes_all.lua
-- Quarantines that can hold back every slot.
local lamina = require "lamina"

return {
  lamina.stack "by_count" { lamina.mmap {}, lamina.slab { slot = 64, count = 16 }, lamina.quarantine { count = 16 } },
  lamina.stack "by_bytes" { lamina.mmap {}, lamina.slab { slot = 64, count = 16 }, lamina.quarantine { bytes = "64 KiB" } },
  lamina.stack "of_one" { lamina.mmap {}, lamina.slab { slot = 64, count = 1 }, lamina.quarantine { count = 1 } },
  lamina.stack "run_time" { lamina.caller {}, lamina.slab { slot = 64 }, lamina.quarantine { count = 16 } },
}
