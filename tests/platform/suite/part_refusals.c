/* SPDX-License-Identifier: MIT */
/* Requests that make no sense: each has its error code, and leaves nothing mapped behind. */
#include "suite.h"

#include "lamina/os.h"

enum { BAD = LAMINA_OS_ERROR_INVALID };

/* The system's own codes. */
#if defined(_WIN32)
#define NO_ROOM 87 /* ERROR_INVALID_PARAMETER: no address space is as large */
#else
#include <errno.h>
#define NO_ROOM ENOMEM
#endif

/* A call about a range, so that each can be asked the same wrong things. */
typedef bool (*range_call)(void *p, size_t bytes);

static bool call_commit(void *p, size_t bytes)
{
    return lamina_os_commit(p, bytes);
}

static bool call_decommit(void *p, size_t bytes)
{
    return lamina_os_decommit(p, bytes);
}

static bool call_discard(void *p, size_t bytes)
{
    return lamina_os_discard(p, bytes);
}

static bool call_purge(void *p, size_t bytes)
{
    lamina_os_contents told;
    return lamina_os_purge(p, bytes, &told);
}

static bool call_reuse(void *p, size_t bytes)
{
    return lamina_os_reuse(p, bytes);
}

static bool call_populate(void *p, size_t bytes)
{
    return lamina_os_populate(p, bytes);
}

static bool call_protect(void *p, size_t bytes)
{
    return lamina_os_protect(p, bytes, LAMINA_PROTECT_READ);
}

static bool call_guard(void *p, size_t bytes)
{
    return lamina_os_guard(p, bytes);
}

static bool call_unguard(void *p, size_t bytes)
{
    return lamina_os_unguard(p, bytes);
}

static bool call_release(void *p, size_t bytes)
{
    return lamina_os_release(p, bytes);
}

static bool call_query(void *p, size_t bytes)
{
    size_t resident = 0U;
    return lamina_os_query(p, bytes, &resident);
}

typedef struct named {
    const char *sentence;
    range_call call;
} named;

static const named range_calls[] = {
    {"commit refuses what is no range", call_commit},   {"decommit refuses what is no range", call_decommit},
    {"discard refuses what is no range", call_discard}, {"purge refuses what is no range", call_purge},
    {"reuse refuses what is no range", call_reuse},     {"populate refuses what is no range", call_populate},
    {"protect refuses what is no range", call_protect}, {"guard refuses what is no range", call_guard},
    {"unguard refuses what is no range", call_unguard}, {"release refuses what is no range", call_release},
    {"a query refuses what is no range", call_query},
};

static void ranges(size_t page)
{
    for (size_t i = 0; i < sizeof range_calls / sizeof range_calls[0]; i++) {
        const range_call call = range_calls[i].call;
        CASE("refusals", range_calls[i].sentence)
        {
            unsigned char *const p = (unsigned char *)lamina_os_map(4U * page, 0U);
            const host_memory mapped = host_memory_now();
            const uintptr_t last = UINTPTR_MAX / page * page; /* the last page of the address space */
            EXPECT(p != NULL);
            if (p == NULL) {
                break;
            }
            p[0] = 9U;
            EXPECT_REFUSED(call(p, 0U), BAD);              /* zero bytes */
            EXPECT_REFUSED(call(p, SIZE_MAX), BAD);        /* overflows when rounded */
            EXPECT_REFUSED(call(p, SIZE_MAX - page), BAD); /* wraps from here */
            EXPECT_REFUSED(call((void *)last, 2U * page), BAD);
            EXPECT_REFUSED(call(p + 1, page), BAD); /* misaligned */
            EXPECT_REFUSED(call(p + page / 2U, page), BAD);
            EXPECT_REFUSED(call(NULL, page), BAD);
            EXPECT(p[0] == 9U);
            EXPECT_MAPPED_AS(mapped);
            EXPECT(lamina_os_release(p, 4U * page));
        }
    }
}

