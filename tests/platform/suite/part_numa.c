/* SPDX-License-Identifier: MIT */
/* Memory nodes: policies that hold when a call returns true, and are refused otherwise. */
#include "suite.h"

#include "lamina/numa.h"
#include "lamina/os.h"

enum { PAGES = 64 };

static uint16_t nodes[64];
static size_t node_count;

/* The list of nodes goes with the simplest policy that every system with nodes has, but on macOS, where there
 * is one node and no policy. */
#if defined(__APPLE__)
#define LISTED "pages"
#else
#define LISTED "a preferred memory node"
#endif

static void machine(void)
{
    CASE("numa",
         "the machine's nodes are listed, and the calling thread runs on one of them, where that is expected")
    {
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        const bool listed = lamina_numa_nodes(nodes, sizeof nodes / sizeof nodes[0], &node_count);
        EXPECT_ABILITY(LISTED, listed);
        if (!listed) {
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            EXPECT_ABILITY(LISTED, lamina_numa_node_count() != 0U);
            EXPECT(!lamina_numa_node_allowed(0U));
            node_count = 0U;
            suite_finds("numa", "no nodes are told of");
            break;
        }
        EXPECT((node_count >= 1U) && (lamina_numa_node_count() == node_count));
        bool here = false;
        const int current = lamina_numa_current_node();
        for (size_t i = 0; i < node_count; i++) {
            EXPECT(lamina_numa_node_allowed(nodes[i]) && ((i == 0U) || (nodes[i] > nodes[i - 1U])));
            here = here || (current == (int)nodes[i]);
        }
        EXPECT(here && !lamina_numa_node_allowed(4095U) && !lamina_numa_node_allowed(65535U));
        suite_finds_number("numa", "nodes of this machine: ", node_count, "");
    }
    /* Linux tells them whatever policies it has: in files, which an emulator hands on. Windows doesn't. */
#if defined(_WIN32)
    CASE("numa", "distances between nodes are not told here, with the error that says so")
    {
        EXPECT_REFUSED(lamina_numa_distance(nodes[0], nodes[0]) >= 0, LAMINA_OS_ERROR_UNSUPPORTED);
        EXPECT_REFUSED(lamina_numa_distance(nodes[0], 4095U) >= 0, LAMINA_OS_ERROR_INVALID);
        suite_finds("numa", "no distances");
    }
#else
    CASE("numa", "distances: 10 to itself, more to others, and none to a node beyond the machine's")
    {
        static const uint16_t only = 0U;
        const uint16_t *const list = (node_count != 0U) ? nodes : &only;
        const size_t count = (node_count != 0U) ? node_count : 1U;
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < count; j++) {
                const int distance = lamina_numa_distance(list[i], list[j]);
                EXPECT((i == j) ? (distance == 10) : (distance > 10));
                if (i != j) {
                    suite_finds_number("numa", "distance between nodes: ", (size_t)distance, "");
                }
            }
        }
        EXPECT_REFUSED(lamina_numa_distance(list[0], 4095U) >= 0, LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_numa_distance(4095U, list[0]) >= 0, LAMINA_OS_ERROR_INVALID);
    }
#endif
}

typedef struct policy {
    lamina_numa_policy policy;
    const char *ability;
    const char *sentence;
    const char *has;
    const char *has_not;
    size_t most; /* of the nodes it is given */
} policy;

static const policy policies[] = {
    {LAMINA_NUMA_BIND, "binding to memory nodes", "bind: only these nodes", "bind", "no bind: refused", 64U},
    {LAMINA_NUMA_PREFERRED, "a preferred memory node", "preferred: this node first", "preferred",
     "no preferred: refused", 1U},
    {LAMINA_NUMA_PREFERRED_MANY, "several preferred memory nodes", "preferred-many: these nodes first",
     "preferred-many", "no preferred-many: refused", 64U},
    {LAMINA_NUMA_INTERLEAVE, "interleaving over memory nodes", "interleave: page by page, evenly",
     "interleave", "no interleave: refused", 64U},
    {LAMINA_NUMA_WEIGHTED_INTERLEAVE, "weighted interleaving over memory nodes", "weighted interleave",
     "weighted interleave", "no weighted interleave: refused", 64U},
    {LAMINA_NUMA_LOCAL, "the toucher's memory node", "local: the toucher's node", "local",
     "no local: refused", 0U},
};

/* The policy that the range is under, by the glue's own word; where pages lie is asked of the kernel directly
 * on the machine of two nodes (part_machine.c), as on one node they all lie there. */
static void is_under(const unsigned char *p, const policy *it, const uint16_t *list, size_t given)
{
#if defined(__linux__)
    lamina_numa_policy found = LAMINA_NUMA_DEFAULT;
    uint16_t told[64] = {0U};
    size_t count = 0U;
    EXPECT(lamina_numa_policy_of(p, &found, told, 64U, &count));
    EXPECT((found == it->policy) && (count == given));
    for (size_t i = 0; i < given; i++) {
        EXPECT(told[i] == list[given - 1U - i]); /* ascending, where the list descends */
    }
#else
    (void)p;
    (void)it;
    (void)list;
    (void)given;
#endif
}

