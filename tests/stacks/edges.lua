-- The smallest and the oddest that a spec allows: few slots, single bytes, granules as large as a page, sources that give
-- back early, and what only one parameter brings.
local lamina = require "lamina"

local stacks = {}
local function add(name, options, ...)
  local all = { brief = "an edge of the test matrix", ... }
  for key, value in pairs(options) do all[key] = value end
  stacks[#stacks + 1] = lamina.stack("t_" .. name)(all)
end

-- A policy that the system may refuse, over memory that is there at once and over memory that comes in steps.
local policies = {
  bind = { 0 }, preferred = { 0 }, preferred_many = { 0 }, interleave = { 0 }, weighted_interleave = { 0 }, ["local"] = true,
}
for _, policy in ipairs { "bind", "preferred", "preferred_many", "interleave", "weighted_interleave", "local" } do
  for _, commit in ipairs { "lazy", "eager" } do
    local lazy = commit == "lazy"
    add("optional_" .. policy .. "_" .. commit, {},
      lamina.mmap { reserve = lazy and "1 MiB" or nil, size = not lazy and "1 MiB" or nil, commit = commit },
      lamina.numa { [policy] = policies[policy], optional = true }, lamina.slab { slot = 64 })
  end
end
-- Policies that must hold; weighted_interleave needs a kernel of 2024, so it stands above, where it may be refused.
add("numa_preferred_many", {}, lamina.mmap {}, lamina.numa { preferred_many = { 0 } }, lamina.slab { slot = 64, count = 100 })

-- Both branches ask, and each tells what it got.
add("optional_both", {}, lamina.fallback {
  primary = { lamina.mmap {}, lamina.numa { bind = { 0 }, optional = true }, lamina.slab { slot = 64, count = 64 } },
  secondary = { lamina.mmap {}, lamina.numa { preferred = { 0 }, optional = true }, lamina.slab { slot = 64, count = 64 } } })

-- Slabs of fewer slots than a test would like.
for _, count in ipairs { 1, 2, 3, 4, 7 } do
  add("few_" .. count, {}, lamina.mmap {}, lamina.slab { slot = 64, count = count })
  add("few_fifo_" .. count, {}, lamina.mmap {},
    lamina.slab { slot = 64, count = count, order = "fifo", link = "masked", free_map = "byte" })
  add("few_watched_" .. count, {}, lamina.mmap {}, lamina.slab { payload = 40, align = 8, count = count, free_map = "bitmap" },
    lamina.canary { size = 8 }, lamina.poison {}, lamina.statistics {})
end
for _, count in ipairs { 1, 2 } do
  for _, order in ipairs { "random", "address" } do
    add("few_" .. order .. "_" .. count, {}, lamina.mmap {}, lamina.slab { slot = 64, count = count, order = order })
  end
  add("few_signed_" .. count, {}, lamina.mmap {}, lamina.split_metadata {},
    lamina.slab { slot = 64, count = count, link = "mac", free_map = "byte" }, lamina.zeroize {})
  add("few_callback_" .. count, { on_corruption = "callback" }, lamina.static { place = "handle" },
    lamina.slab { slot = 64, count = count, free_map = "byte" }, lamina.canary {})
  add("few_held_" .. count + 1, {}, lamina.mmap {}, lamina.slab { slot = 64, count = count + 1 }, lamina.quarantine { count = count })
  add("few_guarded_" .. count, {}, lamina.mmap {}, lamina.guard { every = 1 }, lamina.slab { slot = 64, count = count })
  add("few_mutex_" .. count, {}, lamina.mmap {}, lamina.slab { slot = 64, count = count },
    lamina.watermark { levels = { 1 }, edge = "both" }, lamina.mutex {})
  add("few_owner_" .. count, {}, lamina.mmap {}, lamina.slab { slot = 64, count = count }, lamina.owner {})
  add("few_fallback_" .. count, {}, lamina.fallback {
    primary = { lamina.mmap {}, lamina.slab { slot = 64, count = count } }, secondary = { lamina.system {} } })
end
-- Slots of one byte: the next address is the next slot.
add("byte_slots", {}, lamina.mmap {}, lamina.split_metadata {}, lamina.slab { slot = 1, count = 100, link = "mac" })
add("byte_slots_random", {}, lamina.static { place = "handle" }, lamina.slab { slot = 1, count = 100, order = "random" })
add("odd_slots", {}, lamina.mmap {}, lamina.slab { slot = 65535, count = 10, order = "random", free_map = "bitmap" })

add("page_slots_signed", {}, lamina.mmap {}, lamina.split_metadata {}, lamina.slab { slot = 4096, count = 10, link = "mac" })
-- Secrets of a stack that has one instance.
add("static_signed", { instance = "static" }, lamina.mmap {}, lamina.split_metadata {},
  lamina.slab { payload = 64, align = 8, count = 64, link = "mac" }, lamina.canary {})

-- Two instances of a stack of which one branch lies in the image.
add("fallback_image", {}, lamina.fallback {
  primary = { lamina.static {}, lamina.slab { payload = 64, align = 8, count = 16 }, lamina.canary {}, lamina.poison {} },
  secondary = { lamina.mmap {}, lamina.slab { payload = 64, align = 8, count = 64, free_map = "byte" }, lamina.canary {} } })
add("fallback_image_second", {}, lamina.fallback {
  primary = { lamina.mmap {}, lamina.slab { payload = 64, align = 8, count = 16 }, lamina.canary {} },
  secondary = { lamina.static {}, lamina.slab { payload = 64, align = 8, count = 64, link = "masked" }, lamina.canary {} } })
add("fallback_image_system", {}, lamina.fallback {
  primary = { lamina.static {}, lamina.slab { payload = 60, align = 4, count = 4 }, lamina.canary {} },
  secondary = { lamina.system {} } })

-- Bumps that wipe what they give back at once.
for _, limit in ipairs { 0, 1 } do
  add("wiped_limit_" .. limit, {}, lamina.mmap { reserve = "1 MiB", commit = "lazy" },
    lamina.bump { reset = "limit", limit = limit }, lamina.zeroize {})
end
add("wiped_free_all", {}, lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.bump { reset = "free_all" },
  lamina.zeroize {}, lamina.poison { on_alloc = 0xA1 })
add("wiped_free_all_eager", {}, lamina.mmap { size = "1 MiB" }, lamina.bump { reset = "free_all" }, lamina.zeroize {})
add("wiped_guarded", {}, lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.guard {}, lamina.bump { reset = "free_all" }, lamina.zeroize {})
add("wiped_release", {}, lamina.mmap { reserve = "1 MiB", commit = "lazy" },
  lamina.slab { slot = 128, count = 64, growth = "release_empty" }, lamina.zeroize {})
-- Bumps of a byte, and with granules of more than a test's blocks.
add("bump_byte", {}, lamina.static { bytes = 1 }, lamina.bump { min_align = 1 })
add("bump_bytes", {}, lamina.static { bytes = 100, place = "handle" }, lamina.bump { min_align = 1 })
add("bump_granule", {}, lamina.static { bytes = 64 }, lamina.bump { min_align = 64 })
add("bump_granules_256", {}, lamina.mmap { size = "1 MiB" }, lamina.bump { min_align = 256 })
add("bump_granules_4096", {}, lamina.mmap { reserve = 70000, commit = "lazy" }, lamina.bump { min_align = 4096 })
add("bump_small_range", {}, lamina.mmap { reserve = "16 KiB", commit = "lazy" }, lamina.bump { growth = "double", reset = "free_all" })
add("bump_odd_range", {}, lamina.mmap { reserve = "100 KiB", commit = "lazy", step = "64 KiB" }, lamina.bump { chunk = 1 })

-- Locked memory under each kind of store, in both places of a fall-back, with what is asked of the system and what is only
-- preferred. Small, as a process may lock little.
add("locked_slab", {}, lamina.locked {}, lamina.slab { slot = 64, count = 200, free_map = "bitmap", link = "masked" },
  lamina.canary {}, lamina.quarantine { count = 8 }, lamina.poison {}, lamina.statistics {})
add("locked_bump", {}, lamina.locked { size = "16 KiB" }, lamina.bump {}, lamina.zeroize {})
add("locked_random", {}, lamina.locked { size = 10000 }, lamina.slab { slot = 48, align = 16, order = "random" },
  lamina.zeroize { on_free = true, on_destroy = false }, lamina.mutex {})
add("locked_required", {}, lamina.locked { size = "16 KiB", no_dump = "required", no_fork = "required", secret = "required" },
  lamina.slab { slot = 32, order = "fifo", free_map = "byte" }, lamina.owner {})
add("locked_preferred", { on_corruption = "callback" },
  lamina.locked { no_dump = "preferred", no_fork = "preferred", secret = "preferred" },
  lamina.slab { slot = 64, count = 64, free_map = "byte" }, lamina.poison { verify = true })
add("locked_static", { instance = "static" }, lamina.locked {}, lamina.slab { payload = 24, align = 8, count = 100 })
add("locked_first", {}, lamina.fallback {
  primary = { lamina.locked {}, lamina.slab { payload = 64, align = 8, count = 16 } }, secondary = { lamina.system {} } })
add("locked_second", {}, lamina.fallback {
  primary = { lamina.static { place = "handle" }, lamina.slab { payload = 64, align = 8, count = 8 } },
  secondary = { lamina.locked {}, lamina.slab { payload = 64, align = 8, count = 64 } } })
add("locked_both", {}, lamina.fallback {
  primary = { lamina.locked {}, lamina.slab { payload = 64, align = 8, count = 16 } },
  secondary = { lamina.locked {}, lamina.slab { payload = 64, align = 8, count = 64 }, lamina.zeroize {} } })

-- A range far larger than the slots in it.
add("range_to_spare", {}, lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.slab { slot = 32, count = 64 })

-- Handlers that the spec names.
add("handler_rising", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 },
  lamina.watermark { levels = { 3, 10, "50 %" }, handler = "t_handler_rising_told" })
