-- lamina generate --dry-run tests/negative/guarded_but_populated.lua
-- Guard pages are made by leaving them out, so that nothing is there to populate.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { populate = true, noreserve = true },
  lamina.guard {},
  lamina.slab { slot = 64, count = 1024 },
}
