-- A command line tool that runs once: allocate upwards, free nothing, exit.
local lamina = require "lamina"

return lamina.stack "cli_batch" {
  brief = "everything that one run of a command line tool allocates",
  instance = "static",
  budget = { alloc = 6, pair = 9 },

  lamina.static { bytes = "64 KiB" },
  lamina.bump { min_align = 16 },
}
