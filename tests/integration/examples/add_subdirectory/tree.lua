local lamina = require "lamina"

return lamina.stack "tree" {
  brief = "The syntax tree of one line; reset before the next.",
  lamina.static { bytes = "16 KiB" },
  lamina.bump {},
}
