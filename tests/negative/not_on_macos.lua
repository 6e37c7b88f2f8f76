-- lamina generate --dry-run --target macos-x86_64 tests/negative/not_on_macos.lua
-- One node, no huge pages, and every usable page is charged.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { size = "1 MiB", noreserve = true, huge_pages = "transparent" },
  lamina.numa { bind = { 0 } },
  lamina.bump {},
}
