/* SPDX-License-Identifier: MIT */
/* Memory from the Windows kernel: see lamina/os.h, which holds the rules. */
#include "calls.h"

#include "lamina/os.h"

#include "platform.h"
#include "region.h"

/* Both 0: not asked yet. Atomic; every thread that asks stores the same values, the page size last. */
static size_t known_page_size;
static size_t known_granularity;

size_t lamina_os_page_size(void)
{
    size_t page = __atomic_load_n(&known_page_size, __ATOMIC_ACQUIRE);
    if (page == 0U) {
        size_t granularity = 0U;
        PLATFORM(system_info)(&page, &granularity);
        if (lamina_is_pow2(page) && lamina_is_pow2(granularity) && (granularity >= page)) {
            __atomic_store_n(&known_granularity, granularity, __ATOMIC_RELAXED);
            __atomic_store_n(&known_page_size, page, __ATOMIC_RELEASE);
        } else {
            page = 0U;
            lamina_set_last_os_error(ERROR_INVALID_PARAMETER);
        }
    }
    return page;
}

size_t lamina_os_granularity(void)
{
    return (lamina_os_page_size() != 0U) ? __atomic_load_n(&known_granularity, __ATOMIC_RELAXED) : 0U;
}

#if defined(LAMINA_OS_TABLE)
void lamina_os_forget_page_size_(void);

/* For the fault injector, whose runs must all start from nothing known. */
void lamina_os_forget_page_size_(void)
{
    __atomic_store_n(&known_page_size, (size_t)0U, __ATOMIC_RELEASE);
}
#endif

static bool succeeded(int answer)
{
    return (answer != 0) || lamina_refuse_(lamina_windows_error());
}

/* ----------------------------------------------- Asking about ranges ------------------------------------------ */

size_t lamina_windows_allocation_(const void *p)
{
    MEMORY_BASIC_INFORMATION info;
    const unsigned char *const base = (const unsigned char *)p;
    size_t out = 0U;
    while ((PLATFORM(virtual_query)(base + out, &info, sizeof info) == sizeof info) && (info.State != MEM_FREE) &&
           (info.AllocationBase == p)) {
        out += info.RegionSize;
    }
    return out;
}

bool lamina_windows_all_(const void *p, size_t bytes, lamina_windows_state state)
{
    const DWORD writable = PAGE_READWRITE | PAGE_EXECUTE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_WRITECOPY;
    const unsigned char *const base = (const unsigned char *)p;
    MEMORY_BASIC_INFORMATION info;
    size_t seen = 0U;
    bool ok = true;
    while (ok && (seen < bytes)) {
        ok = (PLATFORM(virtual_query)(base + seen, &info, sizeof info) == sizeof info) && (info.State != MEM_FREE) &&
             ((state == LAMINA_WINDOWS_HAD) || ((info.State == MEM_COMMIT) && ((info.Protect & writable) != 0U)));
        seen += ok ? info.RegionSize : 0U;
    }
    return ok;
}

size_t lamina_windows_range_(const void *p, size_t bytes)
{
    size_t pages = lamina_range_(p, bytes);
    if ((pages != 0U) && !lamina_windows_all_(p, pages, LAMINA_WINDOWS_HAD)) {
        pages = 0U;
        lamina_set_last_os_error(ERROR_INVALID_PARAMETER);
    }
    return pages;
}

/* What the system tells of each page (QueryWorkingSetEx): PSAPI_WORKING_SET_EX_BLOCK, whose bit fields C leaves to the
 * compiler to place. */
#define PAGE_IS_THERE ((ULONG_PTR)1U)
#define PAGE_IS_LOCKED ((ULONG_PTR)1U << 22U)
#define PAGE_IS_LARGE ((ULONG_PTR)1U << 23U)

/* Counts the pages of a range of which the system says this. */
static bool count_pages(const void *p, size_t bytes, ULONG_PTR what, size_t *count)
{
    enum { AT_ONCE = 256 };
    PSAPI_WORKING_SET_EX_INFORMATION pages[AT_ONCE];
    const size_t page = lamina_os_page_size();
    unsigned char *const at = (unsigned char *)(uintptr_t)p; /* only asked about */
    bool ok = true;
    *count = 0U;
    for (size_t done = 0; ok && (done < bytes);) {
        const size_t left = (bytes - done) / page;
        const size_t now = (left < AT_ONCE) ? left : (size_t)AT_ONCE;
        for (size_t i = 0; i < now; i++) {
            pages[i].VirtualAddress = at + done + i * page;
            pages[i].VirtualAttributes.Flags = 0U;
        }
        ok = succeeded(PLATFORM(query_pages)(pages, (unsigned long)(now * sizeof pages[0])));
        for (size_t i = 0; ok && (i < now); i++) {
            *count += ((pages[i].VirtualAttributes.Flags & what) != 0U) ? 1U : 0U;
        }
        done += now * page;
    }
    return ok;
}

