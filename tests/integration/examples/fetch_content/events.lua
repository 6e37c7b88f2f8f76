local lamina = require "lamina"

return lamina.stack "events" {
  brief = "What is going to happen in the bank, one slot an event.",
  lamina.static {},
  lamina.slab { slot = 32, count = 256, free_map = "bitmap" },
  lamina.poison { on_free = 0xDE },
}
