-- lamina generate --dry-run --target linux-armhf tests/negative/no_secret_memory.lua
-- Memory hidden from the kernel, which 32-bit ARM has not.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked { size = "64 KiB", secret = "required" },
  lamina.bump {},
}
