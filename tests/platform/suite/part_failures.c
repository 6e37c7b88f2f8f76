/* SPDX-License-Identifier: MIT */
/*
 * A system that refuses: each call of the platform fails once, through the table of the testing build.
 * Whatever was refused, the operation says so with the system's error, or did it another way; and nothing
 * stays mapped.
 */
#include "suite.h"

#include "lamina/commit.h"
#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/os_table.h"
#include "lamina/random.h"
#include "lamina/secret.h"

#define REFUSED 12 /* the error that refused calls have: ENOMEM, and a code of its own on Windows too */

static size_t page;

/* Each brings something to life, uses it, and takes it back; true when all of it worked. Those that end early
 * must have left nothing. */
typedef bool (*life)(void);

static bool life_of_map(void)
{
    void *const p = lamina_os_map(4U * page, LAMINA_MAP_POPULATE);
    return (p != NULL) && lamina_os_release(p, 4U * page);
}

static bool life_of_huge(void)
{
    void *const p = lamina_os_map(4U * page, LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_FALLBACK);
    return (p != NULL) && lamina_os_release(p, 4U * page);
}

static bool life_of_aligned(void)
{
    void *const p = lamina_os_reserve_aligned(4U * page, (size_t)1U << 21U);
    return (p != NULL) && lamina_os_release(p, 4U * page);
}

static bool life_of_reserve(void)
{
    unsigned char *const p = (unsigned char *)lamina_os_reserve(8U * page);
    bool ok = p != NULL;
    if (ok) {
        ok = lamina_os_commit(p, 4U * page) && lamina_os_protect(p, page, LAMINA_PROTECT_READ) &&
             lamina_os_guard(p + page, page) && lamina_os_unguard(p + page, page) &&
             lamina_os_discard(p + page, page) && lamina_os_decommit(p, 4U * page);
        ok = lamina_os_release(p, 8U * page) && ok;
    }
    return ok;
}

static bool life_of_watermark(void)
{
    lamina_commit_t mark = {NULL, 0U, 0U, 0U};
    bool ok = lamina_commit_init(&mark, 16U * page, 1U, page);
    if (ok) {
        const bool grown = lamina_commit_to(&mark, 3U * page);
        /* Never moved by a refused commit, and never left short by one that was answered true. */
        EXPECT(mark.committed == (grown ? 3U * page : 0U));
        ok = grown && lamina_commit_trim(&mark, page);
        ok = lamina_commit_release(&mark) && ok;
    }
    return ok;
}

static bool life_of_secret(void)
{
    void *const p = lamina_secret_map(2U * page, LAMINA_SECRET_LOCKED, NULL);
    return (p != NULL) && lamina_secret_release(p, 2U * page);
}

static bool life_of_lock(void)
{
    void *const p = lamina_os_map(2U * page, 0U);
    bool ok = p != NULL;
    if (ok) {
        ok = lamina_os_lock(p, 2U * page) && lamina_os_unlock(p, 2U * page);
        ok = lamina_os_release(p, 2U * page) && ok;
    }
    return ok;
}

static bool life_of_nodes(void)
{
    void *const p = lamina_numa_map(2U * page, 0U, NULL, LAMINA_NUMA_DEFAULT, NULL, 0U);
    bool ok = p != NULL;
    if (ok) {
        ok = lamina_os_release(p, 2U * page);
    }
    return ok;
}

static bool life_of_bound_nodes(void)
{
    const uint16_t first = 0U;
    void *const p = lamina_numa_map(2U * page, 0U, NULL, LAMINA_NUMA_PREFERRED, &first, 1U);
    return (p != NULL) && lamina_os_release(p, 2U * page);
}

static bool life_of_random(void)
{
    unsigned char bytes[16];
    return lamina_random_bytes(bytes, sizeof bytes);
}

static bool life_of_heap(void)
{
    void *const p = lamina_os_heap_alloc(100U, 64U);
    lamina_os_heap_free(p);
    return p != NULL;
}

typedef struct named {
    const char *sentence;
    life run;
    const char *ability; /* without which there is nothing to refuse */
    bool own_codes; /* the failing call has another kind of code than errors, which is handed on as it is */
} named;

/* A mapping under no policy: see part_numa.c. */
#if defined(__APPLE__)
#define NO_POLICY "pages"
#else
#define NO_POLICY "a preferred memory node"
#endif

