-- Bumps, accesses, observers, combinators and stack options of every kind.
local lamina = require "lamina"

local stacks = {}
local function add(name, options, ...)
  local all = { brief = "a stack of the test matrix", ... }
  for key, value in pairs(options) do all[key] = value end
  stacks[#stacks + 1] = lamina.stack("t_" .. name)(all)
end

for _, growth in ipairs { "fixed", "double" } do
  for _, reset in ipairs { "free_all", "retain", "limit" } do
    add("bump_" .. growth .. "_" .. reset, {}, lamina.mmap { reserve = "1 MiB", commit = "lazy", step = "4 KiB" },
      lamina.bump { chunk = "8 KiB", growth = growth, reset = reset, limit = reset == "limit" and "16 KiB" or nil })
  end
end
add("bump_eager", {}, lamina.mmap { size = "128 KiB" }, lamina.bump { reset = "free_all" })
add("bump_eager_limit", {}, lamina.mmap { size = "128 KiB" }, lamina.bump { reset = "limit", limit = "32 KiB", min_align = 1 })
add("bump_guard", {}, lamina.mmap { size = "128 KiB" }, lamina.guard {}, lamina.bump { min_align = 8 })
add("bump_guard_lazy", {}, lamina.mmap { reserve = "256 KiB", commit = "lazy" }, lamina.guard { random = 3 }, lamina.bump { chunk = "4 KiB" })
add("bump_static", {}, lamina.static { bytes = 5000, place = "handle" }, lamina.bump { min_align = 32 })
add("bump_caller", {}, lamina.caller {}, lamina.bump { min_align = 4 })
add("bump_plain", {}, lamina.mmap { size = "64 KiB" }, lamina.bump { checkpoints = false, grow_last = false })
add("bump_poison", {}, lamina.mmap { size = "64 KiB" }, lamina.bump {}, lamina.poison { on_alloc = 0xA1, on_free = 0xDD })
add("bump_zeroize", {}, lamina.static { bytes = 4096, place = "handle" }, lamina.bump {}, lamina.zeroize {})
add("bump_observed", {}, lamina.mmap { reserve = "256 KiB", commit = "lazy" }, lamina.bump { chunk = "4 KiB" },
  lamina.fault { mode = "size", n = 512 }, lamina.watermark { levels = { 1000, "50 %" } }, lamina.statistics {})
add("bump_mutex", {}, lamina.mmap { size = "64 KiB" }, lamina.bump {}, lamina.statistics { mode = "relaxed" }, lamina.mutex {})

add("static_slab", { instance = "static" }, lamina.mmap {}, lamina.slab { slot = 64, count = 128, free_map = "bitmap" }, lamina.statistics {})
add("static_mutex", { instance = "static" }, lamina.mmap { commit = "lazy" }, lamina.slab { slot = 64, count = 128 },
  lamina.watermark { levels = { 5, 10 }, edge = "both" }, lamina.mutex {})
add("static_owner", { instance = "static" }, lamina.mmap {}, lamina.slab { slot = 64, count = 128 }, lamina.owner {})
add("unchecked", { checks = "none" }, lamina.mmap {}, lamina.slab { slot = 64, count = 128 }, lamina.quarantine { count = 4 }, lamina.statistics {})
add("unchecked_poison", { checks = "none" }, lamina.mmap {}, lamina.slab { slot = 64, align = 8, count = 128, link = "mac" }, lamina.poison {})

for _, link in ipairs { "plain", "masked", "mac" } do
  add("callback_" .. link, { on_corruption = "callback" }, lamina.mmap {},
    lamina.slab { slot = 96, align = 8, count = 100, link = link, free_map = "bitmap" }, lamina.canary {}, lamina.poison {})
end
add("callback_quarantine", { on_corruption = "callback" }, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.quarantine { count = 6 },
  lamina.statistics {}, lamina.mutex {})
add("callback_counted", { on_corruption = "callback" }, lamina.mmap {}, lamina.slab { slot = 64, count = 100, link = "masked" }, lamina.poison {},
  lamina.watermark { levels = { 50 } }, lamina.statistics {})
add("callback_static", { on_corruption = "callback", instance = "static" }, lamina.mmap {}, lamina.slab { slot = 64, count = 100, free_map = "byte" })

add("single", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.single {})
add("mutex", {}, lamina.mmap { commit = "lazy", step = "4 KiB" }, lamina.slab { slot = 64, count = 1000, free_map = "bitmap" }, lamina.poison {}, lamina.statistics {}, lamina.mutex {})
add("mutex_relaxed_outside", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 500 }, lamina.mutex {}, lamina.statistics { mode = "relaxed" })
add("mutex_sharded_outside", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 500 }, lamina.mutex {}, lamina.statistics { mode = "sharded", shards = 4 })
add("owner_intrusive", {}, lamina.mmap {}, lamina.slab { slot = 32, count = 500, free_map = "bitmap" }, lamina.poison {}, lamina.owner {}, lamina.statistics {})
add("owner_bounded", {}, lamina.mmap { commit = "lazy" }, lamina.slab { slot = 32, count = 500 }, lamina.owner { queue = "bounded", capacity = 16, batch = 4 })
add("owner_hardened", {}, lamina.mmap {}, lamina.split_metadata {}, lamina.slab { payload = 64, align = 8, count = 300, link = "mac", free_map = "byte" },
  lamina.canary {}, lamina.quarantine { count = 5 }, lamina.zeroize {}, lamina.owner {})