static void sizes(size_t page)
{
    CASE("refusals", "mapping and reserving refuse zero, overflow and unknown flags")
    {
        const host_memory before = host_memory_now();
        size_t got = 77U;
        EXPECT_REFUSED(lamina_os_reserve(0U), BAD);
        EXPECT_REFUSED(lamina_os_reserve(SIZE_MAX), BAD);
        EXPECT_REFUSED(lamina_os_reserve(SIZE_MAX - page + 2U), BAD);
        EXPECT_REFUSED(lamina_os_reserve_aligned(page, 0U), BAD);
        EXPECT_REFUSED(lamina_os_reserve_aligned(page, 3U * page), BAD);
        EXPECT_REFUSED(lamina_os_reserve_aligned(0U, page), BAD);
        EXPECT_REFUSED(lamina_os_reserve_aligned(SIZE_MAX / 2U + 1U + 2U * page, SIZE_MAX / 2U + 1U), BAD);
        EXPECT_REFUSED(lamina_os_map(0U, 0U), BAD);
        EXPECT_REFUSED(lamina_os_map(SIZE_MAX, 0U), BAD);
        EXPECT_REFUSED(lamina_os_map(page, 0x8000U), BAD);
        EXPECT_REFUSED(lamina_os_map_ex(page, LAMINA_MAP_HUGE_FALLBACK, &got), BAD);
        EXPECT(got == 77U);
        EXPECT_MAPPED_AS(before);
    }
    CASE("refusals", "more than the address space holds is refused by the system, with its error")
    {
        const host_memory before = host_memory_now();
        EXPECT_REFUSED(lamina_os_reserve(SIZE_MAX - ((size_t)1U << 20U)), NO_ROOM);
        EXPECT_MAPPED_AS(before);
    }
    CASE("refusals", "the heap refuses zero bytes, alignments that are no power of two, and overflow")
    {
        EXPECT_REFUSED(lamina_os_heap_alloc(0U, 8U), BAD);
        EXPECT_REFUSED(lamina_os_heap_alloc(8U, 0U), BAD);
        EXPECT_REFUSED(lamina_os_heap_alloc(8U, 24U), BAD);
        EXPECT_REFUSED(lamina_os_heap_alloc(SIZE_MAX, 64U), BAD);
    }
    CASE("refusals", "protect refuses rights that there are not")
    {
        void *const p = lamina_os_map(page, 0U);
        EXPECT_REFUSED(lamina_os_protect(p, page, 8U), BAD);
        EXPECT(lamina_os_release(p, page));
    }
}

static void outside(size_t page)
{
    CASE("refusals", "a second release is refused")
    {
        const host_memory without = host_memory_now();
        void *const p = lamina_os_map(4U * page, 0U);
        EXPECT_WORKS(lamina_os_release(p, 4U * page));
        if (suite_cannot(CANNOT_TELL)) {
            suite_skip("under the emulator what nobody mapped looks mapped");
            break;
        }
        EXPECT_REFUSED(lamina_os_release(p, 4U * page), BAD);
        EXPECT_MAPPED_AS(without);
    }
    CASE("refusals", "addresses where nothing is mapped are refused by every call")
    {
        void *const p = lamina_os_map(4U * page, 0U);
        EXPECT(lamina_os_release(p, 4U * page));
        if (suite_cannot(CANNOT_TELL)) {
            suite_skip("under the emulator what nobody mapped looks mapped");
            break;
        }
        const host_memory before = host_memory_now();
        for (size_t i = 0; i < sizeof range_calls / sizeof range_calls[0]; i++) {
            const range_call call = range_calls[i].call;
            /* Populating without the kernel's advice touches the pages, which ends the program (os.h). */
            const bool advice = (call == call_populate) || (call == call_discard) || (call == call_purge);
            if ((call == call_reuse) ||
                (advice && suite_cannot(CANNOT_ADVISE))) { /* reuse has nothing to ask */
                continue;
            }
            EXPECT_REFUSED(call(p, 4U * page), BAD);
        }
        EXPECT_MAPPED_AS(before);
    }
}

void part_refusals(void)
{
    const size_t page = lamina_os_page_size();
    ranges(page);
    sizes(page);
    outside(page);
}
