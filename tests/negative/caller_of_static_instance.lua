-- lamina generate --dry-run tests/negative/caller_of_static_instance.lua
-- A static instance, which has nobody to hand it a buffer.
local lamina = require "lamina"

return lamina.stack "pool" {
  instance = "static",
  lamina.caller {},
  lamina.slab { slot = 64 },
}
