-- lamina generate --dry-run tests/negative/wrong_type_in_list.lua
-- Every wrong entry of a list is told, each where it stands.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.numa { bind = { 0, "one", -1, 0, 5000 } },
  lamina.slab { slot = 64, count = 1024 },
  lamina.watermark { levels = { "80 %", 0, true, "80", "101 %" } },
}
