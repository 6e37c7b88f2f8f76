/* SPDX-License-Identifier: MIT */
/*
 * Where the pages of stacks lie on a machine of two nodes. The kernel is asked directly (move_pages,
 * sched_setaffinity, /proc), not through the runtime that is under test. Each stack is filled by a thread on
 * the other node than the one that it is to lie on, so that a policy that is not in force shows.
 */
#define _GNU_SOURCE 1
#include "suite.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lamina/numa.h"
#include "lamina/os.h"

#include "in_huge_pages.h"
#include "numa_slab.h"
#include "on_both.h"
#include "on_local.h"
#include "on_many.h"
#include "on_many_both.h"
#include "on_missing.h"
#include "on_missing_optional.h"
#include "on_preferred.h"
#include "on_second.h"
#include "on_weighted.h"

enum { PAGES = 512, PAGE = 4096 };

static void *pages[PAGES];
static int lies_on[PAGES];
static size_t on[2]; /* how many of the pages lie on each node */

/* On this machine the processor's number is its node's. */
static void run_on(int node)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)node, &set);
    EXPECT(sched_setaffinity(0, sizeof set, &set) == 0);
}

static void look(size_t count)
{
    on[0] = 0U;
    on[1] = 0U;
    EXPECT(syscall(SYS_move_pages, 0, (unsigned long)count, pages, NULL, lies_on, 0) == 0);
    for (size_t i = 0; i < count; i++) {
        EXPECT((lies_on[i] == 0) || (lies_on[i] == 1));
        if ((lies_on[i] == 0) || (lies_on[i] == 1)) {
            on[lies_on[i]]++;
        }
    }
}

/* One line of a file of the kernel's, as a number. */
static long number_in(const char *file, const char *key)
{
    char line[256];
    long out = -1;
    FILE *const in = fopen(file, "r");
    while ((in != NULL) && (fgets(line, sizeof line, in) != NULL)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            (void)sscanf(line + strlen(key), "%ld", &out);
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    return out;
}

/* The page size of the mapping that holds `p`, in KiB. */
static long page_size_of(const void *p)
{
    char line[512];
    long out = -1;
    bool inside = false;
    FILE *const in = fopen("/proc/self/smaps", "r");
    while ((in != NULL) && (fgets(line, sizeof line, in) != NULL)) {
        unsigned long from = 0;
        unsigned long to = 0;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            inside = ((uintptr_t)p >= from) && ((uintptr_t)p < to);
        } else if (inside) {
            (void)sscanf(line, "KernelPageSize: %ld", &out);
        }
    }
    if (in != NULL) {
        (void)fclose(in);
    }
    return out;
}

static void of_numa_slab(void)
{
    CASE("machine", "every page of numa_slab lies on the node that its spec names, whoever touches it first")
    {
        numa_slab_t pool;
        run_on(1);
        EXPECT(numa_slab_init(&pool) == LAMINA_OK);
        size_t count = 0U;
        for (size_t i = 0; i < (size_t)PAGES * (PAGE / 64); i++) {
            unsigned char *const p = (unsigned char *)numa_slab_alloc(&pool);
            EXPECT(p != NULL);
            if (p == NULL) {
                break;
            }
            p[0] = 1U;
            if ((((uintptr_t)p % PAGE) == 0U) && (count < PAGES)) {
                pages[count++] = p;
            }
        }
        look(count);
        EXPECT((count >= PAGES - 1) && (on[0] == count) && (on[1] == 0U));
        numa_slab_destroy(&pool);
    }
}

#define FILL(name, handle)                   \
    for (size_t i = 0; i < PAGES; i++) {     \
        pages[i] = name##_alloc(&(handle));  \
        EXPECT(pages[i] != NULL);            \
        if (pages[i] != NULL) {              \
            *(unsigned char *)pages[i] = 1U; \
        }                                    \
    }

#define WEIGHTS "/sys/kernel/mm/mempolicy/weighted_interleave/"

static void put_number_in(const char *file, int number)
{
    FILE *const out = fopen(file, "w");
    EXPECT((out != NULL) && (fprintf(out, "%d", number) > 0));
    EXPECT((out != NULL) && (fclose(out) == 0));
}