static uint32_t locks_were_made; /* whether a page can be locked at all, as far as we know. Atomic. */

void lamina_windows_locks_made_(void)
{
    __atomic_store_n(&locks_were_made, 1U, __ATOMIC_RELAXED);
}

/* The system would take locked pages away and their locks with them, without a word. */
static bool none_is_locked(const void *p, size_t pages)
{
    size_t locked = 0U;
    return (__atomic_load_n(&locks_were_made, __ATOMIC_RELAXED) == 0U) ||
           (count_pages(p, pages, PAGE_IS_LOCKED, &locked) &&
            ((locked == 0U) || lamina_refuse_(ERROR_INVALID_PARAMETER)));
}

/* ------------------------------------------------- Mapping ---------------------------------------------------- */

static void *acquire(void *at, size_t bytes, unsigned long kind, unsigned long rights, unsigned long node)
{
    void *const p = (node == LAMINA_WINDOWS_ANY_NODE) ? PLATFORM(virtual_alloc)(at, bytes, kind, rights)
                                                      : PLATFORM(virtual_alloc_node)(at, bytes, kind, rights, node);
    return (p != NULL) ? p : lamina_refuse_null_(lamina_windows_error());
}

void *lamina_windows_reserve_(size_t bytes, unsigned long node)
{
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    return (pages != 0U) ? acquire(NULL, pages, MEM_RESERVE, PAGE_NOACCESS, node) : NULL;
}

void *lamina_os_reserve(size_t bytes)
{
    return lamina_windows_reserve_(bytes, LAMINA_WINDOWS_ANY_NODE);
}

/* A range can't be given back in part. So a larger one is reserved to find a place, released, and the aligned part
 * reserved alone; in between another thread may take the place, and then another is looked for. */
void *lamina_os_reserve_aligned(size_t bytes, size_t align)
{
    enum { TRIES = 64 }; /* losing them all takes a thread that does nothing else */
    size_t larger = 0U;
    void *out = NULL;
    if (!lamina_is_pow2(align)) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    const size_t granularity = lamina_os_granularity();
    if ((pages == 0U) || (align <= granularity)) {
        return (pages != 0U) ? lamina_os_reserve(pages) : NULL;
    }
    if (lamina_add_overflows(pages, align - granularity, &larger)) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    const int error_before = lamina_last_os_error();
    for (unsigned i = 0; (out == NULL) && (i < TRIES); i++) {
        unsigned char *const found =
            (unsigned char *)acquire(NULL, larger, MEM_RESERVE, PAGE_NOACCESS, LAMINA_WINDOWS_ANY_NODE);
        if (found == NULL) {
            return NULL;
        }
        if (PLATFORM(virtual_free)(found, 0U, MEM_RELEASE) == 0) {
            const int error = lamina_windows_error();
            (void)PLATFORM(virtual_free)(found, 0U, MEM_RELEASE);
            return lamina_refuse_null_(error);
        }
        void *const place = found + lamina_padding(found, align);
        out = PLATFORM(virtual_alloc)(place, pages, MEM_RESERVE, PAGE_NOACCESS);
        if (out == NULL) {
            const int error = lamina_windows_error(); /* before anything else is asked of the system */
            lamina_set_last_os_error(error);
            if (error != ERROR_INVALID_ADDRESS) { /* which is what a lost race looks like */
                return NULL;
            }
        }
    }
    if (out != NULL) {
        lamina_set_last_os_error(error_before);
    }
    return out;
}

/* Whether the range is the whole of what one call gave, as it was asked for: of large pages an allocation may have
 * more than that by less than one of them, and whether it is of large pages only the system can tell. */
static bool is_whole(const void *p, size_t pages)
{
    const size_t have = lamina_windows_allocation_(p);
    if (have == pages) {
        return true;
    }
    const size_t large = PLATFORM(large_page)();
    size_t rounded = 0U;
    size_t found = 0U;
    if (!lamina_is_pow2(large) || lamina_round_up_overflows(pages, large, &rounded) || (have != rounded)) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    return count_pages(p, lamina_os_page_size(), PAGE_IS_LARGE, &found) &&
           ((found != 0U) || lamina_refuse_(ERROR_INVALID_PARAMETER));
}

