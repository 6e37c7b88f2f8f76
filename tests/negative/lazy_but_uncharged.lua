-- lamina generate --dry-run tests/negative/lazy_but_uncharged.lua
-- A lazy commit is charged step by step, or not at all: not both.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "64 MiB", commit = "lazy", noreserve = true },
  lamina.slab { slot = 64 },
}
