/* SPDX-License-Identifier: MIT */
/*
 * Memory nodes on Windows: see lamina/numa.h. A preferred node is given when a range is reserved or mapped, and to
 * nothing that is there already. The system takes the number of a node that doesn't exist and prefers none, which is
 * why each is looked up first.
 */
#include "calls.h"

#include "lamina/numa.h"
#include "lamina/os.h"

#include "platform.h"
#include "region.h"

/* The machine's nodes, as records of various lengths. Room for 170 of them; Windows knows 64. */
typedef struct node_list {
    LAMINA_ALIGNED(8) unsigned char bytes[8192];
    size_t used;
} node_list;

static bool ask_for_nodes(node_list *list)
{
    unsigned long bytes = sizeof list->bytes;
    const bool ok = PLATFORM(node_list)(list->bytes, &bytes) != 0;
    list->used = ok ? bytes : 0U;
    return ok || lamina_refuse_(lamina_windows_error());
}

/* Steps through the list: puts the next record into *out and tells whether there is one. */
static bool next_node(const node_list *list, size_t *at, NUMA_NODE_RELATIONSHIP *out)
{
    const size_t header = offsetof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, NumaNode);
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX record;
    const bool more = (*at < list->used) && (list->used - *at >= header + sizeof *out);
    if (more) {
        memcpy(&record, list->bytes + *at, header);
        memcpy(out, list->bytes + *at + header, sizeof *out);
        *at = (record.Size != 0U) ? (*at + record.Size) : list->used;
    }
    return more;
}

/* Tells whether the machine has this node; false with the error set when not, or when it doesn't say. */
static bool node_exists(uint16_t node)
{
    node_list list;
    NUMA_NODE_RELATIONSHIP found;
    bool has = false;
    if (!ask_for_nodes(&list)) {
        return false;
    }
    for (size_t at = 0; !has && next_node(&list, &at, &found);) {
        has = (found.NodeNumber == node);
    }
    return has || lamina_refuse_(ERROR_INVALID_PARAMETER);
}

/* The node for a policy, or LAMINA_WINDOWS_ANY_NODE, in *out. */
static bool node_for(lamina_numa_policy policy, const uint16_t *nodes, size_t count, unsigned long *out)
{
    bool ok = false;
    *out = LAMINA_WINDOWS_ANY_NODE;
    switch (policy) {
    case LAMINA_NUMA_DEFAULT:
        ok = (count == 0U) || lamina_refuse_(ERROR_INVALID_PARAMETER);
        break;
    case LAMINA_NUMA_PREFERRED:
        if ((count != 1U) || (nodes == NULL)) {
            ok = lamina_refuse_(ERROR_INVALID_PARAMETER);
        } else if (node_exists(nodes[0])) {
            *out = nodes[0];
            ok = true;
        }
        break;
    case LAMINA_NUMA_BIND:
    case LAMINA_NUMA_PREFERRED_MANY:
    case LAMINA_NUMA_INTERLEAVE:
    case LAMINA_NUMA_WEIGHTED_INTERLEAVE:
        ok = lamina_refuse_(((count == 0U) || (nodes == NULL)) ? ERROR_INVALID_PARAMETER : ERROR_NOT_SUPPORTED);
        break;
    case LAMINA_NUMA_LOCAL:
        ok = lamina_refuse_((count != 0U) ? ERROR_INVALID_PARAMETER : ERROR_NOT_SUPPORTED);
        break;
    default:
        ok = lamina_refuse_(ERROR_INVALID_PARAMETER);
        break;
    }
    return ok;
}

bool lamina_numa_apply(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    unsigned long node = 0U;
    return (lamina_range_(p, bytes) != 0U) && node_for(policy, nodes, count, &node) &&
           ((node == LAMINA_WINDOWS_ANY_NODE) || lamina_refuse_(ERROR_NOT_SUPPORTED));
}

