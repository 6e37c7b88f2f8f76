local lamina = require "lamina"

return lamina.stack "timers" {
  brief = "The pending timers of a controller.",
  lamina.static {},
  lamina.slab { slot = 32, count = 16 },
}
