-- lamina generate --dry-run -W error tests/negative/memory_never_used.lua
-- More memory than a slab of so many slots ever uses: a warning, here made an error. The last three have no more than a
-- page or a step too much, or grow into it.
local lamina = require "lamina"

return {
  lamina.stack "reserved" { lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.slab { slot = 32, count = 64 } },
  lamina.stack "mapped" { lamina.mmap { size = "64 KiB" }, lamina.slab { slot = 32, count = 64 } },
  lamina.stack "buffer" { lamina.static { bytes = "64 KiB" }, lamina.slab { slot = 32, count = 64 } },
  lamina.stack "page" { lamina.mmap { size = 6144 }, lamina.slab { slot = 32, count = 64 } },
  lamina.stack "step" { lamina.mmap { reserve = "64 KiB", commit = "lazy" }, lamina.slab { slot = 32, count = 64 } },
  lamina.stack "grows" { lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.slab { slot = 32, count = 64, growth = "extend" } },
}
