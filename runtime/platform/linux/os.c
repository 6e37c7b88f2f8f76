/* SPDX-License-Identifier: MIT */
/* Memory from the Linux kernel, where it isn't like every other: see lamina/os.h. */
#include "calls.h"

#include "lamina/os.h"

#include "advice.h"
#include "mapped.h"
#include "platform.h"

static bool succeeded(int answer)
{
    return (answer == 0) || lamina_refuse_(errno);
}

/* ----------------------------------------------- Advice that counts ------------------------------------------- */

/* Emulators of the kernel's interface (qemu in user mode) answer 0 to advice that they don't pass on, which is right
 * for a hint and fatal for a guard. They also answer 0 to advice that doesn't exist, which a kernel never does. */
enum { NO_SUCH_ADVICE = 0x7FFF };

static bool advice_is_ignored(void *p)
{
    return PLATFORM(madvise)(p, 0U, NO_SUCH_ADVICE) == 0;
}

int lamina_linux_advise_(void *p, size_t bytes, int advice)
{
    static uint32_t believed; /* 0: not asked, 1: yes, 2: no. Atomic; every thread that asks finds the same. */
    int out = PLATFORM(madvise)(p, bytes, advice);
    if (out == 0) {
        uint32_t known = __atomic_load_n(&believed, __ATOMIC_RELAXED);
        if (known == 0U) {
            known = advice_is_ignored(p) ? 2U : 1U;
#if !defined(LAMINA_OS_TABLE) /* where the answer is another in each test */
            __atomic_store_n(&believed, known, __ATOMIC_RELAXED);
#endif
        }
        if (known == 2U) {
            errno = EINVAL; /* what a kernel without this advice answers */
            out = -1;
        }
    }
    return out;
}

/* Advice to treat pages as any others changes nothing of mappings that had no other, and the kernel tells of holes that
 * it found on the way. (So does msync(), but Valgrind takes that for a use of the contents.) Where no advice is passed
 * on, and thus none is answered, msync() it is. */
int lamina_kernel_ask_mapped(void *at, size_t bytes)
{
    static uint32_t believed; /* as above, and of the system itself whatever the table holds */
    int out = madvise(at, bytes, MADV_NORMAL);
    if (out == 0) {
        uint32_t known = __atomic_load_n(&believed, __ATOMIC_RELAXED);
        if (known == 0U) {
            known = (madvise(at, 0U, NO_SUCH_ADVICE) == 0) ? 2U : 1U;
            __atomic_store_n(&believed, known, __ATOMIC_RELAXED);
        }
        out = (known == 2U) ? msync(at, bytes, MS_ASYNC) : 0;
    }
    return out;
}

/* ------------------------------------------------- Mapping ---------------------------------------------------- */

#define HUGE_EXPLICIT (LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_1G)
#define HUGE_ANY (HUGE_EXPLICIT | LAMINA_MAP_HUGE_TRANSPARENT)
#define MAP_ALL_FLAGS (HUGE_ANY | LAMINA_MAP_HUGE_FALLBACK | LAMINA_MAP_POPULATE | LAMINA_MAP_NORESERVE)

/* Populates a new mapping or takes it back. The kernel's MAP_POPULATE would say nothing about pages that it could
 * not get. */
static void *populated(void *p, size_t bytes, unsigned flags)
{
    void *out = p;
    if ((p != NULL) && ((flags & LAMINA_MAP_POPULATE) != 0U) && !lamina_os_populate(p, bytes)) {
        lamina_posix_unmap_(p, bytes);
        out = NULL;
    }
    return out;
}

/* Maps explicit huge pages of the given size. The kernel sets them aside now, so that a shortage is seen here. */
static void *map_explicit(size_t bytes, size_t huge, unsigned flags)
{
    const size_t pages = lamina_whole_(bytes, huge);
    const int size_code = (int)(lamina_ctz(huge) << (unsigned)MAP_HUGE_SHIFT);
    void *const p =
        (pages != 0U) ? lamina_posix_map_(pages, 1U, PROT_READ | PROT_WRITE, MAP_HUGETLB | size_code) : NULL;
    return populated(p, pages, flags);
}

static void *map_ordinary(size_t bytes, unsigned flags)
{
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    const int noreserve = ((flags & LAMINA_MAP_NORESERVE) != 0U) ? MAP_NORESERVE : 0;
    const bool transparent = (flags & LAMINA_MAP_HUGE_TRANSPARENT) != 0U;
    if (pages == 0U) {
        return NULL;
    }
    void *const p = lamina_posix_map_(pages, transparent ? LAMINA_HUGE_2M : 1U, PROT_READ | PROT_WRITE, noreserve);
    if ((p != NULL) && transparent && !lamina_os_huge_advise(p, pages) &&
        ((flags & LAMINA_MAP_HUGE_FALLBACK) == 0U)) {
        lamina_posix_unmap_(p, pages);
        return NULL;
    }
    return populated(p, pages, flags);
}

