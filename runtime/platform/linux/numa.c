/* SPDX-License-Identifier: MIT */
/* Memory policies of the Linux kernel: see lamina/numa.h. */
#include "calls.h"

#include "lamina/numa.h"
#include "lamina/os.h"

#include "platform.h"

/* From the kernel's include/uapi/linux/mempolicy.h, which older headers have only in part. */
enum { /* modes */
       POLICY_DEFAULT = 0,
       POLICY_PREFERRED = 1,
       POLICY_BIND = 2,
       POLICY_INTERLEAVE = 3,
       POLICY_LOCAL = 4,
       POLICY_PREFERRED_MANY = 5,
       POLICY_WEIGHTED_INTERLEAVE = 6,
       POLICY_FLAGS = 0xE000 /* how nodes are renumbered when a cpuset changes: or-ed to a mode that is read back */
};
#define ASK_NODE 1UL    /* MPOL_F_NODE */
#define ASK_ADDRESS 2UL /* MPOL_F_ADDR */
#define ASK_ALLOWED 4UL /* MPOL_F_MEMS_ALLOWED */
#define STRICT 1U       /* MPOL_MF_STRICT: fail when pages lie elsewhere already */

#define BITS_PER_WORD (sizeof(unsigned long) * CHAR_BIT)
#define MASK_WORDS (LAMINA_NUMA_MAX_NODES / BITS_PER_WORD)
/* The kernel reads one bit less than it is told of. */
#define MASK_BITS (LAMINA_NUMA_MAX_NODES + 1UL)

typedef struct node_set {
    unsigned long words[MASK_WORDS];
} node_set;

static bool node_set_has(const node_set *set, unsigned node)
{
    return (node < LAMINA_NUMA_MAX_NODES) &&
           (((set->words[node / BITS_PER_WORD] >> (node % BITS_PER_WORD)) & 1UL) != 0U);
}

static unsigned node_set_count(const node_set *set)
{
    unsigned out = 0;
    for (size_t i = 0; i < MASK_WORDS; i++) {
        out += lamina_popcount64(set->words[i]);
    }
    return out;
}

/* The nodes that this process's cpuset lets it use, which are among those that exist. */
static bool node_set_allowed(node_set *set)
{
    const node_set none = {{0}};
    *set = none;
    return (KERNEL(get_mempolicy)(NULL, set->words, MASK_BITS, NULL, ASK_ALLOWED) == 0) || lamina_refuse_(errno);
}

/* The kernel's number for a policy, or -1; how many nodes it takes goes to *fewest and *most. */
static int kernel_policy(lamina_numa_policy policy, size_t *fewest, size_t *most)
{
    int out = -1;
    *fewest = 1U;
    *most = SIZE_MAX;
    switch (policy) {
    case LAMINA_NUMA_BIND:
        out = POLICY_BIND;
        break;
    case LAMINA_NUMA_PREFERRED:
        out = POLICY_PREFERRED; /* the kernel would take the first of several and say nothing */
        *most = 1U;
        break;
    case LAMINA_NUMA_PREFERRED_MANY:
        out = POLICY_PREFERRED_MANY;
        break;
    case LAMINA_NUMA_INTERLEAVE:
        out = POLICY_INTERLEAVE;
        break;
    case LAMINA_NUMA_WEIGHTED_INTERLEAVE:
        out = POLICY_WEIGHTED_INTERLEAVE;
        break;
    case LAMINA_NUMA_LOCAL:
        out = POLICY_LOCAL;
        *fewest = 0U;
        *most = 0U;
        break;
    case LAMINA_NUMA_DEFAULT:
        out = POLICY_DEFAULT;
        *fewest = 0U;
        *most = 0U;
        break;
    }
    return out;
}

bool lamina_numa_apply(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    size_t fewest = 0U;
    size_t most = 0U;
    size_t rounded = 0U;
    const size_t page = lamina_os_page_size();
    const int mode = kernel_policy(policy, &fewest, &most);
    if (page == 0U) {
        return false; /* the error is set */
    }
    if ((p == NULL) || (bytes == 0U) || !lamina_is_aligned(p, page) ||
        lamina_round_up_overflows(bytes, page, &rounded) || (rounded > UINTPTR_MAX - (uintptr_t)p) || (mode < 0) ||
        (count < fewest) || (count > most) || ((nodes == NULL) && (count != 0U))) {
        return lamina_refuse_(EINVAL);
    }

    node_set wanted = {{0}};
    if (count != 0U) {
        node_set allowed;
        if (!node_set_allowed(&allowed)) {
            return false;
        }
        for (size_t i = 0; i < count; i++) {
            if (!node_set_has(&allowed, nodes[i])) {
                return lamina_refuse_(EINVAL);
            }
            wanted.words[nodes[i] / BITS_PER_WORD] |= 1UL << (nodes[i] % BITS_PER_WORD);
        }
    }

    /* A policy without nodes has no pages that could lie on the wrong one. */
    const unsigned flags = (count != 0U) ? STRICT : 0U;
    const unsigned long *const mask = (count != 0U) ? wanted.words : NULL;
    const unsigned long bits = (count != 0U) ? MASK_BITS : 0UL;
    return (KERNEL(mbind)(p, rounded, mode, mask, bits, flags) == 0) || lamina_refuse_(errno);
}

