-- lamina generate --dry-run tests/negative/guessed_beside_another.lua
-- Misspelt layers beside what they would be one too many of: only the words are told.
local lamina = require "lamina"

return {
  lamina.stack "stores" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.slabb { slot = 64 } },
  lamina.stack "sources" { lamina.mmapp {}, lamina.mmap {}, lamina.slab { slot = 64, count = 8 } },
  lamina.stack "whole" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.systemm {} },
  lamina.stack "access" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.mutex {}, lamina.singel {} },
  lamina.stack "blocks" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.poisson {}, lamina.poison {} },
  lamina.stack "observers" { lamina.mmap {}, lamina.slab { slot = 64, count = 8 }, lamina.statistcs {}, lamina.statistics {} },
  lamina.stack "guesses" { lamina.mmap {}, lamina.slabb { slot = 64, count = 8 }, lamina.slaab { slot = 64 } },
}
