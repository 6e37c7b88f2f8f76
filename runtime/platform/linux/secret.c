/* SPDX-License-Identifier: MIT */
/* Secret mappings on Linux, and locking at first touch: see lamina/secret.h. */
#include "calls.h"

#include "lamina/secret.h"

#include "advice.h"
#include "mapped.h"
#include "platform.h"

bool lamina_os_lock_on_touch(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (KERNEL(mlock2)(p, pages, MLOCK_ONFAULT) != 0)) {
        const int error = errno;
        if ((error != ENOSYS) && (error != EPERM)) { /* with which nothing was locked or unlocked */
            (void)KERNEL(munlock)(p, pages);
        }
        ok = lamina_refuse_((error == ENOSYS) ? ENOTSUP : error);
    }
    return ok;
}

#define ALL (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK | LAMINA_SECRET_HIDDEN)

/* Brings every page of a secret file into being, which neither madvise() nor mlock() do, as the kernel itself has no
 * way to such a page. A touch would end the program where memory is short; the kernel, writing an answer there by the
 * program's own mapping, says so instead. */
static bool touch_by_kernel(unsigned char *p, size_t bytes)
{
    const size_t page = lamina_os_page_size();
    bool ok = true;
    for (size_t i = 0; ok && (i < bytes);) {
        const long got = KERNEL(getrandom)(p + i, 1U, 0U);
        ok = (got == 1) || ((got < 0) && (errno == EINTR));
        if (got == 1) {
            p[i] = 0U;
            i += page;
        }
    }
    return ok || lamina_refuse_((errno == EFAULT) ? ENOMEM : errno);
}

/* Memory of a file that the kernel takes out of its own map of memory. Locked and left out of dumps by nature; shared
 * by nature too, so that a child of a fork must not have it at all. */
static void *map_hidden(size_t pages)
{
    const long file = KERNEL(memfd_secret)((unsigned)O_CLOEXEC);
    if (file < 0) {
        return lamina_refuse_null_((errno == ENOSYS) ? ENOTSUP : errno);
    }
    void *p = MAP_FAILED;
    if ((pages <= (size_t)LONG_MAX) && (PLATFORM(ftruncate)((int)file, (long)pages) == 0)) {
        p = PLATFORM(mmap)(NULL, pages, PROT_READ | PROT_WRITE, MAP_SHARED, (int)file, 0);
    }
    const int error = errno;
    (void)PLATFORM(close)((int)file); /* the mapping keeps it */
    if (p == MAP_FAILED) {
        return lamina_refuse_null_(error);
    }
    bool ok = (lamina_linux_advise_(p, pages, MADV_DONTFORK) == 0) || lamina_refuse_(errno);
    ok = ok && touch_by_kernel((unsigned char *)p, pages);
    if (!ok) {
        lamina_posix_unmap_(p, pages);
        p = NULL;
    }
    return p;
}

/* True when the advice was taken, or when it isn't required; *got gains the property in the first case. */
static bool gain(void *p, size_t pages, int advice, unsigned property, unsigned required, unsigned *got)
{
    bool ok = lamina_linux_advise_(p, pages, advice) == 0;
    if (ok) {
        *got |= property;
    } else if ((required & property) != 0U) {
        lamina_set_last_os_error((errno == EINVAL) ? ENOTSUP : errno);
    } else {
        ok = true;
    }
    return ok;
}

/* Private memory with the properties put on one by one, locked last, so that nothing can be in it before. */
static void *map_private(size_t pages, unsigned required, unsigned *got)
{
    void *p = lamina_posix_map_(pages, 1U, PROT_READ | PROT_WRITE, 0);
    if (p == NULL) {
        return NULL;
    }
    unsigned has = LAMINA_SECRET_LOCKED;
    bool ok = gain(p, pages, MADV_DONTDUMP, LAMINA_SECRET_NO_DUMP, required, &has);
    ok = ok && gain(p, pages, MADV_WIPEONFORK, LAMINA_SECRET_NO_FORK, 0U, &has);
    if (ok && ((has & LAMINA_SECRET_NO_FORK) == 0U)) { /* before Linux 4.14 */
        ok = gain(p, pages, MADV_DONTFORK, LAMINA_SECRET_NO_FORK, required, &has);
    }
    ok = ok && ((KERNEL(mlock)(p, pages) == 0) || lamina_refuse_(errno));
    if (ok) {
        *got = has;
    } else {
        lamina_posix_unmap_(p, pages);
        p = NULL;
    }
    return p;
}

void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got)
{
    const int error_before = lamina_last_os_error();
    unsigned has = ALL;
    if ((required & ~ALL) != 0U) {
        return lamina_refuse_null_(EINVAL);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    void *p = (pages != 0U) ? map_hidden(pages) : NULL;
    if ((p == NULL) && (pages != 0U) && ((required & LAMINA_SECRET_HIDDEN) == 0U)) {
        p = map_private(pages, required, &has);
    }
    if (p != NULL) {
        lamina_set_last_os_error(error_before); /* what failed before a way that worked is no error */
        if (got != NULL) {
            *got = has;
        }
    }
    return p;
}