static const named lives[] = {
    {"a populated mapping: each call refused once", life_of_map, "pages", false},
    {"huge pages with a fall-back: each call refused once", life_of_huge, "pages", false},
    {"an aligned reservation: each call refused once", life_of_aligned, "pages", false},
    {"reserve, commit, protect, guard, decommit: each call refused once", life_of_reserve, "pages", false},
    {"a watermark: each call refused once, and it never moves then", life_of_watermark, "pages", false},
    {"a secret mapping: each call refused once", life_of_secret, "locked memory", false},
    {"locking: each call refused once", life_of_lock, "locked memory", false},
    {"a mapping without a node: each call refused once", life_of_nodes, NO_POLICY, false},
    {"a mapping on a node: each call refused once", life_of_bound_nodes, "a preferred memory node", false},
    {"random bytes: each call refused once", life_of_random, "random bytes", true},
    {"the heap: each call refused once", life_of_heap, "a heap", false},
};

static void refuse_each(const named *it)
{
    CASE("failures", it->sentence)
    {
        lamina_fail_off();
        const host_memory before = host_memory_now();
        if (suite_expected(it->ability) != 0) {
            suite_skip("there is nothing to refuse: the system does it never");
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            EXPECT_ABILITY(it->ability, it->run());
            EXPECT_MAPPED_AS(before);
            break;
        }
        unsigned k = 1U;
        bool more = true;
        for (; more && (k < 100U); k++) {
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            lamina_fail_at(k, REFUSED);
            const bool ok = it->run();
            more = lamina_calls_failed() != 0U;
            lamina_fail_off();
            /* Without a failure it works; with one it says so, or had another way and then is content. */
            EXPECT(more || ok);
            EXPECT(ok || (lamina_last_os_error() == REFUSED) ||
                   (it->own_codes && (lamina_last_os_error() != SUITE_UNTOUCHED) &&
                    (lamina_last_os_error() != 0)));
            EXPECT(!ok || (lamina_last_os_error() == SUITE_UNTOUCHED));
            EXPECT_MAPPED_AS(before);
        }
        EXPECT((k > 2U) &&
               (k < 100U)); /* at least one call was there to be refused, and an end was reached */
        EXPECT(it->run());
        EXPECT_MAPPED_AS(before);
    }
}

static bool unlock(void *p, size_t bytes)
{
    return lamina_os_unlock(p, bytes);
}

static bool decommit(void *p, size_t bytes)
{
    return lamina_os_decommit(p, bytes);
}

static bool discard(void *p, size_t bytes)
{
    return lamina_os_discard(p, bytes);
}

/* Whether pages are given back by mapping others in their place. */
#if defined(__APPLE__)
#define MAPS_ANEW true
#else
#define MAPS_ANEW false
#endif

/* The calls that give something back: refused, they leave the range as it was. */
static void refuse_giving_back(const char *sentence, bool (*call)(void *p, size_t bytes), bool locked)
{
    CASE("failures", sentence)
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(2U * page, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        EXPECT(!locked || lamina_os_lock(p, 2U * page));
        (void)memset(p, 0x3C, 2U * page);
        const host_memory before = host_memory_now();
        if (MAPS_ANEW && (call != unlock)) {
            lamina_fail_at(2U, REFUSED); /* the page size is asked for first */
        } else {
            lamina_fail_release_at(1U, REFUSED);
        }
        EXPECT_REFUSED(call(p, 2U * page), REFUSED);
        EXPECT(lamina_calls_failed() == 1U);
        lamina_fail_off();
        EXPECT_MAPPED_AS(before);
        EXPECT(!host_faults(p, HOST_READ | HOST_WRITE) && (p[page] == 0x3C) && (p[2U * page - 1U] == 0x3C));
        EXPECT_WORKS(call(p, 2U * page));
        EXPECT_WORKS(lamina_os_release(p, 2U * page));
    }
}

void part_failures(void)
{
    page = lamina_os_page_size();
    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        refuse_each(&lives[i]);
    }
    refuse_giving_back("a refused decommit says so, and the range is as it was", decommit, false);
    refuse_giving_back("a refused discard says so, and the range is as it was", discard, false);
    refuse_giving_back("a refused unlock says so, and the range is locked as it was", unlock, true);
    CASE("failures", "a refused release says so, and the range is still there to be released")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(2U * page, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        p[0] = 1U;
        lamina_fail_release_at(1U, REFUSED);
        EXPECT_REFUSED(lamina_os_release(p, 2U * page), REFUSED);
        lamina_fail_off();
        EXPECT(p[0] == 1U);
        EXPECT_WORKS(lamina_os_release(p, 2U * page));
    }
}
