-- lamina generate --dry-run tests/negative/limit_without_reset.lua
-- Parameters that only mean something together.
local lamina = require "lamina"

return {
  lamina.stack "one" { lamina.mmap { size = "1 MiB" }, lamina.bump { limit = "64 KiB" } },
  lamina.stack "other" { lamina.mmap { size = "1 MiB" }, lamina.bump { reset = "limit" } },
}
