-- lamina generate --dry-run --target windows-x86_64 tests/negative/locked_on_windows.lua
-- Windows locks pages, but writes them into dumps, and hides none from the kernel.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked { secret = "required" },
  lamina.slab { slot = 64, count = 64 },
}
