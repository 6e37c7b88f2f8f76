-- lamina generate --dry-run tests/negative/slot_below_mac_link.lua
-- A slot that is smaller than a link with its MAC.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { payload = 8, count = 64, link = "mac" },
}
