local lamina = require "lamina"
local sizes = require "sizes"

return {
  lamina.stack "word_nodes" {
    brief = "One node for each distinct word.",
    lamina.mmap {},
    lamina.slab { slot = 32, count = sizes.words },
  },
  lamina.stack "word_text" {
    brief = "The letters of the words, end to end.",
    lamina.mmap { reserve = "1 MiB", commit = "lazy" },
    lamina.bump { min_align = 1 },
  },
}
