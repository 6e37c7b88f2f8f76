-- lamina generate --dry-run tests/negative/no_random_bytes.lua
-- Secrets and chance on a target without random bytes.
local lamina = require "lamina"

return lamina.stack "pool" {
  target = "freestanding",
  lamina.static {},
  lamina.slab { slot = 64, count = 64, link = "masked" },
  lamina.quarantine { count = 4, order = "random" },
}
