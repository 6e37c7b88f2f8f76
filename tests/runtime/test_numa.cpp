// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/numa.h"
#include "lamina/os.h"

#include <cerrno>
#include <vector>

namespace
{

// A reserved or mapped range that goes when the test does.
struct Range {
    void *p;
    size_t bytes;

    explicit Range(size_t pages) : p(nullptr), bytes(pages * lamina_os_page_size())
    {
        p = lamina_os_map(bytes, 0);
        REQUIRE(p != nullptr);
    }
    ~Range()
    {
        lamina_os_release(p, bytes);
    }
    Range(const Range &) = delete;
    Range &operator=(const Range &) = delete;
};

bool kernel_has_numa()
{
    if (lamina_numa_node_count() == 0) {
        REQUIRE(lamina_last_os_error() != 0);
        WARN("this kernel or container has no memory policies (error " << lamina_last_os_error() << ")");
        return false;
    }
    return true;
}

uint16_t some_node()
{
    uint16_t node = 0;
    while (!lamina_numa_node_allowed(node)) {
        node++;
    }
    return node;
}

uint16_t missing_node()
{
    uint16_t node = 0;
    while (lamina_numa_node_allowed(node)) {
        node++;
    }
    return node;
}

lamina_numa_policy policy_at(const void *p, std::vector<uint16_t> *nodes = nullptr)
{
    lamina_numa_policy policy = LAMINA_NUMA_DEFAULT;
    uint16_t found[64];
    size_t count = 0;
    REQUIRE(lamina_numa_policy_of(p, &policy, found, 64, &count));
    REQUIRE(count <= 64);
    if (nodes != nullptr) {
        nodes->assign(found, found + count);
    }
    return policy;
}

} // namespace

TEST_CASE("the machine's nodes", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const int here = lamina_numa_current_node();
    REQUIRE(here >= 0);
    REQUIRE(lamina_numa_node_count() >= 1);
    unsigned allowed = 0;
    for (unsigned node = 0; node <= UINT16_MAX; node++) {
        allowed += lamina_numa_node_allowed(static_cast<uint16_t>(node)) ? 1U : 0U;
        if (node == LAMINA_NUMA_MAX_NODES + 10) {
            break;
        }
    }
    REQUIRE(allowed == lamina_numa_node_count());
    REQUIRE_FALSE(lamina_numa_node_allowed(UINT16_MAX));
}

TEST_CASE("a bound range is bound, and its pages lie there", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    Range range(4);
    const uint16_t node = some_node();
    REQUIRE(policy_at(range.p) == LAMINA_NUMA_DEFAULT);
    REQUIRE_WORKS(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_BIND, &node, 1));
    std::vector<uint16_t> nodes;
    REQUIRE(policy_at(range.p, &nodes) == LAMINA_NUMA_BIND);
    REQUIRE(nodes == std::vector<uint16_t>{node});
    std::memset(range.p, 1, range.bytes);
    REQUIRE(lamina_numa_node_of(range.p) == node);
    REQUIRE(lamina_numa_node_of(static_cast<char *>(range.p) + range.bytes - 1) == node);
    // Pages that are there already, and where they should be, are no reason to refuse.
    REQUIRE_WORKS(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_BIND, &node, 1));
    REQUIRE_WORKS(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_DEFAULT, nullptr, 0));
    REQUIRE(policy_at(range.p) == LAMINA_NUMA_DEFAULT);
}

