-- lamina generate --dry-run --target freestanding-cortex-m4 tests/negative/target_of_the_command_line.lua
-- The command line's target goes before the spec's.
local lamina = require "lamina"

return lamina.stack "pool" {
  target = "linux",
  lamina.mmap {},
  lamina.slab { slot = 64, count = 64 },
  lamina.mutex {},
}
