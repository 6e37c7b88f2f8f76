/* SPDX-License-Identifier: MIT */
/* Memory from a POSIX system, where all are alike: see lamina/os.h, which holds the rules. */
#include "calls.h"

#include "lamina/os.h"

#include "mapped.h"
#include "platform.h"

#include <stdlib.h>

static bool succeeded(int answer)
{
    return (answer == 0) || lamina_refuse_(errno);
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

/* ------------------------------------------------- Mapping ---------------------------------------------------- */

static void *map(size_t bytes, int rights, int flags)
{
    void *const p =
        PLATFORM(mmap)(NULL, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS | flags, LAMINA_ANONYMOUS_FILE, 0);
    return (p != MAP_FAILED) ? p : lamina_refuse_null_(errno);
}

void lamina_posix_unmap_(void *p, size_t bytes)
{
    (void)PLATFORM(munmap)(p, bytes);
}

/* Mapped larger by as much as the kernel may have started short of a multiple, then trimmed:
 *
 *     [ head ][ bytes ][ tail ]      head + tail == align - page
 */
void *lamina_posix_map_(size_t bytes, size_t align, int rights, int flags)
{
    const size_t page = lamina_os_page_size();
    if (align <= page) {
        return map(bytes, rights, flags);
    }
    size_t larger = 0U;
    if (lamina_add_overflows(bytes, align - page, &larger)) {
        return lamina_refuse_null_(EINVAL);
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
        lamina_posix_unmap_(start, larger);
        return lamina_refuse_null_(error);
    }
    if ((tail != 0U) && (PLATFORM(munmap)(start + head + bytes, tail) != 0)) {
        const int error = errno;
        lamina_posix_unmap_(start + head, bytes + tail);
        return lamina_refuse_null_(error);
    }
    return start + head;
}

/* MAP_NORESERVE keeps the range uncharged even after it is made writable, except under Linux's strict overcommit,
 * where the kernel ignores the flag, leaves inaccessible pages uncharged, and charges them when they are committed. */
void *lamina_os_reserve(size_t bytes)
{
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    return (pages != 0U) ? map(pages, PROT_NONE, MAP_NORESERVE) : NULL;
}

void *lamina_os_reserve_aligned(size_t bytes, size_t align)
{
    if (!lamina_is_pow2(align)) {
        return lamina_refuse_null_(EINVAL);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    return (pages != 0U) ? lamina_posix_map_(pages, align, PROT_NONE, MAP_NORESERVE) : NULL;
}

static bool is_mapped(void *p, size_t pages)
{
    return (KERNEL(ask_mapped)(p, pages) == 0) || (errno != ENOMEM);
}

size_t lamina_posix_range_(void *p, size_t bytes)
{
    size_t pages = lamina_range_(p, bytes);
    if ((pages != 0U) && !is_mapped(p, pages)) {
        pages = 0U;
        lamina_set_last_os_error(EINVAL);
    }
    return pages;
}

/* munmap() counts what isn't mapped as unmapped, which would hide a second release. */
bool lamina_os_release(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
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

void *lamina_os_map(size_t bytes, unsigned flags)
{
    return lamina_os_map_ex(bytes, flags, NULL);
}

/* ------------------------------------------- What happens to a range ------------------------------------------ */

bool lamina_os_commit(void *p, size_t bytes)
{
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(mprotect)(p, pages, PROT_READ | PROT_WRITE));
}

bool lamina_os_protect(void *p, size_t bytes, unsigned rights)
{
    const unsigned all = LAMINA_PROTECT_READ | LAMINA_PROTECT_WRITE | LAMINA_PROTECT_EXECUTE;
    if ((rights & ~all) != 0U) {
        return lamina_refuse_(EINVAL);
    }
    const int native = (((rights & LAMINA_PROTECT_READ) != 0U) ? PROT_READ : 0) |
                       (((rights & LAMINA_PROTECT_WRITE) != 0U) ? PROT_WRITE : 0) |
                       (((rights & LAMINA_PROTECT_EXECUTE) != 0U) ? PROT_EXEC : 0);
    const size_t pages = lamina_posix_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(mprotect)(p, pages, native));
}

/* A system that is short of something says ENOMEM as well. */
static bool refuse_query(void *p, size_t pages)
{
    const int error = errno;
    return lamina_refuse_(((error == ENOMEM) && !is_mapped(p, pages)) ? EINVAL : error);
}

bool lamina_os_query(const void *p, size_t bytes, size_t *resident)
{
    if (resident == NULL) {
        return lamina_refuse_(EINVAL);
    }
    const size_t end = lamina_range_(p, bytes);
    const size_t page = (end != 0U) ? lamina_os_page_size() : 1U; /* known by then */
    unsigned char states[1024];                                   /* one byte a page */
    unsigned char *const at = (unsigned char *)(uintptr_t)p;      /* mincore() has no const, and only asks */
    size_t present = 0U;
    bool ok = (end != 0U);
    for (size_t done = 0; ok && (done < end);) {
        const size_t left = (end - done) / page;
        const size_t now = (left < sizeof states) ? left : sizeof states;
        ok = (KERNEL(mincore)(at + done, now * page, states) == 0) || refuse_query(at, end);
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
        return lamina_refuse_null_(EINVAL);
    }
    if (align <= _Alignof(max_align_t)) {
        out = PLATFORM(malloc)(bytes);
    } else {
        out = PLATFORM(aligned_alloc)(align, rounded); /* C11 wants the size to be a multiple of the alignment */
    }
    return (out != NULL) ? out : lamina_refuse_null_(errno);
}

void lamina_os_heap_free(void *p)
{
    PLATFORM(free)(p);
}
