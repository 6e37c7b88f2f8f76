-- lamina generate --dry-run tests/negative/contradictions_of_huge_pages.lua
-- Explicit huge pages are mapped whole.
local lamina = require "lamina"

return {
  lamina.stack "lazy" { lamina.mmap { reserve = "1 GiB", commit = "lazy", huge_pages = "2M" }, lamina.slab { slot = 64 } },
  lamina.stack "guarded" { lamina.mmap { huge_pages = "2M", guard_at_end = true }, lamina.guard {}, lamina.slab { slot = 64, count = 64 } },
  lamina.stack "unreserved" { lamina.mmap { huge_pages = "1G", noreserve = true }, lamina.slab { slot = 64, count = 64 } },
}
