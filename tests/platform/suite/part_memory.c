/* SPDX-License-Identifier: MIT */
/* Reserve, commit, decommit, map, populate, give back. */
#include "suite.h"

#include "lamina/os.h"

static bool all_zero(const unsigned char *at, size_t bytes)
{
    unsigned char seen = 0U;
    for (size_t i = 0; i < bytes; i++) {
        seen |= at[i];
    }
    return seen == 0U;
}

static void pages(void)
{
    const size_t page = lamina_os_page_size();
    const size_t unit = lamina_os_granularity();
    CASE("memory", "the page size and the granularity are powers of two")
    {
        EXPECT(lamina_is_pow2(page) && (page >= 4096U));
        EXPECT(lamina_is_pow2(unit) && (unit >= page));
        EXPECT((lamina_os_page_size() == page) && (lamina_os_granularity() == unit));
    }
    suite_finds_number("memory", "pages of ", page / 1024U, " KiB");
    suite_finds_number("memory", "mappings start at multiples of ", unit / 1024U, " KiB");
}

/* What all that is shown of "nothing stays mapped" rests on. */
static void counting(void)
{
    CASE("memory",
         "what the process has mapped can be read: a page more shows, with its rights, and a page less")
    {
        const host_memory before = host_memory_now();
        void *const p = host_map_page();
        const host_memory with = host_memory_now();
        EXPECT(before.told && with.told && (p != NULL));
        EXPECT(with.bytes[1] > before.bytes[1]); /* it may only be read */
        EXPECT(host_rights(p) == 1);
        host_unmap_page(p);
        EXPECT_MAPPED_AS(before);
    }
}

static void reserving(size_t page)
{
    CASE("memory", "what is reserved faults until it is committed, then reads as zero")
    {
        const host_memory before = host_memory_now();
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_reserve(8U * page);
        EXPECT_ABILITY("pages", p != NULL);
        if (p == NULL) {
            break;
        }
        EXPECT(lamina_is_aligned(p, lamina_os_granularity()));
        EXPECT(host_faults(p, HOST_READ) && host_faults(p + 7U * page, HOST_WRITE));
        EXPECT_WORKS(lamina_os_commit(p + 2U * page, 2U * page));
        EXPECT(host_faults(p + page, HOST_READ) && host_faults(p + 4U * page, HOST_READ));
        EXPECT(all_zero(p + 2U * page, 2U * page));
        (void)memset(p + 2U * page, 0xA5, 2U * page);
        EXPECT_WORKS(lamina_os_commit(p + 2U * page, 3U * page)); /* over what is committed */
        EXPECT((p[2U * page] == 0xA5) && (p[4U * page - 1U] == 0xA5) && (p[4U * page] == 0U));
        EXPECT_WORKS(lamina_os_decommit(p + 3U * page, page));
        EXPECT(host_faults(p + 3U * page, HOST_READ) && (p[2U * page] == 0xA5));
        EXPECT_WORKS(lamina_os_commit(p + 3U * page, page));
        EXPECT(all_zero(p + 3U * page, page));
        EXPECT_WORKS(lamina_os_release(p, 8U * page));
        EXPECT_MAPPED_AS(before);
    }
    CASE("memory", "a range starts at the multiple that was asked for, and nothing beside it stays")
    {
        for (size_t align = 1U; align <= ((size_t)8U << 20U); align *= 8U) {
            const host_memory before = host_memory_now();
            void *const p = lamina_os_reserve_aligned(3U * page, align);
            EXPECT((p != NULL) && lamina_is_aligned(p, align));
            EXPECT((p != NULL) && lamina_os_release(p, 3U * page));
            EXPECT_MAPPED_AS(before);
        }
    }
}

