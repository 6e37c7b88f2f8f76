-- lamina generate --dry-run tests/negative/nothing_fits.lua
-- A buffer that holds no slot.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.static { bytes = 32 },
  lamina.slab { slot = 64 },
}