void *lamina_os_map_ex(size_t bytes, unsigned flags, size_t *page_got)
{
    const bool fallback = (flags & LAMINA_MAP_HUGE_FALLBACK) != 0U;
    const int error_before = lamina_last_os_error();
    const size_t page = lamina_os_page_size();
    size_t got = 0U;
    void *p = NULL;
    if (((flags & ~MAP_ALL_FLAGS) != 0U) || (fallback && ((flags & HUGE_ANY) == 0U)) ||
        (((flags & HUGE_EXPLICIT) != 0U) && ((flags & LAMINA_MAP_NORESERVE) != 0U)) || (bytes == 0U)) {
        return lamina_refuse_null_(EINVAL);
    }
    if (page == 0U) {
        return NULL; /* the error is set */
    }
    if ((flags & LAMINA_MAP_HUGE_1G) != 0U) {
        got = LAMINA_HUGE_1G;
        p = map_explicit(bytes, got, flags);
    }
    if ((p == NULL) && ((flags & LAMINA_MAP_HUGE_2M) != 0U) && (fallback || (got == 0U))) {
        got = LAMINA_HUGE_2M;
        p = map_explicit(bytes, got, flags);
    }
    if ((p == NULL) && (fallback || (got == 0U))) {
        got = page;
        p = map_ordinary(bytes, flags);
    }
    if (p != NULL) {
        lamina_set_last_os_error(error_before); /* what failed before a fall-back that worked is no error */
        if (page_got != NULL) {
            *page_got = got;
        }
    }
    return p;
}

/* ------------------------------------------- What happens to a range ------------------------------------------ */

/* The rights last: what they were before nobody could say, were they to be set back. Locked pages are refused by the
 * first step. */
bool lamina_os_decommit(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED)) &&
           succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE));
}

bool lamina_os_discard(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED));
}

bool lamina_os_purge(void *p, size_t bytes, lamina_os_contents *contents)
{
    lamina_os_contents now = LAMINA_CONTENTS_UNDEFINED;
    if (contents == NULL) {
        return lamina_refuse_(EINVAL);
    }
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (PLATFORM(madvise)(p, pages, MADV_FREE) != 0)) {
        now = LAMINA_CONTENTS_ZERO; /* EINVAL: a kernel without it, or pages that it isn't for */
        ok = (errno == EINVAL) ? succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED)) : lamina_refuse_(errno);
    }
    if (ok) {
        *contents = now;
    }
    return ok;
}

bool lamina_os_reuse(void *p, size_t bytes)
{
    return lamina_range_(p, bytes) != 0U;
}

/* EINVAL has two meanings here: a kernel without this advice, or pages that may not be written. An empty range
 * tells them apart, because the kernel looks at the advice first. */
static bool kernel_can_populate(void *p)
{
    return lamina_linux_advise_(p, 0U, MADV_POPULATE_WRITE) == 0;
}

bool lamina_os_populate(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = pages != 0U;
    if (ok && (lamina_linux_advise_(p, pages, MADV_POPULATE_WRITE) != 0)) {
        const int error = errno;
        if ((error == EINVAL) && !kernel_can_populate(p)) {
            lamina_touch_pages_(p, pages);
        } else {
            ok = lamina_refuse_(error);
        }
    }
    return ok;
}

/* The kernel answers EINVAL where it has no guard markers, and for locked and huge pages, which can't carry one. */
bool lamina_os_guard(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (lamina_linux_advise_(p, pages, MADV_GUARD_INSTALL) != 0)) {
        ok = (errno == EINVAL) ? succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE)) : lamina_refuse_(errno);
    }
    return ok;
}

bool lamina_os_unguard(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (PLATFORM(madvise)(p, pages, MADV_GUARD_REMOVE) != 0) && (errno != EINVAL)) {
        ok = lamina_refuse_(errno);
    }
    return ok && succeeded(PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE));
}

bool lamina_os_name(void *p, size_t bytes, const char *name)
{
    const size_t pages = lamina_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (name == NULL)) {
        ok = lamina_refuse_(EINVAL);
    }
    return ok && (KERNEL(name_range)(p, pages, name) == 0);
}

bool lamina_os_huge_advise(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(madvise)(p, pages, MADV_HUGEPAGE));
}
