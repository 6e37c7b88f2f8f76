-- Every order, link, free map, growth and source that a slab can have, as far as they go together.
local lamina = require "lamina"

local stacks = {}
local function add(name, ...)
  local layers = { ... }
  layers.brief = "a slab of the test matrix"
  stacks[#stacks + 1] = lamina.stack("t_" .. name)(layers)
end

for _, order in ipairs { "lifo", "fifo" } do
  for _, link in ipairs { "plain", "masked", "mac" } do
    for _, map in ipairs { "none", "bitmap", "byte" } do
      add(table.concat({ order, link, map }, "_"), lamina.mmap {},
        lamina.slab { slot = 48, count = 300, order = order, link = link, free_map = map })
    end
  end
end
for _, order in ipairs { "random", "address" } do
  add(order, lamina.mmap {}, lamina.slab { slot = 40, count = 5000, order = order })
  add(order .. "_static", lamina.static { place = "handle" }, lamina.slab { slot = 8, count = 70, order = order })
end
add("random_bitmap", lamina.mmap {}, lamina.slab { slot = 24, count = 500, order = "random", free_map = "bitmap" })
add("random_byte", lamina.mmap {}, lamina.slab { slot = 24, count = 500, order = "random", free_map = "byte" })
for _, order in ipairs { "lifo", "fifo", "random", "address" } do
  add("split_" .. order, lamina.mmap {}, lamina.split_metadata {},
    lamina.slab { slot = 24, count = 500, order = order, link = (order == "lifo" or order == "fifo") and "mac" or nil,
                  free_map = order == "address" and "none" or "bitmap" })
end

add("lazy_fixed", lamina.mmap { commit = "lazy", step = "8 KiB" }, lamina.slab { slot = 96, count = 1000, free_map = "bitmap" })
add("lazy_extend", lamina.mmap { reserve = "1 MiB", commit = "lazy", step = "4 KiB" },
  lamina.slab { slot = 80, count = 64, growth = "extend" })
add("lazy_extend_fifo", lamina.mmap { reserve = "256 KiB", commit = "lazy", step = "4 KiB" },
  lamina.slab { slot = 80, count = 64, growth = "extend", order = "fifo", link = "mac", free_map = "byte" })
for _, link in ipairs { "plain", "masked" } do
  for _, map in ipairs { "none", "bitmap" } do
    add("release_" .. link .. "_" .. map, lamina.mmap { reserve = "1 MiB", commit = "lazy", step = "4 KiB" },
      lamina.slab { slot = 128, count = 64, growth = "release_empty", link = link, free_map = map })
  end
end
add("release_poison", lamina.mmap { reserve = "512 KiB", commit = "lazy" },
  lamina.slab { slot = 256, count = 16, growth = "release_empty", align = 8 }, lamina.canary {}, lamina.poison {})

add("static_image", lamina.static { align = 64 }, lamina.slab { slot = 64, count = 100, align = 64, free_map = "byte" })
add("static_bytes", lamina.static { bytes = 4096, place = "handle" }, lamina.slab { slot = 40, free_map = "bitmap" })
add("caller_fixed", lamina.caller {}, lamina.slab { slot = 48, count = 50, free_map = "bitmap" })
add("caller_any", lamina.caller { align = 64 }, lamina.slab { slot = 64, align = 64 })
add("caller_any_map", lamina.caller {}, lamina.slab { slot = 24, free_map = "byte" })
add("caller_any_bitmap", lamina.caller {}, lamina.slab { slot = 40, free_map = "bitmap", order = "fifo" })

add("guard_ends", lamina.mmap {}, lamina.guard {}, lamina.slab { slot = 512, count = 80, align = 16 })
add("guard_every", lamina.mmap {}, lamina.guard { every = 3 }, lamina.slab { slot = 1000, count = 50, align = 8 })
add("guard_every_lazy", lamina.mmap { commit = "lazy" }, lamina.guard { every = 10 },
  lamina.slab { slot = 768, count = 95, free_map = "bitmap" })
add("guard_every_masked", lamina.mmap {}, lamina.guard { every = 8, tail = false },
  lamina.slab { slot = 256, count = 64, link = "masked" })
add("guard_random", lamina.mmap {}, lamina.guard { random = 16 }, lamina.slab { slot = 64, count = 200 })
add("guard_lazy", lamina.mmap { reserve = "256 KiB", commit = "lazy" }, lamina.guard {}, lamina.slab { slot = 64 })
add("guard_random_order", lamina.mmap {}, lamina.guard { every = 4 }, lamina.slab { slot = 96, count = 40, order = "random" })
add("guard_address", lamina.mmap {}, lamina.guard { every = 4 }, lamina.slab { slot = 96, count = 40, order = "address" })

add("populate", lamina.mmap { populate = true, guard_at_end = true, name = "lamina matrix" }, lamina.slab { slot = 64, count = 256 })
add("noreserve_guard", lamina.mmap { guard_at_end = true }, lamina.guard {}, lamina.slab { slot = 64, count = 256 })
add("huge_transparent", lamina.mmap { huge_pages = "transparent" }, lamina.slab { slot = 4096, count = 100 })
add("huge_lazy", lamina.mmap { reserve = "4 MiB", commit = "lazy", huge_pages = "transparent" }, lamina.slab { slot = 4096 })
add("huge_2m_fallback", lamina.mmap { huge_pages = "2M", huge_fallback = true }, lamina.slab { slot = 4096, count = 100 })
add("numa_local", lamina.mmap {}, lamina.numa { ["local"] = true, optional = true }, lamina.slab { slot = 64, count = 100 })
add("numa_interleave", lamina.mmap { commit = "lazy" }, lamina.numa { interleave = { 0 } }, lamina.slab { slot = 64, count = 100 })
add("numa_preferred", lamina.mmap {}, lamina.numa { preferred = { 0 } }, lamina.slab { slot = 64, count = 100 })

for _, size in ipairs { 1, 3, 8, 12, 24 } do
  for _, place in ipairs { "before", "after", "both" } do
    add("canary_" .. place .. "_" .. size, lamina.mmap {}, lamina.slab { payload = 40, align = 8, count = 120 },
      lamina.canary { place = place, size = size, secret = size % 2 == 0 and "slot" or "process" })
  end
end
add("poison_word", lamina.mmap {}, lamina.slab { slot = 52, align = 4, count = 100 }, lamina.poison { on_free = 0xDEADBEEFCAFEF00D })
add("poison_alloc", lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.poison { on_alloc = 0xCD, on_free = false })
add("poison_both", lamina.mmap {}, lamina.slab { slot = 20, align = 4, count = 100 }, lamina.poison { on_alloc = 0xCD, on_free = 0xDD })
add("poison_unverified", lamina.mmap {}, lamina.slab { slot = 64, count = 100 }, lamina.poison { verify = false })
add("poison_large", lamina.mmap {}, lamina.slab { slot = 2000, count = 30 }, lamina.poison { on_free = 0x77 })
add("zeroize_all", lamina.static { place = "handle" }, lamina.slab { slot = 64, count = 60 }, lamina.zeroize {})
add("zeroize_destroy", lamina.static { place = "handle" }, lamina.slab { slot = 64, count = 60 }, lamina.zeroize { on_free = false, on_reset = false })
add("quarantine_fifo_5", lamina.mmap {}, lamina.slab { slot = 64, count = 60 }, lamina.quarantine { count = 5 })
add("quarantine_bytes", lamina.mmap {}, lamina.slab { slot = 64, count = 60, free_map = "bitmap" }, lamina.quarantine { bytes = 1024 })
add("quarantine_random", lamina.mmap {}, lamina.slab { slot = 64, count = 60 }, lamina.quarantine { count = 8, order = "random" })
add("quarantine_poison", lamina.mmap {}, lamina.slab { slot = 64, count = 60, free_map = "byte" }, lamina.quarantine { count = 8 }, lamina.poison {})
add("quarantine_mac", lamina.mmap {}, lamina.split_metadata {}, lamina.slab { slot = 64, count = 60, link = "mac", free_map = "bitmap" },
  lamina.canary {}, lamina.quarantine { count = 8, order = "random" }, lamina.zeroize {})
add("everything", lamina.mmap { commit = "lazy" }, lamina.numa { bind = { 0 } }, lamina.guard { every = 16 }, lamina.split_metadata {},
  lamina.slab { payload = 100, align = 4, count = 200, link = "mac", free_map = "byte" },
  lamina.canary { size = 4 }, lamina.quarantine { count = 7 }, lamina.poison { on_free = 0x5A, on_alloc = 0xA5 },
  lamina.fault {}, lamina.watermark { levels = { 10, 20, "50 %" } }, lamina.statistics {}, lamina.mutex {})

return stacks
