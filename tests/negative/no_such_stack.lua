-- lamina generate --dry-run --stack conections tests/negative/no_such_stack.lua
-- The command line asks for a stack that the file does not have.
local lamina = require "lamina"

return lamina.stack "connections" {
  lamina.mmap {},
  lamina.slab { slot = 64, count = 1024 },
}
