-- lamina generate --dry-run tests/negative/not_a_name.lua
-- Names that a stack can't have.
local lamina = require "lamina"

local function pool(name)
  return lamina.stack(name) { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } }
end

return { pool "conn-pool", pool "Pool", lamina.stack "9_lives" { lamina.system {} }, pool "register", pool "size", pool "lamina_pool", pool "pool_generic" }