TEST_CASE("a policy holds for exactly its pages, also while they are reserved", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const size_t page = lamina_os_page_size();
    const uint16_t node = some_node();
    auto *const p = static_cast<char *>(lamina_os_reserve(4 * page));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_numa_apply(p + page, page + 1, LAMINA_NUMA_BIND, &node, 1)); // rounded up to two pages
    REQUIRE(policy_at(p) == LAMINA_NUMA_DEFAULT);
    REQUIRE(policy_at(p + page) == LAMINA_NUMA_BIND);
    REQUIRE(policy_at(p + 2 * page) == LAMINA_NUMA_BIND);
    REQUIRE(policy_at(p + 3 * page) == LAMINA_NUMA_DEFAULT);
    // It outlives commit and decommit.
    REQUIRE(lamina_os_commit(p, 4 * page));
    std::memset(p, 1, 4 * page);
    REQUIRE(lamina_os_decommit(p, 4 * page));
    REQUIRE(lamina_os_commit(p, 4 * page));
    REQUIRE(policy_at(p + page) == LAMINA_NUMA_BIND);
    REQUIRE(policy_at(p) == LAMINA_NUMA_DEFAULT);
    REQUIRE(lamina_os_release(p, 4 * page));
}

TEST_CASE("every policy can be set and read back", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const uint16_t node = some_node();
    for (const lamina_numa_policy policy :
         {LAMINA_NUMA_BIND, LAMINA_NUMA_PREFERRED, LAMINA_NUMA_PREFERRED_MANY, LAMINA_NUMA_INTERLEAVE,
          LAMINA_NUMA_WEIGHTED_INTERLEAVE, LAMINA_NUMA_LOCAL}) {
        INFO("policy " << policy);
        Range range(2);
        const size_t count = (policy == LAMINA_NUMA_LOCAL) ? 0 : 1;
        support::forget_error();
        if (lamina_numa_apply(range.p, range.bytes, policy, &node, count)) {
            REQUIRE(lamina_last_os_error() == support::untouched);
            std::vector<uint16_t> nodes;
            REQUIRE(policy_at(range.p, &nodes) == policy);
            REQUIRE(nodes.size() == count);
        } else { // these two are younger than some kernels, which then must say so
            REQUIRE(((policy == LAMINA_NUMA_PREFERRED_MANY) || (policy == LAMINA_NUMA_WEIGHTED_INTERLEAVE)));
            REQUIRE(lamina_last_os_error() == EINVAL);
            REQUIRE(policy_at(range.p) == LAMINA_NUMA_DEFAULT);
        }
    }
}

TEST_CASE("what can't hold is refused, and nothing is set", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    Range range(2);
    const size_t page = lamina_os_page_size();
    const uint16_t node = some_node();
    const uint16_t missing = missing_node();
    const uint16_t pair[2] = {node, missing};
    const uint16_t last = LAMINA_NUMA_MAX_NODES - 1;
    const uint16_t beyond = LAMINA_NUMA_MAX_NODES;
    const uint16_t far = UINT16_MAX;
    for (const lamina_numa_policy policy : {LAMINA_NUMA_BIND, LAMINA_NUMA_PREFERRED, LAMINA_NUMA_PREFERRED_MANY,
                                            LAMINA_NUMA_INTERLEAVE, LAMINA_NUMA_WEIGHTED_INTERLEAVE}) {
        INFO("policy " << policy);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, nullptr, 0), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, &node, 0), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, nullptr, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, &missing, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, pair, 2), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, &last, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, &beyond, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, policy, &far, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(nullptr, range.bytes, policy, &node, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, 0, policy, &node, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(static_cast<char *>(range.p) + 1, page, policy, &node, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, SIZE_MAX, policy, &node, 1), EINVAL);
        REQUIRE_REFUSED(lamina_numa_apply(range.p, SIZE_MAX - page + 1, policy, &node, 1), EINVAL);
    }
    const uint16_t twice[2] = {node, node};
    REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_PREFERRED, twice, 2), EINVAL);
    REQUIRE_WORKS(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_DEFAULT, nullptr, 0));
    REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_LOCAL, &node, 1), EINVAL);
    REQUIRE_REFUSED(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_DEFAULT, &node, 1), EINVAL);
    REQUIRE(policy_at(range.p) == LAMINA_NUMA_DEFAULT);
}

