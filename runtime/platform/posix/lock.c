/* SPDX-License-Identifier: MIT */
/* Locked pages: see lamina/secret.h. */
#include "calls.h"

#include "lamina/block.h"
#include "lamina/secret.h"

#include "mapped.h"
#include "platform.h"

/* A lock that fails midway may leave pages locked that came before, so that they are unlocked again. EPERM comes
 * before anything is done, and leaves what was locked earlier as it was. */
bool lamina_os_lock(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (KERNEL(mlock)(p, pages) != 0)) {
        const int error = errno;
        if (error != EPERM) {
            (void)KERNEL(munlock)(p, pages);
        }
        ok = lamina_refuse_(error);
    }
    return ok;
}

bool lamina_os_unlock(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && ((KERNEL(munlock)(p, pages) == 0) || lamina_refuse_(errno));
}

bool lamina_secret_release(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    if (pages == 0U) {
        return false;
    }
    lamina_zero(p, pages);
    return (PLATFORM(munmap)(p, pages) == 0) || lamina_refuse_(errno);
}