add("owner_random", {}, lamina.mmap {}, lamina.slab { slot = 32, count = 300, order = "random" }, lamina.owner {})
add("owner_outside", {}, lamina.mmap {}, lamina.split_metadata {}, lamina.slab { slot = 64, align = 8, count = 300, link = "mac" }, lamina.owner {})
add("owner_callback", { on_corruption = "callback" }, lamina.mmap {}, lamina.slab { slot = 32, count = 300, order = "address" }, lamina.owner {})
add("owner_scrubbed", { on_corruption = "callback" }, lamina.mmap {}, lamina.slab { slot = 32, count = 300 }, lamina.zeroize {}, lamina.owner {})
add("owner_unchecked", { checks = "none" }, lamina.mmap {}, lamina.slab { slot = 32, count = 300 }, lamina.owner {})

add("statistics_fault", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.fault { mode = "every", n = 3 }, lamina.statistics {})
add("fault_seed", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.fault { mode = "seed", n = 5, seed = 42 })
add("watermark_rising", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.watermark { levels = { 1, 50, "100 %" } })

add("fallback_system", {}, lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 32 } }, secondary = { lamina.system {} } }, lamina.statistics {})
add("fallback_hardened", {}, lamina.fallback {
  primary = { lamina.mmap {}, lamina.slab { payload = 64, align = 16, count = 32, free_map = "bitmap" }, lamina.canary {}, lamina.zeroize {} },
  secondary = { lamina.system {} } }, lamina.mutex {})
add("fallback_slabs", {}, lamina.fallback {
  primary = { lamina.static { place = "handle" }, lamina.slab { slot = 64, count = 16 } },
  secondary = { lamina.mmap { commit = "lazy" }, lamina.slab { slot = 64, count = 512, free_map = "byte" } } })
add("fallback_guarded", {}, lamina.fallback {
  primary = { lamina.mmap {}, lamina.slab { payload = 64, align = 8, count = 16, link = "mac" }, lamina.canary {}, lamina.poison {} },
  secondary = { lamina.mmap {}, lamina.guard { every = 8 }, lamina.slab { payload = 64, align = 8, count = 64, free_map = "bitmap" }, lamina.canary {}, lamina.poison {} } })
add("fallback_second", {}, lamina.fallback {
  primary = { lamina.static { place = "handle" }, lamina.slab { slot = 64, align = 8, count = 16 } },
  secondary = { lamina.mmap { guard_at_end = true }, lamina.split_metadata {}, lamina.slab { payload = 64, align = 8, count = 64, free_map = "byte" }, lamina.canary {}, lamina.poison {} } })
add("fallback_bump", {}, lamina.fallback { primary = { lamina.static { bytes = 1024, place = "handle" }, lamina.bump {} }, secondary = { lamina.system {} } }, lamina.statistics {})
add("fallback_fault", {}, lamina.fallback { primary = { lamina.mmap {}, lamina.slab { slot = 64, count = 8 } }, secondary = { lamina.system {} } }, lamina.fault {}, lamina.watermark { levels = { 4 } })
add("system_alone", {}, lamina.system {}, lamina.statistics {})

return stacks