TEST_CASE("a range that isn't mapped has no policy", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const uint16_t node = some_node();
    const size_t page = lamina_os_page_size();
    auto *const p = static_cast<char *>(lamina_os_reserve(3 * page));
    REQUIRE(p != nullptr);
    REQUIRE(lamina_os_release(p + page, page)); // a hole that this test knows of
    REQUIRE_REFUSED(lamina_numa_apply(p + page, page, LAMINA_NUMA_BIND, &node, 1), EFAULT);
    support::forget_error();
    REQUIRE(lamina_numa_node_of(p + page) == -1);
    REQUIRE(lamina_last_os_error() == EFAULT);
    lamina_numa_policy policy = LAMINA_NUMA_BIND;
    size_t count = 99;
    REQUIRE_REFUSED(lamina_numa_policy_of(p + page, &policy, nullptr, 0, &count), EFAULT);
    REQUIRE(policy == LAMINA_NUMA_BIND);
    REQUIRE(count == 99);
    REQUIRE(lamina_os_release(p, page));
    REQUIRE(lamina_os_release(p + 2 * page, page));
}

TEST_CASE("reading a policy back needs no room for its nodes", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    Range range(1);
    const uint16_t node = some_node();
    REQUIRE(lamina_numa_apply(range.p, range.bytes, LAMINA_NUMA_BIND, &node, 1));
    lamina_numa_policy policy = LAMINA_NUMA_DEFAULT;
    size_t count = 0;
    REQUIRE_WORKS(lamina_numa_policy_of(range.p, &policy, nullptr, 0, &count));
    REQUIRE(policy == LAMINA_NUMA_BIND);
    REQUIRE(count == 1);
}

TEST_CASE("the list of nodes is the nodes", "[numa]")
{
    size_t count = 99;
    if (kernel_has_numa()) {
        REQUIRE_WORKS(lamina_numa_nodes(nullptr, 0, &count));
        REQUIRE(count == lamina_numa_node_count());
        std::vector<uint16_t> nodes(count + 1, 7777);
        REQUIRE_WORKS(lamina_numa_nodes(nodes.data(), nodes.size(), &count));
        REQUIRE(nodes[count] == 7777);
        for (size_t i = 0; i < count; i++) {
            REQUIRE(lamina_numa_node_allowed(nodes[i]));
            REQUIRE(((i == 0) || (nodes[i - 1] < nodes[i])));
        }
    }
    count = 99;
    REQUIRE_REFUSED(lamina_numa_nodes(nullptr, 1, &count), EINVAL);
    REQUIRE_REFUSED(lamina_numa_nodes(nullptr, 0, nullptr), EINVAL);
    REQUIRE(count == 99);
}

TEST_CASE("distances are the kernel's, and of nodes that exist", "[numa]")
{
    if (access("/sys/devices/system/node/online", R_OK) == 0) {
        const uint16_t node = static_cast<uint16_t>(lamina_numa_current_node());
        support::forget_error();
        REQUIRE(lamina_numa_distance(node, node) == 10);
        REQUIRE(lamina_last_os_error() == support::untouched);
    }
    support::forget_error();
    REQUIRE(lamina_numa_distance(0, 4095) == -1);
    REQUIRE(lamina_last_os_error() == EINVAL);
    support::forget_error();
    REQUIRE(lamina_numa_distance(65535, 0) == -1);
    REQUIRE(lamina_last_os_error() == EINVAL);
}