add("handler_both", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 },
  lamina.watermark { levels = { 3, 10 }, edge = "both", handler = "t_handler_both_told" }, lamina.mutex {})
add("handler_bytes", {}, lamina.mmap { size = "64 KiB" }, lamina.bump {},
  lamina.watermark { levels = { 1000, "50 %" }, edge = "both", handler = "t_handler_bytes_told" })

-- What no other stack of the matrix asks for.
add("large_pages", { page_size = 65536 }, lamina.mmap {}, lamina.slab { payload = 1, count = 8, align = 4096 })
add("large_pages_lazy", { page_size = 16384 }, lamina.mmap { reserve = "1 MiB", commit = "lazy" }, lamina.guard {}, lamina.slab { slot = 64 })
add("real_time", { real_time = true }, lamina.mmap { populate = true }, lamina.slab { slot = 64, count = 100, free_map = "bitmap" },
  lamina.poison {}, lamina.statistics {})
add("freestanding", { target = "freestanding" }, lamina.caller {}, lamina.slab { slot = 48, count = 50, free_map = "byte" },
  lamina.statistics {})
add("freestanding_bump", { target = "freestanding" }, lamina.caller { align = 8 }, lamina.bump { min_align = 8 })
add("noreserve", {}, lamina.mmap { noreserve = true }, lamina.slab { slot = 64, count = 256 })
add("huge_1g_fallback", {}, lamina.mmap { huge_pages = "1G", huge_fallback = true }, lamina.slab { slot = 4096, count = 100 })
add("fault_always", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.fault { mode = "always" }, lamina.statistics {})
add("fault_after", {}, lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.fault { mode = "after", n = 5 })
add("guard_behind", {}, lamina.mmap {}, lamina.guard { head = false }, lamina.slab { slot = 64, count = 100 }, lamina.poison { verify = true })
add("zeroize_free", {}, lamina.static { place = "handle" }, lamina.slab { slot = 64, count = 60 },
  lamina.zeroize { on_free = true, on_destroy = false })

return stacks
