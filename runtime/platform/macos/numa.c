/* SPDX-License-Identifier: MIT */
/* Memory nodes on macOS, whose machines have one, numbered 0: see lamina/numa.h. */
#include "calls.h"

#include "lamina/numa.h"

#include "platform.h"

/* True for the one policy there is; else false with the error set. */
static bool is_default(lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    const bool takes_nodes = (policy != LAMINA_NUMA_LOCAL) && (policy != LAMINA_NUMA_DEFAULT);
    const bool sound = (policy >= LAMINA_NUMA_BIND) && (policy <= LAMINA_NUMA_DEFAULT) &&
                       (takes_nodes == (count != 0U)) && ((nodes != NULL) || (count == 0U)) &&
                       ((policy != LAMINA_NUMA_PREFERRED) || (count == 1U));
    bool ok = sound || lamina_refuse_(EINVAL);
    for (size_t i = 0; ok && (i < count); i++) {
        ok = (nodes[i] == 0U) || lamina_refuse_(EINVAL); /* a node that doesn't exist */
    }
    return ok && ((policy == LAMINA_NUMA_DEFAULT) || lamina_refuse_(ENOTSUP));
}

bool lamina_numa_apply(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    return (lamina_range_(p, bytes) != 0U) && is_default(policy, nodes, count);
}

void *lamina_numa_reserve(size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    return is_default(policy, nodes, count) ? lamina_os_reserve(bytes) : NULL;
}

void *lamina_numa_map(size_t bytes, unsigned flags, size_t *page_got, lamina_numa_policy policy,
                      const uint16_t *nodes, size_t count)
{
    return is_default(policy, nodes, count) ? lamina_os_map_ex(bytes, flags, page_got) : NULL;
}

int lamina_numa_current_node(void)
{
    return 0;
}

unsigned lamina_numa_node_count(void)
{
    return 1U;
}

bool lamina_numa_nodes(uint16_t *nodes, size_t capacity, size_t *count)
{
    if ((count == NULL) || ((nodes == NULL) && (capacity != 0U))) {
        return lamina_refuse_(EINVAL);
    }
    if (capacity != 0U) {
        nodes[0] = 0U;
    }
    *count = 1U;
    return true;
}

bool lamina_numa_node_allowed(uint16_t node)
{
    return node == 0U;
}

int lamina_numa_distance(uint16_t from, uint16_t to)
{
    const bool known = (from == 0U) && (to == 0U);
    if (!known) {
        lamina_set_last_os_error(EINVAL);
    }
    return known ? 10 : -1;
}

int lamina_numa_node_of(const void *p)
{
    unsigned char state = 0U;
    const size_t page = lamina_os_page_size();
    int out = -1;
    if (page != 0U) {
        /* mincore() has no const, and only asks */
        unsigned char *const start = (unsigned char *)lamina_round_down((size_t)(uintptr_t)p, page);
        const bool present = (KERNEL(mincore)(start, page, &state) == 0) && ((state & 1U) != 0U);
        out = present ? 0 : -1;
        if (!present) {
            lamina_set_last_os_error(EFAULT);
        }
    }
    return out;
}

bool lamina_numa_policy_of(const void *p, lamina_numa_policy *policy, uint16_t *nodes, size_t capacity,
                           size_t *count)
{
    const bool told = (policy != NULL) && (count != NULL) && ((nodes != NULL) || (capacity == 0U));
    const bool ok = (told || lamina_refuse_(EINVAL)) && ((p != NULL) || lamina_refuse_(EFAULT));
    if (ok) {
        *policy = LAMINA_NUMA_DEFAULT;
        *count = 0U;
    }
    return ok;
}
