/* SPDX-License-Identifier: MIT */
/*
 * In what order two threads' calls are written is said where it matters, which is where they are about one address: a
 * block that one allocates and another frees, an address that one frees and another gets. So each address has an owner,
 * the lane that wrote about it last. An owner's next call about it comes after its last one, by its place in the lane.
 * Another lane takes the address over, and a stamp with it.
 *
 *   take over:  1. owner = self   2. take the next stamp   3. owner is still self? else from the start
 *   a call:     owner is self     write it, with the lane's last stamp
 *
 * So at every call the owner was seen to be self after the lane's last stamp was taken (A). Let a call of lane P come
 * before one of lane Q, both about one address. Q's step 1 comes after P's look at the owner: it can't come before P's
 * own step 1, since what Q sees at its call is not older than that. Then Q's stamp was taken after P's look, and so,
 * by (A), after P's stamp: it is higher. Where nobody owns an address no call comes before, and no stamp is taken. The
 * argument needs the order of all these accesses to be one for all threads: they are sequentially consistent, which
 * costs nothing where an owner is only looked at (x86-64: a load; AArch64: a load-acquire).
 *
 * Addresses share entries, 64 bytes that lie together and what is far apart by chance. That costs stamps, never the
 * order: an entry stands for all of its addresses. A forked child sees what its parent's lanes owned, as if its own of
 * the same numbers did. No call of the child's is behind that, and so it does no harm.
 */
#ifndef LAMINA_LANE_OWNERS_H
#define LAMINA_LANE_OWNERS_H

#include <stddef.h>
#include <stdint.h>

#define LANE_OWNERS ((size_t)1 << 19U) /* 2 MiB, of which a page is used for each 64 KiB of heap */

/* What is near stays near, for the cache. Heaps of threads begin at multiples of 64 MiB: their numbers spread them. */
static inline size_t lane_owner_place(uint64_t address)
{
    return (size_t)((address >> 6U) + (address >> 26U) * UINT64_C(0x9E3779B1)) % LANE_OWNERS;
}

#endif
