-- lamina generate --dry-run tests/negative/handler_is_a_keyword.lua
-- A handler that is named like a word of C.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
  lamina.watermark { handler = "register" },
}
