-- Stacks that carry the trial layer: each form that the emitted C can take.
local lamina = require "lamina"

return {
  lamina.stack "trail_plain" {
    lamina.mmap {},
    lamina.slab { slot = 64, count = 200 },
    lamina.trail { entries = 16 },
  },
  lamina.stack "trail_hardened" {
    lamina.mmap {},
    lamina.slab { payload = 48, align = 16, count = 100, free_map = "bitmap" },
    lamina.canary {},
    lamina.quarantine { count = 5 },
    lamina.trail { entries = 7, failures = true },
    lamina.mutex {},
  },
  lamina.stack "trail_bump" {
    lamina.mmap { size = "64 KiB" },
    lamina.bump {},
    lamina.trail { entries = 1, failures = true },
    lamina.statistics {},
  },
  lamina.stack "trail_static" {
    instance = "static",
    on_corruption = "callback",
    lamina.static {},
    lamina.slab { slot = 32, count = 50, free_map = "byte" },
    lamina.trail {},
  },
  lamina.stack "trail_owned" {
    lamina.mmap {},
    lamina.slab { slot = 32, count = 100 },
    lamina.owner {},
    lamina.trail { failures = true },
  },
}
