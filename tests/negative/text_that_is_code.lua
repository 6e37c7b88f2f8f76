-- lamina generate --dry-run tests/negative/text_that_is_code.lua
-- Text that would end a comment or a string of the emitted C.
local lamina = require "lamina"

return lamina.stack "pool" {
  brief = "ends */ here",
  lamina.mmap { name = "a \"name\"" },
  lamina.slab { slot = 64, count = 1024 },
  lamina.watermark { handler = "on-level" },
}
