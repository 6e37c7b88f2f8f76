-- lamina generate --dry-run tests/negative/unknown_parameter.lua
-- Keys that nobody knows, in the stack, its budget and its layers.
local lamina = require "lamina"

return lamina.stack "pool" {
  breif = "connections",
  colour = "blue",
  budget = { aloc = 8 },
  lamina.mmap { sise = "1 MiB" },
  lamina.slab { slot = 64, cuont = 64, flavour = "sweet" },
  lamina.single { strict = true },
}
