/* SPDX-License-Identifier: MIT */
/* Memory nodes: policies that hold when a call returns true, and are refused otherwise. */
#include "suite.h"

#include "lamina/numa.h"
#include "lamina/os.h"

enum { PAGES = 64 };

static uint16_t nodes[64];
static size_t node_count;

static void machine(void)
{
    CASE("numa", "the machine's nodes are listed, and the calling thread runs on one of them")
    {
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        if (!lamina_numa_nodes(nodes, sizeof nodes / sizeof nodes[0], &node_count)) {
            EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
            EXPECT(lamina_numa_node_count() == 0U);
            node_count = 0U;
            suite_finds("numa", "no nodes are told of");
            break;
        }
        EXPECT((node_count >= 1U) && (lamina_numa_node_count() == node_count));
        for (size_t i = 0; i < node_count; i++) {
            EXPECT(lamina_numa_node_allowed(nodes[i]) && ((i == 0U) || (nodes[i] > nodes[i - 1U])));
        }
        const int current = lamina_numa_current_node();
        EXPECT(current >= 0);
        suite_finds_number("numa", "nodes of this machine: ", node_count, "");
    }
    CASE("numa", "distances between nodes are told, or unsupported")
    {
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        const int to_itself = (node_count > 0U) ? lamina_numa_distance(nodes[0], nodes[0]) : -1;
        if (to_itself < 0) {
            EXPECT((node_count == 0U) || (lamina_last_os_error() != SUITE_UNTOUCHED));
            suite_finds("numa", "no distances");
            break;
        }
        for (size_t i = 0; i < node_count; i++) {
            for (size_t j = 0; j < node_count; j++) {
                const int distance = lamina_numa_distance(nodes[i], nodes[j]);
                EXPECT((i == j) ? (distance == 10) : (distance > 10));
            }
        }
    }
}

typedef struct policy {
    lamina_numa_policy policy;
    const char *sentence;
    const char *has;
    const char *has_not;
    size_t most; /* of the nodes it is given */
} policy;

static const policy policies[] = {
    {LAMINA_NUMA_BIND, "bind: only these nodes", "bind", "no bind: refused", 64U},
    {LAMINA_NUMA_PREFERRED, "preferred: this node first", "preferred", "no preferred: refused", 1U},
    {LAMINA_NUMA_PREFERRED_MANY, "preferred-many: these nodes first", "preferred-many",
     "no preferred-many: refused", 64U},
    {LAMINA_NUMA_INTERLEAVE, "interleave: page by page, evenly", "interleave", "no interleave: refused", 64U},
    {LAMINA_NUMA_WEIGHTED_INTERLEAVE, "weighted interleave", "weighted interleave",
     "no weighted interleave: refused", 64U},
    {LAMINA_NUMA_LOCAL, "local: the toucher's node", "local", "no local: refused", 0U},
};

/* Counts, for each node, how many of the range's pages lie there. */
static bool where(const unsigned char *p, size_t page, size_t *on)
{
    for (size_t i = 0; i < 64U; i++) {
        on[i] = 0U;
    }
    for (size_t i = 0; i < PAGES; i++) {
        const int node = lamina_numa_node_of(p + i * page);
        if ((node < 0) || (node >= 64)) {
            return false;
        }
        on[node]++;
    }
    return true;
}

static void lies_right(const unsigned char *p, size_t page, const policy *it, size_t given, uint16_t last)
{
    size_t on[64];
    if (!where(p, page, on)) {
        return; /* this system doesn't tell */
    }
    if ((it->policy == LAMINA_NUMA_BIND) || (it->policy == LAMINA_NUMA_PREFERRED)) {
        size_t there = 0U;
        for (size_t i = 0; i < given; i++) {
            there += on[nodes[node_count - 1U - i]];
        }
        EXPECT((given == 1U) ? (on[last] == PAGES) : (there == PAGES));
    } else if ((it->policy == LAMINA_NUMA_INTERLEAVE) && (given == node_count)) {
        for (size_t i = 0; i < node_count; i++) {
            EXPECT((on[nodes[i]] >= PAGES / node_count) && (on[nodes[i]] <= PAGES / node_count + 1U));
        }
    }
}

/* With one node, the last of the machine, and with all of them where the policy takes several. */
static void apply(const policy *it, size_t page)
{
    CASE("numa", it->sentence)
    {
        static uint16_t list[64];
        const size_t before = host_mapped();
        const uint16_t last = (node_count > 0U) ? nodes[node_count - 1U] : 0U;
        bool any = false;
        for (size_t round = 0; round < 2U; round++) {
            size_t given = (round == 0U) ? 1U : node_count;
            given = (given > it->most) ? it->most : given;
            for (size_t i = 0; i < given; i++) {
                list[i] = nodes[node_count > 0U ? node_count - 1U - i : 0U];
            }
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            unsigned char *const p =
                (unsigned char *)lamina_numa_map(PAGES * page, 0U, NULL, it->policy, list, given);
            if (p == NULL) {
                EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
                continue;
            }
            any = true;
            (void)memset(p, 0x21, PAGES * page);
            lies_right(p, page, it, given, last);
            EXPECT_WORKS(lamina_os_release(p, PAGES * page));
        }
        EXPECT(host_mapped() == before);
        suite_finds("numa", any ? it->has : it->has_not);
    }
}

static void refused(size_t page)
{
    CASE("numa", "a node beyond the machine's is refused, before anything is mapped or placed")
    {
        const size_t before = host_mapped();
        static const uint16_t beyond[] = {1023U, 4095U, 4096U, 65535U};
        void *const p = lamina_os_map(page, 0U);
        EXPECT(p != NULL);
        for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            EXPECT(lamina_numa_map(page, 0U, NULL, LAMINA_NUMA_PREFERRED, &beyond[i], 1U) == NULL);
            EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
            EXPECT((node_count == 0U) || (lamina_last_os_error() == LAMINA_OS_ERROR_INVALID) ||
                   (lamina_last_os_error() == LAMINA_OS_ERROR_UNSUPPORTED));
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            EXPECT(!lamina_numa_apply(p, page, LAMINA_NUMA_BIND, &beyond[i], 1U));
            EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
        }
        EXPECT(lamina_os_release(p, page));
        EXPECT(host_mapped() == before);
    }
    CASE("numa", "lists that don't go with their policy are refused")
    {
        const uint16_t two[2] = {0U, 0U};
        void *const p = lamina_os_map(page, 0U);
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT(!lamina_numa_apply(p, page, LAMINA_NUMA_BIND, NULL, 0U));
        EXPECT(!lamina_numa_apply(p, page, LAMINA_NUMA_PREFERRED, two, 2U));
        EXPECT(!lamina_numa_apply(p, page, LAMINA_NUMA_LOCAL, two, 1U));
        EXPECT(!lamina_numa_apply(p, page, (lamina_numa_policy)99, NULL, 0U));
        EXPECT(!lamina_numa_apply(p, 0U, LAMINA_NUMA_LOCAL, NULL, 0U));
        EXPECT(!lamina_numa_apply(NULL, page, LAMINA_NUMA_LOCAL, NULL, 0U));
        EXPECT(!lamina_numa_apply((unsigned char *)p + 1, page, LAMINA_NUMA_LOCAL, NULL, 0U));
        EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
        EXPECT(lamina_os_release(p, page));
    }
}

void part_numa(void)
{
    const size_t page = lamina_os_page_size();
    machine();
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        apply(&policies[i], page);
    }
    refused(page);
}
