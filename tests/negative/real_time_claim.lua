-- lamina generate --dry-run tests/negative/real_time_claim.lua
-- Claims of constant time over layers that do not keep it.
local lamina = require "lamina"

return {
  lamina.stack "steps" { real_time = true, lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.slab { slot = 64 } },
  lamina.stack "waits" { real_time = true, lamina.static {}, lamina.slab { slot = 64, count = 8 }, lamina.poison {}, lamina.zeroize {}, lamina.mutex {} },
  lamina.stack "heap" { real_time = true, lamina.system {} },
}
