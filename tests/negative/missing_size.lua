-- lamina generate --dry-run tests/negative/missing_size.lua
-- A bump over a source that has no size.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.bump {},
}
