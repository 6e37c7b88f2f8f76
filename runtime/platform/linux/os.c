/* SPDX-License-Identifier: MIT */
/* Memory from the Linux kernel: see lamina/os.h, which holds the rules. */
#include "calls.h"

#include "lamina/os.h"

#include <stdlib.h>

/* --------------------------------------------- Refusing and rounding ------------------------------------------ */

/* All failures leave by one of these three, so that none forgets to say why. */

static bool refuse(int error)
{
    lamina_set_last_os_error(error);
    return false;
}

static void *refuse_null(int error)
{
    lamina_set_last_os_error(error);
    return NULL;
}

static bool succeeded(int answer)
{
    return (answer == 0) || refuse(errno);
}

static size_t known_page_size; /* 0: not asked yet. Atomic; every thread that asks stores the same value. */

size_t lamina_os_page_size(void)
{
    size_t page = __atomic_load_n(&known_page_size, __ATOMIC_RELAXED);
    if (page == 0U) {
        const long answer = PLATFORM(sysconf)(_SC_PAGESIZE);
        if ((answer > 0) && lamina_is_pow2((size_t)answer)) {
            page = (size_t)answer;
            __atomic_store_n(&known_page_size, page, __ATOMIC_RELAXED);
        } else {
            lamina_set_last_os_error((answer < 0) ? errno : EINVAL);
        }
    }
    return page;
}

size_t lamina_os_granularity(void)
{
    return lamina_os_page_size();
}

#if defined(LAMINA_OS_TABLE)
void lamina_os_forget_page_size_(void);

/* For the fault injector, whose runs must all start from nothing known. */
void lamina_os_forget_page_size_(void)
{
    __atomic_store_n(&known_page_size, (size_t)0U, __ATOMIC_RELAXED);
}
#endif

/* A size in whole units, or 0 with the error set: for no size, and for one that overflows. */
static size_t whole(size_t bytes, size_t unit)
{
    size_t out = 0U;
    if ((unit != 0U) && ((bytes == 0U) || lamina_round_up_overflows(bytes, unit, &out))) {
        out = 0U;
        lamina_set_last_os_error(EINVAL);
    }
    return out;
}

/* The size of the range at `p` in whole pages, or 0 with the error set when there's no need to ask the kernel. */
static size_t range(const void *p, size_t bytes)
{
    const size_t page = lamina_os_page_size();
    size_t out = whole(bytes, page);
    if ((out != 0U) && ((p == NULL) || !lamina_is_aligned(p, page) || (out > UINTPTR_MAX - (uintptr_t)p))) {
        out = 0U;
        lamina_set_last_os_error(EINVAL);
    }
    return out;
}

/* ------------------------------------------------- Mapping ---------------------------------------------------- */

#define ANONYMOUS (MAP_PRIVATE | MAP_ANONYMOUS)

static void *map(size_t bytes, int rights, int flags)
{
    void *const p = PLATFORM(mmap)(NULL, bytes, rights, ANONYMOUS | flags, -1, 0);
    return (p != MAP_FAILED) ? p : refuse_null(errno);
}

/* Takes a mapping back on the way out of a failure, whose error is to survive. */
static void unmap_quietly(void *p, size_t bytes)
{
    (void)PLATFORM(munmap)(p, bytes);
}

/* A mapping of `bytes` (whole pages) at a multiple of `align`, a power of two. Mapped larger by as much as the
 * kernel may have started short of a multiple, then trimmed:
 *
 *     [ head ][ bytes ][ tail ]      head + tail == align - page
 */
static void *map_aligned(size_t bytes, size_t align, int rights, int flags)
{
    const size_t page = lamina_os_page_size();
    if (align <= page) {
        return map(bytes, rights, flags);
    }
    size_t larger = 0U;
    if (lamina_add_overflows(bytes, align - page, &larger)) {
        return refuse_null(EINVAL);
    }
    unsigned char *const start = (unsigned char *)map(larger, rights, flags);
    if (start == NULL) {
        return NULL;
    }
    const size_t head = lamina_padding(start, align);
    const size_t tail = larger - head - bytes;
    /* Trimming fails only when the mapping was merged with a neighbour and the process has no mapping left to split
     * it. */
    if ((head != 0U) && (PLATFORM(munmap)(start, head) != 0)) {
        const int error = errno;
        unmap_quietly(start, larger);
        return refuse_null(error);
    }
    if ((tail != 0U) && (PLATFORM(munmap)(start + head + bytes, tail) != 0)) {
        const int error = errno;
        unmap_quietly(start + head, bytes + tail);
        return refuse_null(error);
    }
    return start + head;
}

