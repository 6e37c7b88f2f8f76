-- lamina generate --dry-run tests/negative/contradictions_of_bump.lua
-- Parameters of bump that contradict its source.
local lamina = require "lamina"

return {
  lamina.stack "eager" { lamina.mmap { size = "1 MiB" }, lamina.bump { chunk = "64 KiB", growth = "double" } },
  lamina.stack "buffer" { lamina.static { bytes = "64 KiB" }, lamina.bump { reset = "free_all" } },
  lamina.stack "limit" { lamina.mmap { size = "64 KiB" }, lamina.bump { reset = "limit", limit = "1 MiB" } },
}
