-- lamina generate --dry-run tests/negative/no_store.lua
-- A stack without a store.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB" },
  lamina.numa { bind = {0} },
}
