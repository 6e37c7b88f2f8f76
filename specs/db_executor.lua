-- A database executor: scratch memory for a query, pages, and audit records that nobody may forge.
local lamina = require "lamina"

local scratch = lamina.stack "db_scratch" {
  brief = "scratch memory of one query",
  budget = { alloc = 6, pair = 9 },

  lamina.mmap { reserve = "64 MiB", commit = "lazy", step = "1 MiB" },
  lamina.bump { chunk = "1 MiB", reset = "free_all" },
}

local pages = lamina.stack "db_pages" {
  brief = "64 database pages of 8 KiB",
  budget = { alloc = 6, free = 9, pair = 17 },

  lamina.mmap {},
  lamina.slab { slot = "8 KiB", align = "4 KiB", count = 64 },
}

local audit = lamina.stack "db_audit" {
  brief = "audit records between guard pages, with signed links, canaries and no remains",
  budget = { alloc = 158, free = 170, pair = 336 },

  lamina.mmap {},
  lamina.guard { every = 32 },
  lamina.split_metadata {},
  lamina.slab { payload = 112, align = 8, count = 1024, link = "mac", free_map = "bitmap" },
  lamina.canary { place = "both", size = 8, secret = "slot" },
  lamina.zeroize {},
}

return { scratch, pages, audit }