/* The system releases what one call gave and nothing less; VirtualFree() isn't told the size, so it is compared here. */
bool lamina_os_release(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    return (pages != 0U) && is_whole(p, pages) && succeeded(PLATFORM(virtual_free)(p, 0U, MEM_RELEASE));
}

#define HUGE_EXPLICIT (LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_1G)
#define HUGE_ANY (HUGE_EXPLICIT | LAMINA_MAP_HUGE_TRANSPARENT)
#define MAP_ALL_FLAGS (HUGE_ANY | LAMINA_MAP_HUGE_FALLBACK | LAMINA_MAP_POPULATE | LAMINA_MAP_NORESERVE)

/* Large pages are always present, so there is nothing to populate. Pages of 1 GiB need a call that Windows 7 lacks. */
static void *map_large(size_t bytes, unsigned flags, unsigned long node)
{
    void *out = NULL;
    if (((flags & LAMINA_MAP_HUGE_2M) != 0U) && (PLATFORM(large_page)() == LAMINA_HUGE_2M)) {
        const size_t pages = lamina_whole_(bytes, LAMINA_HUGE_2M);
        if (pages != 0U) {
            out = acquire(NULL, pages, MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES, PAGE_READWRITE, node);
        }
    } else {
        lamina_set_last_os_error(ERROR_NOT_SUPPORTED);
    }
    return out;
}

static void *map_ordinary(size_t bytes, unsigned flags, unsigned long node)
{
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    void *const p = (pages != 0U) ? acquire(NULL, pages, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, node) : NULL;
    if ((p != NULL) && ((flags & LAMINA_MAP_POPULATE) != 0U)) {
        lamina_touch_pages_(p, pages); /* charged when it was committed: a page can be late, but not missing */
    }
    return p;
}

void *lamina_windows_map_(size_t bytes, unsigned flags, size_t *page_got, unsigned long node)
{
    const bool fallback = (flags & LAMINA_MAP_HUGE_FALLBACK) != 0U;
    const bool huge = (flags & HUGE_ANY) != 0U;
    const int error_before = lamina_last_os_error();
    const size_t page = lamina_os_page_size();
    size_t got = LAMINA_HUGE_2M;
    void *p = NULL;
    if (((flags & ~MAP_ALL_FLAGS) != 0U) || (fallback && !huge) ||
        (((flags & HUGE_EXPLICIT) != 0U) && ((flags & LAMINA_MAP_NORESERVE) != 0U)) || (bytes == 0U)) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    if (page == 0U) {
        return NULL; /* the error is set */
    }
    if (lamina_whole_(bytes, page) == 0U) {
        return NULL; /* before a kind of page that isn't there hides that no kind would do */
    }
    if ((flags & LAMINA_MAP_NORESERVE) != 0U) {
        return lamina_refuse_null_(ERROR_NOT_SUPPORTED);
    }
    if (huge) {
        /* With both explicit kinds and no fall-back the larger one alone counts, as on every platform. */
        const bool larger_only = ((flags & LAMINA_MAP_HUGE_1G) != 0U) && !fallback;
        p = map_large(bytes, larger_only ? LAMINA_MAP_HUGE_1G : flags, node);
    }
    if ((p == NULL) && (fallback || !huge)) {
        got = page;
        p = map_ordinary(bytes, flags, node);
    }
    if (p != NULL) {
        lamina_set_last_os_error(error_before); /* what failed before a fall-back that worked is no error */
        if (page_got != NULL) {
            *page_got = got;
        }
    }
    return p;
}

void *lamina_os_map_ex(size_t bytes, unsigned flags, size_t *page_got)
{
    return lamina_windows_map_(bytes, flags, page_got, LAMINA_WINDOWS_ANY_NODE);
}

void *lamina_os_map(size_t bytes, unsigned flags)
{
    return lamina_os_map_ex(bytes, flags, NULL);
}

/* ------------------------------------------- What happens to a range ------------------------------------------ */

static bool commit_pages(void *p, size_t pages)
{
    return succeeded(PLATFORM(virtual_alloc)(p, pages, MEM_COMMIT, PAGE_READWRITE) != NULL);
}

static bool decommit_pages(void *p, size_t pages)
{
    return succeeded(PLATFORM(virtual_free)(p, pages, MEM_DECOMMIT));
}