/* MAP_NORESERVE keeps the range uncharged even after it is made writable, except under strict overcommit, where the
 * kernel ignores the flag, leaves inaccessible pages uncharged, and charges them when they are committed. */
void *lamina_os_reserve(size_t bytes)
{
    const size_t pages = whole(bytes, lamina_os_page_size());
    return (pages != 0U) ? map(pages, PROT_NONE, MAP_NORESERVE) : NULL;
}

void *lamina_os_reserve_aligned(size_t bytes, size_t align)
{
    if (!lamina_is_pow2(align)) {
        return refuse_null(EINVAL);
    }
    const size_t pages = whole(bytes, lamina_os_page_size());
    return (pages != 0U) ? map_aligned(pages, align, PROT_NONE, MAP_NORESERVE) : NULL;
}

bool lamina_os_release(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    if (pages == 0U) {
        return false;
    }
    int answer = PLATFORM(munmap)(p, pages);
    /* The range itself is sound, so EINVAL says that it ends within an explicit huge page. The rest of that page
     * belongs to the same mapping; the kernel refuses again if the page is of another size. */
    for (size_t huge = LAMINA_HUGE_2M; (answer != 0) && (errno == EINVAL) && (huge <= LAMINA_HUGE_1G);
         huge *= LAMINA_HUGE_1G / LAMINA_HUGE_2M) {
        size_t rounded = 0U;
        if (lamina_is_aligned(p, huge) && !lamina_round_up_overflows(pages, huge, &rounded) && (rounded != pages)) {
            answer = PLATFORM(munmap)(p, rounded);
        }
    }
    return succeeded(answer);
}

#define HUGE_EXPLICIT (LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_1G)
#define HUGE_ANY (HUGE_EXPLICIT | LAMINA_MAP_HUGE_TRANSPARENT)
#define MAP_ALL_FLAGS (HUGE_ANY | LAMINA_MAP_HUGE_FALLBACK | LAMINA_MAP_POPULATE | LAMINA_MAP_NORESERVE)

/* Populates a new mapping or takes it back. The kernel's MAP_POPULATE would say nothing about pages that it could
 * not get. */
static void *populated(void *p, size_t bytes, unsigned flags)
{
    void *out = p;
    if ((p != NULL) && ((flags & LAMINA_MAP_POPULATE) != 0U) && !lamina_os_populate(p, bytes)) {
        unmap_quietly(p, bytes);
        out = NULL;
    }
    return out;
}

/* Maps explicit huge pages of the given size. The kernel sets them aside now, so that a shortage is seen here. */
static void *map_explicit(size_t bytes, size_t huge, unsigned flags)
{
    const size_t pages = whole(bytes, huge);
    const int size_code = (int)(lamina_ctz(huge) << (unsigned)MAP_HUGE_SHIFT);
    return (pages != 0U) ? populated(map(pages, PROT_READ | PROT_WRITE, MAP_HUGETLB | size_code), pages, flags)
                         : NULL;
}

static void *map_ordinary(size_t bytes, unsigned flags)
{
    const size_t pages = whole(bytes, lamina_os_page_size());
    const int noreserve = ((flags & LAMINA_MAP_NORESERVE) != 0U) ? MAP_NORESERVE : 0;
    const bool transparent = (flags & LAMINA_MAP_HUGE_TRANSPARENT) != 0U;
    if (pages == 0U) {
        return NULL;
    }
    void *const p = map_aligned(pages, transparent ? LAMINA_HUGE_2M : 1U, PROT_READ | PROT_WRITE, noreserve);
    if ((p != NULL) && transparent && !lamina_os_huge_advise(p, pages) &&
        ((flags & LAMINA_MAP_HUGE_FALLBACK) == 0U)) {
        unmap_quietly(p, pages);
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
        return refuse_null(EINVAL);
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

void *lamina_os_map(size_t bytes, unsigned flags)
{
    return lamina_os_map_ex(bytes, flags, NULL);
}

/* ------------------------------------------- What happens to a range ------------------------------------------ */

bool lamina_os_commit(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE));
}

/* Protected first: if giving the pages back fails then, the contents are there and the step can be undone. */
bool lamina_os_decommit(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    if ((pages == 0U) || !succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE))) {
        return false;
    }
    if (!succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED))) {
        (void)PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE);
        return false;
    }
    return true;
}

bool lamina_os_discard(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(madvise)(p, pages, MADV_DONTNEED));
}

/* What MADV_POPULATE_WRITE does, for kernels before 5.14: an atomic "or" of nothing writes to each page and
 * disturbs nobody. The compiler must not know that it is nothing: clang would make it a load, volatile or not. */