static void weighted(void)
{
    const int code = suite_expected("weighted interleaving over memory nodes");
    on_weighted_t pool;
    if (code != 0) {
        CASE("machine", "weighted interleaving, which this kernel has not, is refused with its code, and "
                        "nothing stays mapped")
        {
            const host_memory before = host_memory_now();
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            EXPECT(on_weighted_init(&pool) == LAMINA_ERR_OS);
            suite_expect_number(lamina_last_os_error(), code, __FILE__, (unsigned)__LINE__,
                                "on_weighted_init");
            EXPECT_MAPPED_AS(before);
            EXPECT(access(WEIGHTS "node0", F_OK) != 0); /* nor has it the weights */
        }
        return;
    }
    CASE("machine", "weighted interleaving puts three pages on the first node for each on the second, by the "
                    "system's weights")
    {
        put_number_in(WEIGHTS "node0", 3);
        put_number_in(WEIGHTS "node1", 1);
        EXPECT(on_weighted_init(&pool) == LAMINA_OK);
        FILL(on_weighted, pool)
        look(PAGES);
        EXPECT((on[0] == PAGES / 4 * 3) && (on[1] == PAGES / 4));
        on_weighted_destroy(&pool);
    }
}

static void distances(void)
{
    CASE("machine", "distances are those that the firmware tells, and a node that isn't there has none")
    {
        for (uint16_t from = 0U; from < 2U; from++) {
            for (uint16_t to = 0U; to < 2U; to++) {
                EXPECT(lamina_numa_distance(from, to) == ((from == to) ? 10 : SUITE_DISTANCE));
            }
        }
        EXPECT_REFUSED(lamina_numa_distance(0U, 2U) >= 0, LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_numa_distance(2U, 0U) >= 0, LAMINA_OS_ERROR_INVALID);
    }
    CASE("machine", "the current node is that of the processor, and a page's node is the kernel's answer")
    {
        for (int node = 0; node < 2; node++) {
            const uint16_t wanted = (uint16_t)node;
            run_on(node);
            EXPECT(lamina_numa_current_node() == node);
            unsigned char *const p = (unsigned char *)lamina_numa_map(PAGE, LAMINA_MAP_POPULATE, NULL,
                                                                      LAMINA_NUMA_BIND, &wanted, 1U);
            EXPECT(p != NULL);
            if (p != NULL) {
                pages[0] = p;
                look(1U);
                EXPECT((on[node] == 1U) && (lamina_numa_node_of(p) == node));
                EXPECT(lamina_os_release(p, PAGE));
            }
        }
    }
}

