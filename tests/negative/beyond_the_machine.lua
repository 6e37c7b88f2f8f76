-- lamina generate --dry-run tests/negative/beyond_the_machine.lua
-- More bytes than a process can address.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.slab { slot = "1 GiB", count = 1000000 },
}
