-- lamina generate --dry-run tests/negative/free_not_routed.lua
-- A first branch that can't tell its own blocks.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.fallback { primary = { lamina.system {} }, secondary = { lamina.mmap { size = "1 MiB" }, lamina.bump {} } },
}
