-- LAMINA_LAYERS=tests/negative/layers lamina generate --dry-run tests/negative/cannot_commit_in_steps.lua
-- A store, from another folder of layers, that can't commit as it goes.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { reserve = "1 MiB", commit = "lazy" },
  lamina.tape {},
}
