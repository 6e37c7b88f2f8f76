-- lamina generate --dry-run tests/negative/scrub_comes_late.lua
-- Poison and zeroize below a quarantine: what rests there still has its contents.
local lamina = require "lamina"

return {
  lamina.stack "one" { lamina.mmap {}, lamina.slab { slot = 64, count = 64 }, lamina.poison {}, lamina.quarantine { count = 8 } },
  lamina.stack "two" { lamina.mmap {}, lamina.slab { slot = 64, count = 64 }, lamina.zeroize {}, lamina.quarantine { count = 8 } },
}
