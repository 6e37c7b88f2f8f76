-- lamina generate --dry-run --target linux-s390x tests/negative/no_such_huge_pages.lua
-- The huge pages of s390x have other sizes.
local lamina = require "lamina"

return lamina.stack "pool" {
  lamina.mmap { huge_pages = "2M" },
  lamina.slab { slot = 64, count = 1024 },
}
