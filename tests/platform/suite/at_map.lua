-- Stacks on a memory node, where that has to be said when the memory is mapped; beside the examples, for Windows.
local lamina = require "lamina"

local function placed(name, map, node)
  return lamina.stack(name) {
    brief = "objects of 64 bytes, preferably on one memory node",
    lamina.mmap(map),
    lamina.numa { preferred = { node } },
    lamina.poison { on_free = 0xDE },
    lamina.slab { slot = 64, count = 1000 },
  }
end

return {
  placed("placed_as_committed", { commit = "lazy" }, 0),
  placed("placed_at_once", {}, 0),
  placed("placed_nowhere", {}, 63),
}