static void mapping(size_t page)
{
    CASE("memory", "mapped memory is zero, writable, and gone when it is released")
    {
        const host_memory before = host_memory_now();
        unsigned char *const p = (unsigned char *)lamina_os_map(3U * page + 1U, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        EXPECT(all_zero(p, 4U * page));
        (void)memset(p, 0x5A, 4U * page);
        EXPECT(p[4U * page - 1U] == 0x5A);
        EXPECT_WORKS(lamina_os_release(p, 3U * page + 1U));
        EXPECT_MAPPED_AS(before);
        EXPECT(host_faults(p, HOST_READ));
    }
    CASE("memory", "populated pages are there when the call returns")
    {
        if (suite_cannot(CANNOT_COUNT)) {
            suite_skip("the emulator imitates pages of this size and counts its host's");
        }
        size_t resident = 0U;
        void *const p = lamina_os_map(16U * page, LAMINA_MAP_POPULATE);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        EXPECT_WORKS(lamina_os_query(p, 16U * page, &resident));
        EXPECT((resident == 16U * page) || suite_cannot(CANNOT_COUNT));
        EXPECT_WORKS(lamina_os_populate(p, 16U * page));
        EXPECT(lamina_os_release(p, 16U * page));
    }
    CASE("memory", "memory without charge is as expected here: mapped, or refused where there is none")
    {
        const host_memory before = host_memory_now();
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        void *const p = lamina_os_map(16U * page, LAMINA_MAP_NORESERVE);
        EXPECT_ABILITY("memory without charge", p != NULL);
        if (p != NULL) {
            EXPECT(all_zero((unsigned char *)p, 16U * page));
            EXPECT(suite_cannot(CANNOT_FLAG) || host_has_flag(p, "nr"));
            EXPECT(lamina_os_release(p, 16U * page));
        }
        EXPECT_MAPPED_AS(before);
        suite_finds("memory", (p != NULL) ? "mapped without charge on demand"
                                          : "usable memory is always charged: asking for other is refused");
    }
}

static void contents(size_t page)
{
    CASE("contents", "what is discarded reads as zero and stays usable")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(4U * page, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        (void)memset(p, 0x77, 4U * page);
        EXPECT_WORKS(lamina_os_discard(p + page, 2U * page));
        EXPECT((p[0] == 0x77) && (p[3U * page] == 0x77));
        EXPECT(all_zero(p + page, 2U * page));
        p[page] = 1U;
        EXPECT(p[page] == 1U);
        EXPECT(lamina_os_release(p, 4U * page));
    }
    CASE("contents", "purged pages hold what is told: zero, or each page zero or as before")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(4U * page, 0U);
        lamina_os_contents told = (lamina_os_contents)77;
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        (void)memset(p, 0x66, 4U * page);
        EXPECT_WORKS(lamina_os_purge(p, 4U * page, &told));
        EXPECT((told == LAMINA_CONTENTS_ZERO) || (told == LAMINA_CONTENTS_UNDEFINED));
        EXPECT_WORKS(lamina_os_reuse(p, 4U * page));
        for (size_t i = 0; i < 4U * page; i++) {
            EXPECT((p[i] == 0U) || ((told == LAMINA_CONTENTS_UNDEFINED) && (p[i] == 0x66)));
        }
        (void)memset(p, 0x55, 4U * page);
        EXPECT((p[0] == 0x55) && (p[4U * page - 1U] == 0x55));
        EXPECT(lamina_os_release(p, 4U * page));
        suite_finds("contents", (told == LAMINA_CONTENTS_ZERO) ? "purged pages read as zero"
                                                               : "purged pages read as zero or as before");
    }
}

static void names_and_heap(size_t page)
{
    CASE("names", "a name shows where the kernel has names; elsewhere none is taken, and that is no error")
    {
        void *const p = lamina_os_map(page, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        const bool named = lamina_os_name(p, page, "lamina suite");
        EXPECT(named == (suite_expected("names of mappings") == 0));
        EXPECT(lamina_last_os_error() == SUITE_UNTOUCHED);
        EXPECT(!named || host_has_name(p, "[anon:lamina suite]"));
        EXPECT_REFUSED(lamina_os_name(NULL, page, "x"), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_os_name(p, page, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT(lamina_os_release(p, page));
        suite_finds("names", named ? "the mapping shows the name" : "this system shows no names");
    }
    CASE("memory", "the heap's blocks are aligned as asked")
    {
        for (size_t align = 1U; align <= 4096U; align *= 2U) {
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            unsigned char *const p = (unsigned char *)lamina_os_heap_alloc(100U, align);
            EXPECT_ABILITY("a heap", (p != NULL) && lamina_is_aligned(p, align));
            if (p != NULL) {
                (void)memset(p, 0x11, 100U);
            }
            lamina_os_heap_free(p);
        }
        lamina_os_heap_free(NULL);
    }
}

void part_memory(void)
{
    const size_t page = lamina_os_page_size();
    pages();
    counting();
    reserving(page);
    mapping(page);
    contents(page);
    names_and_heap(page);
}
