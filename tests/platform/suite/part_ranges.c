/* SPDX-License-Identifier: MIT */
/*
 * Ranges that are wrong in part: they run out of their mapping, are part of what one call gave, or are
 * locked. A call that is refused has touched nothing of them.
 */
#include "suite.h"

#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/secret.h"

#if defined(_WIN32)
#define PSAPI_VERSION 2
#include <windows.h>
/* After windows.h. */
#include <psapi.h>
#endif

enum { BAD = LAMINA_OS_ERROR_INVALID, USABLE = 4, BEYOND = 4, FILLED = 0x4D };

typedef bool (*range_call)(void *p, size_t bytes);

static bool call_purge(void *p, size_t bytes)
{
    lamina_os_contents told;
    return lamina_os_purge(p, bytes, &told);
}

static bool call_protect(void *p, size_t bytes)
{
    return lamina_os_protect(p, bytes, LAMINA_PROTECT_NONE);
}

static bool call_query(void *p, size_t bytes)
{
    size_t resident = 0U;
    return lamina_os_query(p, bytes, &resident);
}

static bool call_name(void *p, size_t bytes)
{
    return lamina_os_name(p, bytes, "lamina suite");
}

static bool call_policy(void *p, size_t bytes)
{
    return lamina_numa_apply(p, bytes, LAMINA_NUMA_DEFAULT, NULL, 0U);
}

typedef struct named {
    const char *edge; /* what is shown of a range that runs out of its mapping; NULL where nobody looks */
    const char *none; /* and of what is no range */
    range_call call;
    bool gives_back; /* refused for locked pages */
} named;

static const named calls[] = {
    {"commit refuses a range that runs out of its mapping, and touches none of it", NULL, lamina_os_commit,
     false},
    {"decommit refuses a range that runs out of its mapping, and touches none of it", NULL,
     lamina_os_decommit, true},
    {"discard refuses a range that runs out of its mapping, and touches none of it", NULL, lamina_os_discard,
     true},
    {"purge refuses a range that runs out of its mapping, and touches none of it", NULL, call_purge, true},
    {"populate refuses a range that runs out of its mapping, and touches none of it", NULL,
     lamina_os_populate, false},
    {"protect refuses a range that runs out of its mapping, and touches none of it", NULL, call_protect,
     false},
    {"guard refuses a range that runs out of its mapping, and touches none of it", NULL, lamina_os_guard,
     false},
    {"unguard refuses a range that runs out of its mapping, and touches none of it", NULL, lamina_os_unguard,
     false},
    {"release refuses a range that runs out of its mapping, and touches none of it", NULL, lamina_os_release,
     false},
    {"a query refuses a range that runs out of its mapping", NULL, call_query, false},
    {"advice for huge pages refuses a range that runs out of its mapping",
     "advice for huge pages refuses what is no range", lamina_os_huge_advise, false},
    {"lock refuses a range that runs out of its mapping, and touches none of it",
     "lock refuses what is no range", lamina_os_lock, false},
    {"lock on touch refuses a range that runs out of its mapping, and touches none of it",
     "lock on touch refuses what is no range", lamina_os_lock_on_touch, false},
    {"unlock refuses a range that runs out of its mapping, and touches none of it",
     "unlock refuses what is no range", lamina_os_unlock, false},
    {"a secret's release refuses a range that runs out of its mapping, and touches none of it",
     "a secret's release refuses what is no range", lamina_secret_release, false},
    {NULL, "a name refuses what is no range", call_name, false},
    {NULL, "a memory policy refuses what is no range", call_policy, false},
};

enum { CALLS = sizeof calls / sizeof calls[0] };

static bool filled(const unsigned char *p, size_t bytes)
{
    bool out = true;
    for (size_t i = 0; i < bytes; i++) {
        out = out && (p[i] == FILLED);
    }
    return out;
}

/* USABLE pages with nothing behind them, filled. On Windows, where no part of a mapping can be given back,
 * the rest of the unit at which mappings start is nobody's; elsewhere a larger mapping is cut. */
