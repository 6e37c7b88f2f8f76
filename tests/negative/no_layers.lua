-- lamina generate --dry-run tests/negative/no_layers.lua
-- A stack without a layer.
local lamina = require "lamina"

return lamina.stack "pool" {
}