/* Puts a policy on a new mapping, or takes the mapping back. */
static void *with_policy(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    void *out = p;
    if ((p != NULL) && !lamina_numa_apply(p, bytes, policy, nodes, count)) {
        const int error = lamina_last_os_error();
        (void)lamina_os_release(p, bytes);
        lamina_set_last_os_error(error);
        out = NULL;
    }
    return out;
}

void *lamina_numa_reserve(size_t bytes, lamina_numa_policy policy, const uint16_t *nodes, size_t count)
{
    return with_policy(lamina_os_reserve(bytes), bytes, policy, nodes, count);
}

/* Populated after the policy is set, which is what decides where the pages go. */
void *lamina_numa_map(size_t bytes, unsigned flags, size_t *page_got, lamina_numa_policy policy,
                      const uint16_t *nodes, size_t count)
{
    size_t got = 0U;
    void *p = lamina_os_map_ex(bytes, flags & ~LAMINA_MAP_POPULATE, &got);
    if (p == NULL) {
        return NULL;
    }
    const size_t whole = lamina_round_up(bytes, got); /* a policy can't end within a huge page */
    p = with_policy(p, whole, policy, nodes, count);
    if ((p != NULL) && ((flags & LAMINA_MAP_POPULATE) != 0U) && !lamina_os_populate(p, whole)) {
        const int error = lamina_last_os_error();
        (void)lamina_os_release(p, whole);
        lamina_set_last_os_error(error);
        p = NULL;
    }
    if ((p != NULL) && (page_got != NULL)) {
        *page_got = got;
    }
    return p;
}

int lamina_numa_current_node(void)
{
    unsigned node = 0;
    int out = -1;
    if (KERNEL(getcpu)(NULL, &node) == 0) {
        out = (int)node;
    } else {
        lamina_set_last_os_error(errno);
    }
    return out;
}

unsigned lamina_numa_node_count(void)
{
    node_set allowed;
    return node_set_allowed(&allowed) ? node_set_count(&allowed) : 0U;
}

/* Up to `capacity` members of a set, in ascending order. */
static void list_nodes(const node_set *set, uint16_t *nodes, size_t capacity)
{
    size_t written = 0U;
    for (unsigned node = 0; (node < LAMINA_NUMA_MAX_NODES) && (written < capacity); node++) {
        if (node_set_has(set, node)) {
            nodes[written++] = (uint16_t)node;
        }
    }
}

bool lamina_numa_nodes(uint16_t *nodes, size_t capacity, size_t *count)
{
    node_set allowed;
    if ((count == NULL) || ((nodes == NULL) && (capacity != 0U))) {
        return lamina_refuse_(EINVAL);
    }
    if (!node_set_allowed(&allowed)) {
        return false;
    }
    list_nodes(&allowed, nodes, capacity);
    *count = node_set_count(&allowed);
    return true;
}

bool lamina_numa_node_allowed(uint16_t node)
{
    node_set allowed;
    return node_set_allowed(&allowed) && node_set_has(&allowed, node);
}

int lamina_numa_node_of(const void *p)
{
    int node = -1;
    /* The kernel takes the address as a number; nothing is written there. */
    if (KERNEL(get_mempolicy)(&node, NULL, 0UL, (void *)(uintptr_t)p, ASK_NODE | ASK_ADDRESS) != 0) {
        lamina_set_last_os_error(errno);
        node = -1;
    }
    return node;
}

bool lamina_numa_policy_of(const void *p, lamina_numa_policy *policy, uint16_t *nodes, size_t capacity,
                           size_t *count)
{
    int mode = 0;
    node_set set = {{0}};
    lamina_numa_policy found = LAMINA_NUMA_DEFAULT;
    if ((policy == NULL) || (count == NULL) || ((nodes == NULL) && (capacity != 0U))) {
        return lamina_refuse_(EINVAL);
    }
    if (KERNEL(get_mempolicy)(&mode, set.words, MASK_BITS, (void *)(uintptr_t)p, ASK_ADDRESS) != 0) {
        return lamina_refuse_(errno);
    }
    const unsigned have = node_set_count(&set);
    switch (mode & ~POLICY_FLAGS) {
    case POLICY_DEFAULT:
        found = LAMINA_NUMA_DEFAULT;
        break;
    case POLICY_PREFERRED: /* kernels before 5.14 show LOCAL as a preference for no node */
        found = (have == 0U) ? LAMINA_NUMA_LOCAL : LAMINA_NUMA_PREFERRED;
        break;
    case POLICY_BIND:
        found = LAMINA_NUMA_BIND;
        break;
    case POLICY_INTERLEAVE:
        found = LAMINA_NUMA_INTERLEAVE;
        break;
    case POLICY_LOCAL:
        found = LAMINA_NUMA_LOCAL;
        break;
    case POLICY_PREFERRED_MANY:
        found = LAMINA_NUMA_PREFERRED_MANY;
        break;
    case POLICY_WEIGHTED_INTERLEAVE:
        found = LAMINA_NUMA_WEIGHTED_INTERLEAVE;
        break;
    default:
        return lamina_refuse_(ENOTSUP); /* a policy of a newer kernel, which this interface has no name for */
    }
    list_nodes(&set, nodes, capacity);
    *policy = found;
    *count = have;
    return true;
}
