-- lamina generate --dry-run tests/negative/no_metadata_to_split.lua
-- Metadata in a mapping of their own where there are none.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap {},
  lamina.split_metadata {},
  lamina.slab { slot = 64, count = 1024 },
}
