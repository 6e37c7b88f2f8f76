-- An authentication service: tokens that must not be reused soon, watched as they run out.
local lamina = require "lamina"

return lamina.stack "auth_service" {
  brief = "64-byte tokens; a freed one rests before it is used again",
  budget = { alloc = 16, free = 27, pair = 45 },

  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.quarantine { count = 16 },
  lamina.watermark { levels = { "75 %", "95 %" }, edge = "both" },
  lamina.statistics {},
}