void *lamina_numa_reserve(size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    unsigned long node = 0U;
    return node_for(policy, nodes, count, &node) ? lamina_windows_reserve_(bytes, node) : NULL;
}

void *lamina_numa_map(size_t bytes, unsigned flags, size_t *page_got, lamina_numa_policy policy,
                      const uint16_t *nodes, size_t count)
{
    unsigned long node = 0U;
    return node_for(policy, nodes, count, &node) ? lamina_windows_map_(bytes, flags, page_got, node) : NULL;
}

/* Asked of the system, and where it doesn't say, of the list of nodes with their processors. */
int lamina_numa_current_node(void)
{
    PROCESSOR_NUMBER here;
    node_list list;
    NUMA_NODE_RELATIONSHIP found;
    unsigned short node = 0U;
    int out = -1;
    GetCurrentProcessorNumberEx(&here);
    if (PLATFORM(node_of_processor)(&here, &node) != 0) {
        out = (int)node;
    } else if (ask_for_nodes(&list)) {
        for (size_t at = 0; (out < 0) && next_node(&list, &at, &found);) {
            if ((found.GroupMask.Group == here.Group) &&
                (((found.GroupMask.Mask >> here.Number) & (KAFFINITY)1) != 0U)) {
                out = (int)found.NodeNumber;
            }
        }
        if (out < 0) {
            lamina_set_last_os_error(ERROR_NOT_SUPPORTED);
        }
    }
    return out;
}

/* In the order of the system's list, which is ascending. */
bool lamina_numa_nodes(uint16_t *nodes, size_t capacity, size_t *count)
{
    node_list list;
    NUMA_NODE_RELATIONSHIP found;
    size_t have = 0U;
    if ((count == NULL) || ((nodes == NULL) && (capacity != 0U))) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    if (!ask_for_nodes(&list)) {
        return false;
    }
    for (size_t at = 0; next_node(&list, &at, &found); have++) {
        if (have < capacity) {
            nodes[have] = (uint16_t)found.NodeNumber;
        }
    }
    *count = have;
    return true;
}

unsigned lamina_numa_node_count(void)
{
    size_t count = 0U;
    return lamina_numa_nodes(NULL, 0U, &count) ? (unsigned)count : 0U;
}

bool lamina_numa_node_allowed(uint16_t node)
{
    const int before = lamina_last_os_error();
    const bool out = node_exists(node);
    if (!out && (lamina_last_os_error() == ERROR_INVALID_PARAMETER)) {
        lamina_set_last_os_error(before); /* "no" is an answer */
    }
    return out;
}

int lamina_numa_distance(uint16_t from, uint16_t to)
{
    if (node_exists(from) && node_exists(to)) {
        lamina_set_last_os_error(ERROR_NOT_SUPPORTED);
    }
    return -1;
}

int lamina_numa_node_of(const void *p)
{
    PSAPI_WORKING_SET_EX_INFORMATION page;
    int out = -1;
    page.VirtualAddress = (void *)(uintptr_t)p; /* only asked about */
    page.VirtualAttributes.Flags = 0U;
    if (PLATFORM(query_pages)(&page, sizeof page) == 0) {
        lamina_set_last_os_error(lamina_windows_error());
    } else if ((page.VirtualAttributes.Flags & 1U) == 0U) {
        lamina_set_last_os_error(ERROR_INVALID_ADDRESS); /* not in memory, so on no node */
    } else {
        out = (int)((page.VirtualAttributes.Flags >> 16U) & 0x3FU); /* Node */
    }
    return out;
}

bool lamina_numa_policy_of(const void *p, lamina_numa_policy *policy, uint16_t *nodes, size_t capacity,
                           size_t *count)
{
    (void)p;
    const bool told = (policy != NULL) && (count != NULL) && ((nodes != NULL) || (capacity == 0U));
    return lamina_refuse_(told ? ERROR_NOT_SUPPORTED : ERROR_INVALID_PARAMETER);
}
