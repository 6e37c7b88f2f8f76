-- lamina generate --dry-run tests/negative/given_back_but_locked.lua
-- A reset that would give locked pages back.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.locked { size = "64 KiB" },
  lamina.bump { reset = "free_all" },
}