static void touch_each_page(void *p, size_t bytes)
{
    unsigned char *const at = (unsigned char *)p;
    const size_t page = lamina_os_page_size();
    unsigned char nothing = 0U;
    __asm__ volatile("" : "+r"(nothing));
    for (size_t i = 0; i < bytes; i += page) {
        (void)__atomic_fetch_or(&at[i], nothing, __ATOMIC_RELAXED);
    }
}

/* EINVAL has two meanings here: a kernel without this advice, or pages that may not be written. An empty range
 * tells them apart, because the kernel looks at the advice first. */
static bool kernel_can_populate(void *p)
{
    return PLATFORM(madvise)(p, 0U, MADV_POPULATE_WRITE) == 0;
}

bool lamina_os_populate(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    bool ok = pages != 0U;
    if (ok && (PLATFORM(madvise)(p, pages, MADV_POPULATE_WRITE) != 0)) {
        const int error = errno;
        if ((error == EINVAL) && !kernel_can_populate(p)) {
            touch_each_page(p, pages);
        } else {
            ok = refuse(error);
        }
    }
    return ok;
}

bool lamina_os_protect(void *p, size_t bytes, unsigned rights)
{
    const unsigned all = LAMINA_PROTECT_READ | LAMINA_PROTECT_WRITE | LAMINA_PROTECT_EXECUTE;
    const size_t pages = ((rights & ~all) == 0U) ? range(p, bytes) : 0U;
    if ((rights & ~all) != 0U) {
        lamina_set_last_os_error(EINVAL);
    }
    const int native = (((rights & LAMINA_PROTECT_READ) != 0U) ? PROT_READ : 0) |
                       (((rights & LAMINA_PROTECT_WRITE) != 0U) ? PROT_WRITE : 0) |
                       (((rights & LAMINA_PROTECT_EXECUTE) != 0U) ? PROT_EXEC : 0);
    return (pages != 0U) && succeeded(PLATFORM(mprotect)(p, pages, native));
}

/* The kernel answers EINVAL where it has no guard markers, and for locked and huge pages, which can't carry one. */
bool lamina_os_guard(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (PLATFORM(madvise)(p, pages, MADV_GUARD_INSTALL) != 0)) {
        ok = (errno == EINVAL) ? succeeded(PLATFORM(mprotect)(p, pages, PROT_NONE)) : refuse(errno);
    }
    return ok;
}

bool lamina_os_unguard(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (PLATFORM(madvise)(p, pages, MADV_GUARD_REMOVE) != 0) && (errno != EINVAL)) {
        ok = refuse(errno);
    }
    return ok && succeeded(PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE));
}

bool lamina_os_name(void *p, size_t bytes, const char *name)
{
    const size_t pages = range(p, bytes);
    bool ok = (pages != 0U);
    if (ok && (name == NULL)) {
        ok = refuse(EINVAL);
    }
    return ok && (KERNEL(name_range)(p, pages, name) == 0);
}

bool lamina_os_huge_advise(void *p, size_t bytes)
{
    const size_t pages = range(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(madvise)(p, pages, MADV_HUGEPAGE));
}

bool lamina_os_query(const void *p, size_t bytes, size_t *resident)
{
    const size_t end = range(p, bytes);
    const size_t page = (end != 0U) ? lamina_os_page_size() : 1U; /* known by then */
    unsigned char states[1024];                                   /* one byte a page */
    unsigned char *const at = (unsigned char *)(uintptr_t)p;      /* mincore() has no const, and only asks */
    size_t present = 0U;
    bool ok = (end != 0U);
    for (size_t done = 0; ok && (done < end);) {
        const size_t left = (end - done) / page;
        const size_t now = (left < sizeof states) ? left : sizeof states;
        ok = succeeded(PLATFORM(mincore)(at + done, now * page, states));
        for (size_t i = 0; ok && (i < now); i++) {
            present += (size_t)(states[i] & 1U);
        }
        done += now * page;
    }
    if (ok) {
        *resident = present * page;
    }
    return ok;
}

/* ---------------------------------------------- The system's heap --------------------------------------------- */

void *lamina_os_heap_alloc(size_t bytes, size_t align)
{
    size_t rounded = 0U;
    void *out = NULL;
    if ((bytes == 0U) || !lamina_is_pow2(align) || lamina_round_up_overflows(bytes, align, &rounded)) {
        return refuse_null(EINVAL);
    }
    if (align <= _Alignof(max_align_t)) {
        out = PLATFORM(malloc)(bytes);
    } else {
        out = PLATFORM(aligned_alloc)(align, rounded); /* C11 wants the size to be a multiple of the alignment */
    }
    return (out != NULL) ? out : refuse_null(errno);
}

void lamina_os_heap_free(void *p)
{
    PLATFORM(free)(p);
}
