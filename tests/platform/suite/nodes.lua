-- Stacks whose pages the machine of two nodes is asked about, beside numa_slab.
local lamina = require "lamina"

local function nodes(name, policy, map)
  return lamina.stack(name) {
    brief = "objects of 4,096 bytes on memory nodes",
    lamina.mmap(map or {}),
    lamina.numa(policy),
    lamina.slab { slot = 4096, count = 512 },
  }
end

return {
  nodes("on_second", { bind = { 1 } }),
  nodes("on_both", { interleave = { 0, 1 } }),
  nodes("on_preferred", { preferred = { 1 } }),
  nodes("on_many", { preferred_many = { 1 } }),
  nodes("on_many_both", { preferred_many = { 0, 1 } }),
  nodes("on_local", { ["local"] = true }),
  nodes("on_weighted", { weighted_interleave = { 0, 1 } }),
  nodes("on_missing", { bind = { 5 } }),
  nodes("on_missing_optional", { bind = { 0, 5 }, optional = true }),
  nodes("in_huge_pages", { bind = { 1 } }, { huge_pages = "2M" }),
}
