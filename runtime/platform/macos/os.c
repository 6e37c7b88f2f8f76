/* SPDX-License-Identifier: MIT */
/* Memory from the macOS kernel, where it isn't like every other POSIX system: see lamina/os.h. */
#include "calls.h"

#include "lamina/os.h"

#include "mapped.h"
#include "platform.h"

/* The size in whole pages of a range that is mapped and not locked, or 0 with the error set. */
static size_t unlocked_range(void *p, size_t bytes)
{
    size_t pages = lamina_posix_range_(p, bytes);
    if ((pages != 0U) && KERNEL(ask_locked)(p, pages)) {
        pages = 0U;
        lamina_set_last_os_error(EINVAL);
    }
    return pages;
}

/* Puts fresh zero pages in place of a range, which is how this system gives pages back for certain: its advice to
 * do so leaves the contents where they are until memory is short. Where nothing is mapped nothing must be there
 * afterwards, which a fixed mapping doesn't ask; nor whether it takes a lock away. */
static bool map_anew(void *p, size_t bytes, int rights, int flags)
{
    const size_t pages = unlocked_range(p, bytes);
    if (pages == 0U) {
        return false;
    }
    const int kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags;
    return (PLATFORM(mmap)(p, pages, rights, kind, LAMINA_ANONYMOUS_FILE, 0) != MAP_FAILED) ||
           lamina_refuse_(errno);
}

#define HUGE_ANY (LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_TRANSPARENT)
#define HUGE_EXPLICIT (LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_1G)
#define MAP_ALL_FLAGS (HUGE_ANY | LAMINA_MAP_HUGE_FALLBACK | LAMINA_MAP_POPULATE | LAMINA_MAP_NORESERVE)

void *lamina_os_map_ex(size_t bytes, unsigned flags, size_t *page_got)
{
    const bool fallback = (flags & LAMINA_MAP_HUGE_FALLBACK) != 0U;
    const bool huge = (flags & HUGE_ANY) != 0U;
    const bool noreserve = (flags & LAMINA_MAP_NORESERVE) != 0U;
    if (((flags & ~MAP_ALL_FLAGS) != 0U) || (fallback && !huge) || (((flags & HUGE_EXPLICIT) != 0U) && noreserve) ||
        (bytes == 0U)) {
        return lamina_refuse_null_(EINVAL);
    }
    const size_t page = lamina_os_page_size();
    const size_t pages = lamina_whole_(bytes, page);
    if (pages == 0U) {
        return NULL;
    }
    if ((huge && !fallback) || noreserve) {
        return lamina_refuse_null_(ENOTSUP); /* every mapping is charged here, or none: the flag changes nothing */
    }
    void *const p = lamina_posix_map_(pages, 1U, PROT_READ | PROT_WRITE, 0);
    if ((p != NULL) && ((flags & LAMINA_MAP_POPULATE) != 0U)) {
        lamina_touch_pages_(p, pages);
    }
    if ((p != NULL) && (page_got != NULL)) {
        *page_got = page;
    }
    return p;
}

bool lamina_os_decommit(void *p, size_t bytes)
{
    return map_anew(p, bytes, PROT_NONE, MAP_NORESERVE);
}

bool lamina_os_discard(void *p, size_t bytes)
{
    return map_anew(p, bytes, PROT_READ | PROT_WRITE, 0);
}

/* REUSABLE takes the pages off the program's account at once. It is for whole objects of the kernel's and may be
 * refused where plain FREE is not. */
bool lamina_os_purge(void *p, size_t bytes, lamina_os_contents *contents)
{
    if (contents == NULL) {
        return lamina_refuse_(EINVAL);
    }
    const size_t pages = unlocked_range(p, bytes);
    const bool ok = (pages != 0U) && ((PLATFORM(madvise)(p, pages, MADV_FREE_REUSABLE) == 0) ||
                                      (PLATFORM(madvise)(p, pages, MADV_FREE) == 0) || lamina_refuse_(errno));
    if (ok) {
        *contents = LAMINA_CONTENTS_UNDEFINED;
    }
    return ok;
}

/* Refused for pages that were freed by the plain advice, which is no failure: those are on the account as they are.
 */
bool lamina_os_reuse(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    return (pages != 0U) &&
           ((PLATFORM(madvise)(p, pages, MADV_FREE_REUSE) == 0) || (errno == EINVAL) || lamina_refuse_(errno));
}

bool lamina_os_populate(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    if (pages != 0U) {
        lamina_touch_pages_(p, pages);
    }
    return pages != 0U;
}

bool lamina_os_guard(void *p, size_t bytes)
{
    return lamina_os_protect(p, bytes, LAMINA_PROTECT_NONE);
}

bool lamina_os_unguard(void *p, size_t bytes)
{
    return lamina_os_commit(p, bytes);
}

bool lamina_os_name(void *p, size_t bytes, const char *name)
{
    if ((lamina_range_(p, bytes) != 0U) && (name == NULL)) {
        lamina_set_last_os_error(EINVAL);
    }
    return false; /* there are numbers only, given when a range is mapped; that is no error */
}

bool lamina_os_huge_advise(void *p, size_t bytes)
{
    return (lamina_posix_range_(p, bytes) != 0U) && lamina_refuse_(ENOTSUP);
}
