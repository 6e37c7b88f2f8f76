/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: on which memory node a range's pages will lie.
 *
 * Set the policy before the first touch: it decides where pages go when they come into being and moves none. Kernel
 * interface, no libnuma. Errors as in os.h; a machine or a kernel that can't do what was asked makes the call fail,
 * so "it returned true" means that the policy holds. What a platform can't do is LAMINA_OS_ERROR_UNSUPPORTED: every
 * policy but DEFAULT on macOS, whose machines have one node; on Windows see lamina_numa_reserve().
 */
#ifndef LAMINA_NUMA_H
#define LAMINA_NUMA_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

typedef enum lamina_numa_policy {
    LAMINA_NUMA_BIND,                /* these nodes and no other; out of memory there is out of memory */
    LAMINA_NUMA_PREFERRED,           /* this one node (exactly one), others when it is full */
    LAMINA_NUMA_PREFERRED_MANY,      /* these nodes, others when they are full (Linux 5.15) */
    LAMINA_NUMA_INTERLEAVE,          /* page by page over these nodes */
    LAMINA_NUMA_WEIGHTED_INTERLEAVE, /* the same by the system's weights (Linux 6.9) */
    LAMINA_NUMA_LOCAL,               /* the node of the processor that touches first; takes no nodes */
    LAMINA_NUMA_DEFAULT              /* no policy of the range's own: the thread's; takes no nodes */
} lamina_numa_policy;

/* Node numbers are below this, which is above what any kernel is built for. */
#define LAMINA_NUMA_MAX_NODES 4096U

/* Sets the policy of a range, page-aligned and mapped or reserved (bytes are rounded up to whole pages). EINVAL,
 * before any policy is set: an empty list where the policy needs nodes or a list where it takes none, more than one
 * node for PREFERRED, a node number of 4096 or more, a node that doesn't exist or that this process may not use
 * (the kernel would quietly drop that one from a longer list), a policy that the kernel doesn't know. EIO: pages of
 * the range are already elsewhere. EFAULT: anything of the range isn't mapped, and no part of it has the policy then.
 * Two system calls; 512 bytes of stack twice. */
LAMINA_NODISCARD bool lamina_numa_apply(void *p, size_t bytes, lamina_numa_policy policy, const uint16_t *nodes,
                                        size_t count);

/* lamina_os_reserve() and lamina_os_map_ex() with a policy from the start, so that no page can be touched before it
 * holds: NULL and nothing mapped when it can't. Populated memory is populated on its nodes. The one way on Windows,
 * which sets a node when it maps and never after; there the policies are PREFERRED and DEFAULT. A node beyond the
 * machine's is EINVAL, on Windows by a check of our own, since the system takes any number. */
LAMINA_NODISCARD void *lamina_numa_reserve(size_t bytes, lamina_numa_policy policy, const uint16_t *nodes,
                                           size_t count);
LAMINA_NODISCARD void *lamina_numa_map(size_t bytes, unsigned flags, size_t *page_got, lamina_numa_policy policy,
                                       const uint16_t *nodes, size_t count);

/* The node of the processor that the calling thread runs on at this moment; -1 on failure. */
int lamina_numa_current_node(void);

/* How many nodes this process may take memory from; 0 on failure (a kernel without NUMA: ENOSYS). Their numbers
 * need not be contiguous: lamina_numa_node_allowed() tells. */
unsigned lamina_numa_node_count(void);

/* Their numbers in ascending order: up to `capacity` of them go to `nodes`, *count says how many there are. */
LAMINA_NODISCARD bool lamina_numa_nodes(uint16_t *nodes, size_t capacity, size_t *count);

/* How far memory of node `to` is from a processor of node `from`, as the firmware tells it: 10 within a node, 20 for
 * twice as far. -1 on failure: EINVAL for a node that doesn't exist. Windows doesn't tell (unsupported). Reads a file
 * of /sys on Linux, so ask once. */
int lamina_numa_distance(uint16_t from, uint16_t to);

/* True when the process may take memory from this node. False for every node where the kernel has no NUMA. */
bool lamina_numa_node_allowed(uint16_t node);

/* The node on which the page at `p` lies; -1 on failure. Touch the page first: an untouched one is brought into
 * being by the question, as the shared page of zeroes, and the answer is that page's node. */
int lamina_numa_node_of(const void *p);

/* Reads back the policy that the page at `p` is under, with its nodes in ascending order: up to `capacity` of them
 * go to `nodes` and *count says how many there are. EINVAL: nowhere to tell it. For tests and diagnostics. */
LAMINA_NODISCARD bool lamina_numa_policy_of(const void *p, lamina_numa_policy *policy, uint16_t *nodes,
                                            size_t capacity, size_t *count);

LAMINA_EXTERN_C_END

#endif /* LAMINA_NUMA_H */
