/* SPDX-License-Identifier: MIT */
/* Locked memory on Windows: see lamina/secret.h. */
#include "calls.h"

#include "lamina/block.h"
#include "lamina/secret.h"

#include "platform.h"
#include "region.h"

/* What can be locked is the least that the process's working set may be, less a little. Raised by what is needed. */
static bool make_room(size_t bytes)
{
    size_t least = 0U;
    size_t most = 0U;
    const size_t more = bytes + 16U * lamina_os_page_size();
    return (PLATFORM(get_working_set)(&least, &most) != 0) && (least <= SIZE_MAX - more) && (most <= SIZE_MAX - more) &&
           (PLATFORM(set_working_set)(least + more, most + more) != 0);
}

static bool lock_pages(void *p, size_t pages)
{
    bool ok = PLATFORM(virtual_lock)(p, pages) != 0;
    if (!ok && (GetLastError() == ERROR_WORKING_SET_QUOTA)) {
        ok = make_room(pages) && (PLATFORM(virtual_lock)(p, pages) != 0);
    }
    return ok || lamina_refuse_(lamina_windows_error());
}

bool lamina_os_lock(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    return (pages != 0U) && lock_pages(p, pages);
}

bool lamina_os_lock_on_touch(void *p, size_t bytes)
{
    return (lamina_range_(p, bytes) != 0U) && lamina_refuse_(ERROR_NOT_SUPPORTED);
}

bool lamina_os_unlock(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    return (pages != 0U) &&
           ((PLATFORM(virtual_unlock)(p, pages) != 0) || lamina_refuse_(lamina_windows_error()));
}

#define ALL (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK | LAMINA_SECRET_HIDDEN)
#define HAVE (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_FORK)

void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got)
{
    if ((required & ~ALL) != 0U) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    if (pages == 0U) {
        return NULL;
    }
    if ((required & ~HAVE) != 0U) {
        return lamina_refuse_null_(ERROR_NOT_SUPPORTED);
    }
    void *p = PLATFORM(virtual_alloc)(NULL, pages, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (p == NULL) {
        return lamina_refuse_null_(lamina_windows_error());
    }
    if (!lock_pages(p, pages)) {
        (void)PLATFORM(virtual_free)(p, 0U, MEM_RELEASE);
        p = NULL;
    } else if (got != NULL) {
        *got = HAVE;
    }
    return p;
}

bool lamina_secret_release(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    if (pages == 0U) {
        return false;
    }
    if ((lamina_windows_allocation_(p) != pages) || !lamina_windows_all_(p, pages, LAMINA_WINDOWS_WRITABLE)) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    lamina_zero(p, pages);
    return (PLATFORM(virtual_free)(p, 0U, MEM_RELEASE) != 0) || lamina_refuse_(lamina_windows_error());
}