static void of_others(void)
{
    CASE("machine", "pages bound to the second node lie there, touched from the first")
    {
        on_second_t pool;
        run_on(0);
        EXPECT(on_second_init(&pool) == LAMINA_OK);
        FILL(on_second, pool)
        look(PAGES);
        EXPECT((on[1] == PAGES) && (on[0] == 0U));
        on_second_destroy(&pool);
    }
    CASE("machine", "interleaved pages lie evenly on both nodes")
    {
        on_both_t pool;
        EXPECT(on_both_init(&pool) == LAMINA_OK);
        FILL(on_both, pool)
        look(PAGES);
        EXPECT((on[0] == PAGES / 2) && (on[1] == PAGES / 2));
        for (size_t i = 1; i < PAGES; i++) { /* in turn, by address */
            const size_t apart = ((uintptr_t)pages[i] - (uintptr_t)pages[0]) / PAGE;
            EXPECT((lies_on[i] == lies_on[0]) == ((apart % 2U) == 0U));
        }
        on_both_destroy(&pool);
    }
    CASE("machine", "pages that prefer the second node lie there, touched from the first")
    {
        on_preferred_t pool;
        run_on(0);
        EXPECT(on_preferred_init(&pool) == LAMINA_OK);
        FILL(on_preferred, pool)
        look(PAGES);
        EXPECT((on[1] == PAGES) && (on[0] == 0U));
        on_preferred_destroy(&pool);
    }
    CASE("machine", "pages that prefer a list of one node lie there, touched from the other")
    {
        on_many_t pool;
        run_on(0);
        EXPECT(on_many_init(&pool) == LAMINA_OK);
        FILL(on_many, pool)
        look(PAGES);
        EXPECT((on[1] == PAGES) && (on[0] == 0U));
        on_many_destroy(&pool);
    }
    CASE("machine", "pages that prefer both nodes lie on the nearest to who touches them, from either side")
    {
        for (int node = 0; node < 2; node++) {
            on_many_both_t pool;
            run_on(node);
            EXPECT(on_many_both_init(&pool) == LAMINA_OK);
            FILL(on_many_both, pool)
            look(PAGES);
            EXPECT(on[node] == PAGES);
            on_many_both_destroy(&pool);
        }
    }
    CASE("machine", "local pages lie with who touches them, where the thread's own policy says otherwise")
    {
        for (int node = 0; node < 2; node++) {
            const unsigned long other = 1UL << (1U - (unsigned)node);
            on_local_t pool;
            run_on(node);
            EXPECT(syscall(SYS_set_mempolicy, 2L, &other, 8UL) == 0); /* MPOL_BIND */
            EXPECT(on_local_init(&pool) == LAMINA_OK);
            FILL(on_local, pool)
            EXPECT(syscall(SYS_set_mempolicy, 0L, NULL, 0UL) == 0);
            look(PAGES);
            EXPECT(on[node] == PAGES);
            on_local_destroy(&pool);
        }
    }
    weighted();
    CASE("machine", "a node that the machine hasn't is refused with EINVAL and nothing stays mapped")
    {
        on_missing_t pool;
        const host_memory before = host_memory_now();
        EXPECT(on_missing_init(&pool) == LAMINA_ERR_OS);
        EXPECT(lamina_last_os_error() == LAMINA_OS_ERROR_INVALID);
        EXPECT_MAPPED_AS(before);
    }
    CASE("machine",
         "where the policy is optional, a missing node leaves the stack without one, and that is told")
    {
        on_missing_optional_t pool;
        EXPECT(on_missing_optional_init(&pool) == LAMINA_OK);
        EXPECT(!on_missing_optional_numa_placed(&pool));
        EXPECT(on_missing_optional_alloc(&pool) != NULL);
        on_missing_optional_destroy(&pool);
    }
}

static void of_huge_pages(void)
{
    CASE("machine", "2 MiB pages are real, come from the node's own, and go back")
    {
        const char *const free_there =
            "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages";
        in_huge_pages_t pool;
        run_on(0);
        const long before = number_in(free_there, "");
        EXPECT(in_huge_pages_init(&pool) == LAMINA_OK);
        FILL(in_huge_pages, pool)
        look(PAGES);
        EXPECT((on[1] == PAGES) && (on[0] == 0U));
        EXPECT(page_size_of(pages[0]) == 2048);
        EXPECT((before > 0) &&
               (number_in(free_there, "") == before - 1)); /* 512 objects of 4 KiB are one such page */
        in_huge_pages_destroy(&pool);
        EXPECT(number_in(free_there, "") == before);
        suite_finds_number("machine", "pages of 2 MiB that the second node had: ", (size_t)before, "");
    }
}

static void of_1g_page(void)
{
    CASE("machine", "a 1 GiB page is real, comes from the second node's own, and goes back")
    {
        const char *const free_there =
            "/sys/devices/system/node/node1/hugepages/hugepages-1048576kB/free_hugepages";
        const uint16_t second = 1U;
        const host_memory before = host_memory_now();
        const long free_before = number_in(free_there, "");
        size_t got = 0U;
        run_on(0);
        unsigned char *const p = (unsigned char *)lamina_numa_map(1U, LAMINA_MAP_HUGE_1G, &got,
                                                                  LAMINA_NUMA_BIND, &second, 1U);
        EXPECT((p != NULL) && (got == LAMINA_HUGE_1G) && (free_before == 1));
        if (p == NULL) {
            break;
        }
        p[0] = 1U;
        p[LAMINA_HUGE_1G - 1U] = 2U;
        pages[0] = p;
        pages[1] = p + LAMINA_HUGE_1G - 1U;
        look(2U);
        EXPECT((on[1] == 2U) && (page_size_of(p) == 1048576L) && (number_in(free_there, "") == 0));
        EXPECT_WORKS(lamina_os_release(p, 1U)); /* what was asked for, which a huge page made larger */
        EXPECT(number_in(free_there, "") == 1);
        EXPECT_MAPPED_AS(before);
    }
}

void part_machine(void)
{
    of_numa_slab();
    of_others();
    distances();
    of_huge_pages();
    of_1g_page();
}
