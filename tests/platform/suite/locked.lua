-- A stack in locked memory, beside the examples, for every platform that can lock pages. What only some of them can do is
-- preferred: what each property does where it is there, and that it is refused elsewhere, part_secret.c shows.
local lamina = require "lamina"

return lamina.stack "key_store" {
  brief = "keys of 32 bytes in locked memory",
  lamina.locked { no_dump = "preferred", no_fork = "preferred" },
  lamina.slab { payload = 32, count = 200, free_map = "bitmap" },
  lamina.canary {},
  lamina.zeroize {},
}