TEST_CASE("a mapping has its policy from the start", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const uint16_t node = some_node();
    const uint16_t missing = missing_node();
    const size_t bytes = 5 * lamina_os_page_size();
    const size_t before = support::mapped_pages();
    size_t got = 0;
    support::forget_error();
    void *p = lamina_numa_map(bytes, LAMINA_MAP_POPULATE, &got, LAMINA_NUMA_BIND, &node, 1);
    REQUIRE(p != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(got == lamina_os_page_size());
    REQUIRE(policy_at(p) == LAMINA_NUMA_BIND);
    REQUIRE(lamina_numa_node_of(p) == static_cast<int>(node));
    size_t resident = 0;
    REQUIRE(lamina_os_query(p, bytes, &resident));
    REQUIRE(resident == bytes);
    REQUIRE_WORKS(lamina_os_release(p, bytes));

    p = lamina_numa_map(LAMINA_HUGE_2M + 1, LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_FALLBACK, &got,
                        LAMINA_NUMA_INTERLEAVE, &node, 1);
    REQUIRE(p != nullptr);
    REQUIRE(policy_at(static_cast<char *>(p) + LAMINA_HUGE_2M) == LAMINA_NUMA_INTERLEAVE);
    REQUIRE_WORKS(lamina_os_release(p, LAMINA_HUGE_2M + 1));

    p = lamina_numa_reserve(bytes, LAMINA_NUMA_PREFERRED, &node, 1);
    REQUIRE(p != nullptr);
    REQUIRE(policy_at(p) == LAMINA_NUMA_PREFERRED);
    REQUIRE_WORKS(lamina_os_release(p, bytes));

    got = 7;
    REQUIRE_REFUSED(lamina_numa_map(bytes, 0, &got, LAMINA_NUMA_BIND, &missing, 1), EINVAL);
    REQUIRE_REFUSED(lamina_numa_map(bytes, 0, &got, LAMINA_NUMA_BIND, nullptr, 0), EINVAL);
    REQUIRE_REFUSED(lamina_numa_map(0, 0, &got, LAMINA_NUMA_BIND, &node, 1), EINVAL);
    REQUIRE_REFUSED(lamina_numa_map(bytes, 0x100, &got, LAMINA_NUMA_BIND, &node, 1), EINVAL);
    REQUIRE_REFUSED(lamina_numa_reserve(bytes, LAMINA_NUMA_PREFERRED, &missing, 1), EINVAL);
    REQUIRE_REFUSED(lamina_numa_reserve(SIZE_MAX, LAMINA_NUMA_PREFERRED, &node, 1), EINVAL);
    REQUIRE(got == 7);
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("a policy for a range with a hole is set on no part of it", "[numa]")
{
    if (!kernel_has_numa()) {
        return;
    }
    const size_t page = lamina_os_page_size();
    const uint16_t node = some_node();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(4 * page, 0));
    REQUIRE(p != nullptr);
    REQUIRE(lamina_os_release(p + 2 * page, page));
    for (const size_t first : {0U, 1U, 2U}) { // the hole inside, at the end, at the start
        const size_t pages = (first == 0) ? 4 : 2;
        INFO("from page " << first);
        REQUIRE_REFUSED(lamina_numa_apply(p + first * page, pages * page, LAMINA_NUMA_BIND, &node, 1), EFAULT);
        for (const size_t i : {0U, 1U, 3U}) {
            REQUIRE(policy_at(p + i * page) == LAMINA_NUMA_DEFAULT);
        }
    }
    REQUIRE(lamina_os_release(p, 2 * page));
    REQUIRE(lamina_os_release(p + 3 * page, page));
}

TEST_CASE("a policy is told to somebody", "[numa]")
{
    lamina_numa_policy policy = LAMINA_NUMA_LOCAL;
    size_t count = 7;
    const Range range(1);
    REQUIRE_REFUSED(lamina_numa_policy_of(range.p, nullptr, nullptr, 0, &count), EINVAL);
    REQUIRE_REFUSED(lamina_numa_policy_of(range.p, &policy, nullptr, 0, nullptr), EINVAL);
    REQUIRE_REFUSED(lamina_numa_policy_of(range.p, &policy, nullptr, 1, &count), EINVAL);
    REQUIRE(policy == LAMINA_NUMA_LOCAL);
    REQUIRE(count == 7);
}
