-- The same two stacks as in same.yaml.
local lamina = require "lamina"

local web = lamina.stack "web" {
  brief = "requests, and what they need",
  instance = "static",
  budget = { alloc = 8, free = 10 },
  lamina.static { size = "64 KiB" },
  lamina.bump {},
}

local classes = {}
for shift = 0, 1 do classes[shift + 1] = { size = 16 << shift, count = 100 >> shift } end

return { web, lamina.stack "connections" {
  handler = "user",
  lamina.fallback {
    primary = {
      lamina.mmap { reserve = "64 MiB", commit = "lazy", huge = false },
      lamina.numa { bind = { 0, 1 } },
      lamina.slab { slot = 64, count = 1024, link = { kind = "xor", seed = 0xFFFFFFFFFFFFFFFF } },
    },
    secondary = lamina.system(),
  },
  lamina.poison { on_free = 0xDE, verify = true, ratio = 0.5 },
  lamina.size_classes { table = classes, names = { "small", "off" } },
  lamina.single(),
} }
