-- lamina generate --dry-run tests/negative/missing_count_at_run_time.lua
-- An order that needs a count, over a buffer whose size shows at run time.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.caller {},
  lamina.slab { slot = 64, order = "address" },
}
