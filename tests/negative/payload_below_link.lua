-- lamina generate --dry-run tests/negative/payload_below_link.lua
-- A payload that is smaller than the link, with a canary right behind it.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = 64, payload = 4, count = 64 },
  lamina.canary {},
}
