/* SPDX-License-Identifier: MIT */
/*
 * Where the pages of stacks lie on a machine of two nodes. The kernel is asked directly (move_pages,
 * sched_setaffinity, /proc), not through the runtime that is under test. Each stack is filled by a thread on the
 * other node than the one that it is to lie on, so that a policy that is not in force shows.
 */
#define _GNU_SOURCE 1
#include "suite.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "in_huge_pages.h"
#include "numa_slab.h"
#include "on_both.h"
#include "on_missing.h"
#include "on_missing_optional.h"
#include "on_second.h"

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

#define FILL(name, handle) \
    for (size_t i = 0; i < PAGES; i++) { \
        pages[i] = name##_alloc(&(handle)); \
        EXPECT(pages[i] != NULL); \
        if (pages[i] != NULL) { \
            *(unsigned char *)pages[i] = 1U; \
        } \
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
        on_both_destroy(&pool);
    }
    CASE("machine", "a node that the machine hasn't is refused with EINVAL and nothing stays mapped")
    {
        on_missing_t pool;
        const size_t before = host_mapped();
        EXPECT(on_missing_init(&pool) == LAMINA_ERR_OS);
        EXPECT(lamina_last_os_error() == LAMINA_OS_ERROR_INVALID);
        EXPECT(host_mapped() == before);
    }
    CASE("machine", "where the policy is optional, a missing node leaves the stack without one, and that is told")
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
        const char *const free_there = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages";
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

void part_machine(void)
{
    of_numa_slab();
    of_others();
    of_huge_pages();
}