static unsigned char *with_an_edge(size_t page)
{
    const size_t whole = (lamina_os_granularity() >= (USABLE + BEYOND) * page) ? USABLE : USABLE + BEYOND;
    unsigned char *p = (unsigned char *)lamina_os_map(whole * page, 0U);
    if ((p != NULL) && (whole != USABLE) && !lamina_os_release(p + USABLE * page, BEYOND * page)) {
        p = NULL;
    }
    if (p != NULL) {
        (void)memset(p, FILLED, USABLE * page);
    }
    return p;
}

static void edges(size_t page)
{
    if (suite_cannot(CANNOT_TELL)) {
        CASE("refusals",
             "a range that runs out of its mapping is refused by every call, which touches none of it")
        {
            suite_skip("under the emulator what nobody mapped looks mapped");
        }
        return;
    }
    for (size_t i = 0; i < CALLS; i++) {
        const range_call call = calls[i].call;
        if (calls[i].edge == NULL) {
            continue;
        }
        CASE("refusals", calls[i].edge)
        {
            unsigned char *const p = with_an_edge(page);
            EXPECT(p != NULL);
            if (p == NULL) {
                break;
            }
            const host_memory before = host_memory_now();
            EXPECT_REFUSED(call(p, (USABLE + BEYOND) * page), BAD);
            EXPECT_REFUSED(call(p + (USABLE - 1U) * page, 2U * page), BAD);
            EXPECT_REFUSED(call(p + USABLE * page, page), BAD);
            EXPECT_MAPPED_AS(before);
            EXPECT(!host_faults(p, HOST_READ) && filled(p, USABLE * page));
            EXPECT(!host_faults(p + USABLE * page - 1U, HOST_WRITE));
            EXPECT_WORKS(lamina_os_release(p, USABLE * page));
        }
    }
}

static void no_ranges(size_t page)
{
    for (size_t i = 0; i < CALLS; i++) {
        const range_call call = calls[i].call;
        if (calls[i].none == NULL) {
            continue;
        }
        CASE("refusals", calls[i].none)
        {
            unsigned char *const p = (unsigned char *)lamina_os_map(4U * page, 0U);
            const uintptr_t last = UINTPTR_MAX / page * page; /* the last page of the address space */
            EXPECT(p != NULL);
            if (p == NULL) {
                break;
            }
            p[0] = 9U;
            const host_memory before = host_memory_now();
            EXPECT_REFUSED(call(p, 0U), BAD);
            EXPECT_REFUSED(call(p, SIZE_MAX), BAD);
            EXPECT_REFUSED(call(p, SIZE_MAX - page), BAD);
            EXPECT_REFUSED(call((void *)last, 2U * page), BAD);
            EXPECT_REFUSED(call(p + 1, page), BAD);
            EXPECT_REFUSED(call(NULL, page), BAD);
            EXPECT(p[0] == 9U);
            EXPECT_MAPPED_AS(before);
            EXPECT(lamina_os_release(p, 4U * page));
        }
    }
}

