-- lamina generate --dry-run --target freestanding tests/negative/locked_on_firmware.lua
-- There is nothing to lock pages without an operating system.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked { no_dump = "preferred" },
  lamina.slab { slot = 64, count = 64 },
}
