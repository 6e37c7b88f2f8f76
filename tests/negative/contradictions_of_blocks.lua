-- lamina generate --dry-run tests/negative/contradictions_of_blocks.lua
-- Parameters of block layers that contradict each other.
local lamina = require "lamina"

local function pool(name, ...)
  return lamina.stack(name) { lamina.mmap {}, lamina.slab { slot = 64, count = 64 }, ... }
end

return {
  pool("nothing_to_verify", lamina.poison { on_free = false, on_alloc = 0xAA, verify = true }),
  pool("same_bytes", lamina.poison {}, lamina.zeroize {}),
  pool("no_pattern", lamina.poison { on_free = false }),
  pool("nothing_erased", lamina.zeroize { on_free = false, on_reset = false, on_destroy = false }),
}
