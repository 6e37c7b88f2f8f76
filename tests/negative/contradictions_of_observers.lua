-- lamina generate --dry-run tests/negative/contradictions_of_observers.lua
-- Parameters of observers that contradict each other or the store.
local lamina = require "lamina"

local function pool(name, ...)
  return lamina.stack(name) { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, ... }
end

return {
  pool("shards", lamina.statistics { shards = 8 }),
  pool("odd_shards", lamina.statistics { mode = "sharded", shards = 12 }),
  pool("no_number", lamina.fault { mode = "always", n = 3 }),
  pool("no_seed", lamina.fault { mode = "every", n = 0, seed = 7 }),
  pool("one_size", lamina.fault { mode = "size", n = 64 }),
  pool("falling", lamina.watermark { levels = { 6, 4 } }),
  pool("same_level", lamina.watermark { levels = { "90 %", "95 %" } }),
  pool("out_of_reach", lamina.watermark { levels = { 9 } }),
  lamina.stack "unknown" { lamina.caller {}, lamina.slab { slot = 64 }, lamina.watermark {} },
}
