/* SPDX-License-Identifier: MIT */
/* Secret mappings on macOS, which can lock pages and keep them from children, and no more: see lamina/secret.h. */
#include "calls.h"

#include "lamina/secret.h"

#include "mapped.h"
#include "platform.h"

bool lamina_os_lock_on_touch(void *p, size_t bytes)
{
    return (lamina_posix_range_(p, bytes) != 0U) && lamina_refuse_(ENOTSUP);
}

#define ALL (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK | LAMINA_SECRET_HIDDEN)
#define HAVE (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_FORK)

void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got)
{
    if ((required & ~ALL) != 0U) {
        return lamina_refuse_null_(EINVAL);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    if (pages == 0U) {
        return NULL;
    }
    if ((required & ~HAVE) != 0U) {
        return lamina_refuse_null_(ENOTSUP);
    }
    void *p = lamina_posix_map_(pages, 1U, PROT_READ | PROT_WRITE, 0);
    if (p == NULL) {
        return NULL;
    }
    const bool ok = ((KERNEL(minherit)(p, pages, VM_INHERIT_NONE) == 0) && (KERNEL(mlock)(p, pages) == 0)) ||
                    lamina_refuse_(errno);
    if (!ok) {
        lamina_posix_unmap_(p, pages);
        p = NULL;
    } else if (got != NULL) {
        *got = HAVE;
    }
    return p;
}
