/* SPDX-License-Identifier: MIT */
/* A walk over the kernel's regions. Private to runtime/platform/macos, and apart from its calls so that any system
 * can test it. */
#ifndef LAMINA_PLATFORM_MACOS_REGION_H
#define LAMINA_PLATFORM_MACOS_REGION_H

#include "lamina/core.h"

/* Answers with the first region that ends behind *at: where it starts, its size, whether it is locked. 0, or -1
 * where there is no further one. */
typedef int (*lamina_macos_ask)(uintptr_t *at, size_t *bytes, bool *locked);

/* True when the whole range is mapped; *locked then tells whether any of it is locked. The kernel answers for an
 * address where nothing is mapped with the next region, so that one which starts behind the address shows a hole.
 */
static inline bool lamina_macos_walk_(lamina_macos_ask ask, const void *p, size_t bytes, bool *locked)
{
    uintptr_t at = (uintptr_t)p;
    const uintptr_t end = at + bytes;
    bool ok = true;
    *locked = false;
    while (ok && (at < end)) {
        uintptr_t start = at;
        size_t size = 0U;
        bool here = false;
        ok = (ask(&start, &size, &here) == 0) && (start <= at) && (size > at - start);
        if (ok) {
            const size_t rest = size - (at - start);
            at = (rest < end - at) ? at + rest : end;
            *locked = *locked || here;
        }
    }
    return ok;
}

#endif /* LAMINA_PLATFORM_MACOS_REGION_H */
