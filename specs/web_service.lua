-- A web server: what one request needs, and the connections.
local lamina = require "lamina"

local request = lamina.stack "web_request" {
  brief = "what one request allocates, freed when it is answered",
  budget = { alloc = 6, pair = 9 },

  lamina.mmap { reserve = "16 MiB", commit = "lazy" },
  lamina.bump { chunk = "64 KiB", growth = "double", reset = "limit", limit = "256 KiB" },
}

local connections = lamina.stack "web_connections" {
  brief = "connections: 1,024 in a slab, more from the system's heap",
  budget = { alloc = 6, free = 9, pair = 17 },

  lamina.fallback {
    primary = { lamina.mmap {}, lamina.slab { slot = 256, count = 1024 } },
    secondary = { lamina.system {} },
  },
}

return { request, connections }
