-- A device without an operating system: 256 messages of 32 bytes, no libc.
local lamina = require "lamina"

return lamina.stack "firmware" {
  brief = "256 messages of 32 bytes for a device without an operating system",
  target = "freestanding",
  budget = { alloc = 6, free = 9, pair = 17 },

  lamina.static { align = 32 },
  lamina.slab { slot = 32, count = 256 },
}