bool lamina_os_commit(void *p, size_t bytes)
{
    const size_t pages = lamina_windows_range_(p, bytes);
    return (pages != 0U) && commit_pages(p, pages);
}

bool lamina_os_decommit(void *p, size_t bytes)
{
    const size_t pages = lamina_windows_range_(p, bytes);
    return (pages != 0U) && none_is_locked(p, pages) && decommit_pages(p, pages);
}

bool lamina_os_discard(void *p, size_t bytes)
{
    const size_t pages = lamina_windows_range_(p, bytes);
    return (pages != 0U) && none_is_locked(p, pages) && decommit_pages(p, pages) && commit_pages(p, pages);
}

bool lamina_os_purge(void *p, size_t bytes, lamina_os_contents *contents)
{
    const size_t pages = (contents != NULL) ? lamina_windows_range_(p, bytes) : 0U;
    if (contents == NULL) {
        lamina_set_last_os_error(ERROR_INVALID_PARAMETER);
    }
    /* The rights are ignored, and must be valid. */
    const bool ok = (pages != 0U) && none_is_locked(p, pages) &&
                    succeeded(PLATFORM(virtual_alloc)(p, pages, MEM_RESET, PAGE_READWRITE) != NULL);
    if (ok) {
        *contents = LAMINA_CONTENTS_UNDEFINED;
    }
    return ok;
}

bool lamina_os_reuse(void *p, size_t bytes)
{
    return lamina_range_(p, bytes) != 0U;
}

bool lamina_os_populate(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    bool ok = (pages != 0U);
    if (ok && !lamina_windows_all_(p, pages, LAMINA_WINDOWS_WRITABLE)) {
        ok = lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    if (ok) {
        lamina_touch_pages_(p, pages);
    }
    return ok;
}

bool lamina_os_protect(void *p, size_t bytes, unsigned rights)
{
    /* By the bits of `rights`: the smallest set that contains them. There is none that writes without reading. */
    static const unsigned long native[8] = {PAGE_NOACCESS, PAGE_READONLY,     PAGE_READWRITE,         PAGE_READWRITE,
                                            PAGE_EXECUTE,  PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_READWRITE};
    unsigned long before = 0U;
    if (rights >= 8U) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    const size_t pages = lamina_windows_range_(p, bytes);
    return (pages != 0U) && succeeded(PLATFORM(virtual_protect)(p, pages, native[rights], &before));
}

bool lamina_os_guard(void *p, size_t bytes)
{
    return lamina_os_decommit(p, bytes);
}

bool lamina_os_unguard(void *p, size_t bytes)
{
    return lamina_os_commit(p, bytes);
}

bool lamina_os_name(void *p, size_t bytes, const char *name)
{
    if ((lamina_range_(p, bytes) != 0U) && (name == NULL)) {
        lamina_set_last_os_error(ERROR_INVALID_PARAMETER);
    }
    return false; /* there are no names, and that is no error */
}

bool lamina_os_huge_advise(void *p, size_t bytes)
{
    return (lamina_windows_range_(p, bytes) != 0U) && lamina_refuse_(ERROR_NOT_SUPPORTED);
}

bool lamina_os_query(const void *p, size_t bytes, size_t *resident)
{
    size_t present = 0U;
    if (resident == NULL) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    const size_t pages = lamina_windows_range_(p, bytes);
    const bool ok = (pages != 0U) && count_pages(p, pages, PAGE_IS_THERE, &present);
    if (ok) {
        *resident = present * lamina_os_page_size();
    }
    return ok;
}

/* ---------------------------------------------- The system's heap --------------------------------------------- */

void *lamina_os_heap_alloc(size_t bytes, size_t align)
{
    size_t rounded = 0U;
    if ((bytes == 0U) || !lamina_is_pow2(align) || lamina_round_up_overflows(bytes, align, &rounded)) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    /* Also where malloc() would be aligned enough, since free() must know which of the two it was. */
    const size_t least = (align < sizeof(void *)) ? sizeof(void *) : align;
    const DWORD before = GetLastError();
    SetLastError(ERROR_NOT_ENOUGH_MEMORY); /* the C library may report by errno alone */
    void *const out = PLATFORM(aligned_malloc)(bytes, least);
    if (out == NULL) {
        return lamina_refuse_null_(lamina_windows_error());
    }
    SetLastError(before);
    return out;
}

void lamina_os_heap_free(void *p)
{
    PLATFORM(aligned_free)(p);
}
