local lamina = require "lamina"

return lamina.stack "cache_entry" {
  brief = "The entries of the cache; as many as it may hold.",
  lamina.static {},
  lamina.slab { slot = 64, count = 8 },
}
