-- What Lamina promises of its fast paths: one stack for each kind of layer that costs something, with the most
-- instructions that one inlined alloc and free may take, the loop's three included. gcc -O2, x86-64 baseline; the freed
-- pointer's range and alignment are checked throughout. tests/generator/test_budget.py holds them to it.
local lamina = require "lamina"

-- A slab of 64-byte slots on mmap with more layers above it.
local function slab(name, pair, layers, slots)
  return lamina.stack(name) {
    budget = { pair = pair },
    lamina.mmap {},
    lamina.slab(slots or { slot = 64, count = 1024 }),
    table.unpack(layers),
  }
end

return {
  slab("plain", 18, {}),
  slab("poison_written", 23, { lamina.poison { on_free = 0xDE, verify = false } }),
  slab("poison_verified", 40, { lamina.poison { on_free = 0xDE } }),
  slab("quarantine_16", 28, { lamina.quarantine { count = 16 } }),
  slab("canary_both", 32, { lamina.canary { place = "both", size = 8 } }, { payload = 48, align = 8, count = 1024 }),
  slab("zeroized", 26, { lamina.zeroize {} }),
  slab("owned", 22, { lamina.owner {} }),
  slab("counted", 28, { lamina.statistics {} }),

  lamina.stack "bumped" {
    budget = { pair = 9 },
    lamina.mmap { size = "1 MiB" },
    lamina.bump { min_align = 16 },
  },

  lamina.stack "falls_back" {
    budget = { pair = 20 },
    lamina.fallback {
      primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 1024 } },
      secondary = { lamina.system {} },
    },
  },

  -- The same stack as db_audit in specs/db_executor.lua.
  lamina.stack "audit" {
    budget = { pair = 340 },
    lamina.mmap {},
    lamina.guard { every = 32 },
    lamina.split_metadata {},
    lamina.slab { payload = 112, align = 8, count = 1024, link = "mac", free_map = "bitmap" },
    lamina.canary { place = "both", size = 8, secret = "slot" },
    lamina.zeroize {},
  },
}