/* With one node, the last of the machine, and with all of them where the policy takes several. */
static void apply(const policy *it, size_t page)
{
    CASE("numa", it->sentence)
    {
        static uint16_t list[64];
        const host_memory before = host_memory_now();
        bool any = false;
        for (size_t round = 0; round < 2U; round++) {
            size_t given = (round == 0U) ? 1U : node_count;
            given = (given == 0U) ? 1U
                                  : given; /* a list that doesn't go with its policy is refused for that */
            given = (given > it->most) ? it->most : given;
            for (size_t i = 0; i < given; i++) {
                list[i] = nodes[(node_count > 0U) ? node_count - 1U - i : 0U];
            }
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            unsigned char *const p = (unsigned char *)lamina_numa_map(PAGES * page, 0U, NULL, it->policy,
                                                                      list, given);
            EXPECT_ABILITY(it->ability, p != NULL);
            if (p == NULL) {
                continue;
            }
            any = true;
            (void)memset(p, 0x21, PAGES * page);
            is_under(p, it, list, given);
            EXPECT_WORKS(lamina_os_release(p, PAGES * page));
            lamina_set_last_os_error(SUITE_UNTOUCHED);
            void *const reserved = lamina_numa_reserve(PAGES * page, it->policy, list, given);
            EXPECT_ABILITY(it->ability, reserved != NULL);
            EXPECT((reserved != NULL) && lamina_os_release(reserved, PAGES * page));
        }
        EXPECT_MAPPED_AS(before);
        suite_finds("numa", any ? it->has : it->has_not);
    }
}

static void of_a_range(size_t page)
{
    CASE(
        "numa",
        "a policy is set on what is mapped already, or refused where it can only be asked for in the mapping")
    {
        void *const p = lamina_os_map(page, 0U);
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT_ABILITY("memory policies of a range",
                       lamina_numa_apply(p, page, LAMINA_NUMA_PREFERRED, nodes, 1U));
        EXPECT(lamina_os_release(p, page));
    }
}

/* A node that isn't there: refused for that where the policy is, and for the policy's absence where it isn't.
 */
static int code_beyond(const char *ability)
{
#if defined(__APPLE__) /* where nodes are looked at before policies */
    const int code = 0;
    (void)ability;
#else
    const int code = suite_expected(ability);
#endif
    return (code == 0) ? LAMINA_OS_ERROR_INVALID : code;
}

static void refused(size_t page)
{
    CASE("numa", "a node beyond the machine's is refused, before anything is mapped or placed")
    {
        static const uint16_t beyond[] = {1023U, 4095U, 4096U, 65535U};
        const host_memory before = host_memory_now();
        void *const p = lamina_os_map(page, 0U);
        EXPECT(p != NULL);
        for (size_t i = 0; i < sizeof beyond / sizeof beyond[0]; i++) {
            EXPECT_REFUSED(lamina_numa_map(page, 0U, NULL, LAMINA_NUMA_PREFERRED, &beyond[i], 1U),
                           code_beyond("a preferred memory node"));
            EXPECT_REFUSED(lamina_numa_reserve(page, LAMINA_NUMA_PREFERRED, &beyond[i], 1U),
                           code_beyond("a preferred memory node"));
            EXPECT_REFUSED(lamina_numa_apply(p, page, LAMINA_NUMA_BIND, &beyond[i], 1U),
                           code_beyond("binding to memory nodes"));
        }
        EXPECT(lamina_os_release(p, page));
        EXPECT_MAPPED_AS(before);
    }
    CASE("numa",
         "lists that don't go with their policy, and ranges that are none, are refused, each with its code")
    {
        const int bad = LAMINA_OS_ERROR_INVALID;
        const uint16_t two[2] = {0U, 0U};
        void *const p = lamina_os_map(page, 0U);
        EXPECT_REFUSED(lamina_numa_apply(p, page, LAMINA_NUMA_BIND, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, page, LAMINA_NUMA_BIND, NULL, 1U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, page, LAMINA_NUMA_PREFERRED, two, 2U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, page, LAMINA_NUMA_LOCAL, two, 1U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, page, (lamina_numa_policy)99, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, 0U, LAMINA_NUMA_LOCAL, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_apply(p, SIZE_MAX, LAMINA_NUMA_LOCAL, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_apply(NULL, page, LAMINA_NUMA_LOCAL, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_apply((unsigned char *)p + 1, page, LAMINA_NUMA_LOCAL, NULL, 0U), bad);
        EXPECT_REFUSED(lamina_numa_nodes(NULL, 1U, &node_count), bad);
        EXPECT_REFUSED(lamina_numa_nodes(nodes, 64U, NULL), bad);
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
    of_a_range(page);
    refused(page);
}