/* Sizes that no kind of mapping takes, whatever is wanted of it otherwise. */
static void no_sizes(void)
{
    static const size_t sizes[] = {0U, SIZE_MAX, SIZE_MAX - 1U};
    CASE("refusals",
         "mappings on memory nodes and secret ones refuse zero and overflow, and a place for no answer")
    {
        const host_memory before = host_memory_now();
        void *const p = lamina_os_map(1U, 0U);
        size_t count = 0U;
        lamina_numa_policy policy = LAMINA_NUMA_LOCAL;
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            EXPECT_REFUSED(lamina_numa_map(sizes[i], 0U, NULL, LAMINA_NUMA_DEFAULT, NULL, 0U), BAD);
            EXPECT_REFUSED(lamina_numa_reserve(sizes[i], LAMINA_NUMA_DEFAULT, NULL, 0U), BAD);
            EXPECT_REFUSED(lamina_secret_map(sizes[i], 0U, NULL), BAD);
        }
        EXPECT_REFUSED(lamina_os_query(p, 1U, NULL), BAD);
        EXPECT_REFUSED(lamina_os_purge(p, 1U, NULL), BAD);
        EXPECT_REFUSED(lamina_numa_nodes(NULL, 1U, &count), BAD);
        EXPECT_REFUSED(lamina_numa_nodes(NULL, 0U, NULL), BAD);
        EXPECT_REFUSED(lamina_numa_policy_of(p, NULL, NULL, 0U, &count), BAD);
        EXPECT_REFUSED(lamina_numa_policy_of(p, &policy, NULL, 1U, &count), BAD);
        EXPECT_REFUSED(lamina_numa_policy_of(p, &policy, NULL, 0U, NULL), BAD);
        EXPECT((count == 0U) && (policy == LAMINA_NUMA_LOCAL));
        EXPECT_WORKS(lamina_os_release(p, 1U));
        EXPECT_MAPPED_AS(before);
    }
}

/* 2 MiB: the size of a large page on Windows, and no large page. */
static void in_part(size_t page)
{
    CASE("refusals",
         "a release of part of a mapping takes that part; on Windows it is refused and takes nothing")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(LAMINA_HUGE_2M, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        p[LAMINA_HUGE_2M - 1U] = FILLED;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        const bool taken = lamina_os_release(p, page);
#if defined(_WIN32)
        EXPECT(!taken);
#else
        EXPECT(taken);
#endif
        EXPECT(lamina_last_os_error() == (taken ? SUITE_UNTOUCHED : BAD));
        EXPECT(!host_faults(p + LAMINA_HUGE_2M - 1U, HOST_READ) && (p[LAMINA_HUGE_2M - 1U] == FILLED));
        EXPECT(host_faults(p, HOST_READ) == taken);
        EXPECT_WORKS(taken ? lamina_os_release(p + page, LAMINA_HUGE_2M - page)
                           : lamina_os_release(p, LAMINA_HUGE_2M));
    }
}

/* Whether the system says of this locked page that it is locked. */
static bool tells_of_locks(void *p)
{
#if defined(_WIN32)
    PSAPI_WORKING_SET_EX_INFORMATION info;
    info.VirtualAddress = p;
    info.VirtualAttributes.Flags = 0U;
    return QueryWorkingSetEx(GetCurrentProcess(), &info, sizeof info) &&
           (info.VirtualAttributes.Locked != 0U);
#else
    (void)p;
    return true;
#endif
}

static void locked(size_t page)
{
    CASE("secret", "locked pages aren't given back: refused, with contents and lock as they were")
    {
        unsigned char *const p = with_an_edge(page);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        EXPECT_WORKS(lamina_os_lock(p + page, page));
        if (!tells_of_locks(p + page)) {
            suite_skip("this system doesn't tell which pages are locked");
        } else if (suite_cannot(CANNOT_ADVISE)) {
            suite_skip("the emulator passes over what is asked of locked pages");
        } else {
            const host_memory before = host_memory_now();
            for (size_t i = 0; i < CALLS; i++) {
                if (calls[i].gives_back) {
                    EXPECT_REFUSED(calls[i].call(p + page, page), BAD);
                    const bool same = !host_faults(p + page, HOST_READ) && filled(p, USABLE * page) &&
                                      !host_faults(p + page, HOST_WRITE);
                    EXPECT(same);
                    if (!same) {
                        return;
                    }
                    p[page] = FILLED;
                }
            }
            EXPECT_MAPPED_AS(before);
        }
        EXPECT_WORKS(lamina_os_unlock(p + page, page));
        EXPECT_WORKS(lamina_os_discard(p + page, page));
        EXPECT(p[page] == 0U);
        EXPECT(lamina_os_release(p, USABLE * page));
    }
}

void part_ranges(void)
{
    const size_t page = lamina_os_page_size();
    edges(page);
    no_ranges(page);
    no_sizes();
    in_part(page);
    locked(page);
}
