/* SPDX-License-Identifier: MIT */
/*
 * What is Windows' own in the runtime: the answers of a system that this machine isn't, put into the table of calls.
 * windows.sh compiles it with the runtime and runs it. What is common to all platforms is tested in tests/platform.
 */
#include "lamina/commit.h"
#include "lamina/hooks.h"
#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/os_table.h"
#include "lamina/random.h"
#include "lamina/secret.h"
#include "lamina/thread.h"

#define PSAPI_VERSION 2
#include <stdio.h>
#include <windows.h>
/* After windows.h. */
#include <psapi.h>

static int failed;

static void check(bool ok, const char *what, int line)
{
    if (!ok) {
        printf("line %d: %s (last error %d)\n", line, what, lamina_last_os_error());
        failed = 1;
    }
}

#define CHECK(condition) check((condition), #condition, __LINE__)
#define CHECK_REFUSED(call, error) \
    do { \
        lamina_set_last_os_error(12345); \
        check(!(call), #call, __LINE__); \
        check(lamina_last_os_error() == (error), #call " says " #error, __LINE__); \
    } while (0)

static size_t page(void)
{
    return lamina_os_page_size();
}

static unsigned long state_of(const void *p)
{
    MEMORY_BASIC_INFORMATION info;
    return (VirtualQuery(p, &info, sizeof info) == sizeof info) ? info.State : 0U;
}

static unsigned long rights_of(const void *p)
{
    MEMORY_BASIC_INFORMATION info;
    return (VirtualQuery(p, &info, sizeof info) == sizeof info) ? info.Protect : 0U;
}

static void start_over(void)
{
    lamina_fail_off();
    lamina_os_calls = lamina_os_calls_default;
}

/* ------------------------------------------------- Large pages ------------------------------------------------ */

static unsigned long kinds[8]; /* of allocation, as they were asked for */
static unsigned kinds_asked;
static bool gives_large;

static void *alloc_large(void *at, size_t bytes, unsigned long kind, unsigned long rights)
{
    kinds[kinds_asked++ % 8U] = kind;
    if ((kind & MEM_LARGE_PAGES) == 0U) {
        return lamina_os_calls_default.virtual_alloc(at, bytes, kind, rights);
    }
    if (!gives_large) {
        SetLastError(ERROR_PRIVILEGE_NOT_HELD);
        return NULL;
    }
    CHECK(bytes % LAMINA_HUGE_2M == 0U);
    return lamina_os_calls_default.virtual_alloc(at, bytes, kind & ~(DWORD)MEM_LARGE_PAGES, rights);
}

static size_t no_large_pages(void)
{
    return 0U;
}

static size_t large_pages_of_2m(void)
{
    return LAMINA_HUGE_2M;
}

/* What the system is to say of every page that is asked about: PSAPI_WORKING_SET_EX_BLOCK. */
enum { THERE = 1, LOCKED = 1 << 22, LARGE = 1 << 23 };
static ULONG_PTR page_flags;
static unsigned pages_asked;

static int tell_of_pages(void *pages, unsigned long bytes)
{
    PSAPI_WORKING_SET_EX_INFORMATION *const list = (PSAPI_WORKING_SET_EX_INFORMATION *)pages;
    for (size_t i = 0; i < bytes / sizeof list[0]; i++) {
        list[i].VirtualAttributes.Flags = page_flags;
        pages_asked++;
    }
    return 1;
}

/* An ordinary mapping that has the size of a large page is not one. */
static void ordinary_pages_of_a_large_size(void)
{
    unsigned char *const p = (unsigned char *)lamina_os_map(LAMINA_HUGE_2M, 0U);
    CHECK(p != NULL);
    p[LAMINA_HUGE_2M - 1U] = 7U;
    lamina_os_calls.large_page = large_pages_of_2m;
    CHECK_REFUSED(lamina_os_release(p, page()), LAMINA_OS_ERROR_INVALID); /* as the system tells */
    CHECK((state_of(p) == MEM_COMMIT) && (p[LAMINA_HUGE_2M - 1U] == 7U));
    lamina_os_calls.query_pages = tell_of_pages;
    for (page_flags = 0U; page_flags <= THERE; page_flags++) {
        CHECK_REFUSED(lamina_os_release(p, page()), LAMINA_OS_ERROR_INVALID);
        CHECK_REFUSED(lamina_os_release(p, LAMINA_HUGE_2M - 1U - page()), LAMINA_OS_ERROR_INVALID);
        CHECK_REFUSED(lamina_os_release(p, LAMINA_HUGE_2M + 1U), LAMINA_OS_ERROR_INVALID);
        CHECK_REFUSED(lamina_os_release(p + page(), LAMINA_HUGE_2M - page()), LAMINA_OS_ERROR_INVALID);
        CHECK((state_of(p) == MEM_COMMIT) && (p[LAMINA_HUGE_2M - 1U] == 7U));
    }
    lamina_os_calls.query_pages = lamina_os_calls_default.query_pages;
    lamina_fail_at(1U, ERROR_GEN_FAILURE); /* where the system doesn't tell, nothing is freed */
    CHECK_REFUSED(lamina_os_release(p, page()), ERROR_GEN_FAILURE);
    CHECK((lamina_calls_failed() == 1U) && (state_of(p) == MEM_COMMIT));
    start_over();
    CHECK(lamina_os_release(p, LAMINA_HUGE_2M - 1U)); /* to whole pages it is the same */
    CHECK(state_of(p) == MEM_FREE);
}

static void large_pages(void)
{
    size_t got = 7U;
    lamina_os_calls.large_page = no_large_pages;
    CHECK_REFUSED(lamina_os_map_ex(1U, LAMINA_MAP_HUGE_2M, &got), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_os_map_ex(1U, LAMINA_MAP_HUGE_1G, &got), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_os_map_ex(1U, LAMINA_MAP_HUGE_TRANSPARENT, &got), ERROR_NOT_SUPPORTED);
    CHECK(got == 7U);

    lamina_os_calls.large_page = large_pages_of_2m;
    lamina_os_calls.virtual_alloc = alloc_large;
    CHECK_REFUSED(lamina_os_map_ex(1U, LAMINA_MAP_HUGE_2M, &got), ERROR_PRIVILEGE_NOT_HELD);
    CHECK(kinds[0] == (MEM_RESERVE | MEM_COMMIT | MEM_LARGE_PAGES));
    CHECK_REFUSED(lamina_os_map_ex(1U, LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M, &got), ERROR_NOT_SUPPORTED);
    lamina_set_last_os_error(12345);
    void *p = lamina_os_map_ex(5000U, LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_FALLBACK, &got);
    CHECK((p != NULL) && (got == page()) && (lamina_last_os_error() == 12345));
    CHECK(lamina_os_release(p, 5000U));

    gives_large = true;
    lamina_os_calls.query_pages = tell_of_pages;
    page_flags = THERE | LARGE;
    p = lamina_os_map_ex(LAMINA_HUGE_2M + 1U, LAMINA_MAP_HUGE_2M, &got);
    CHECK((p != NULL) && (got == LAMINA_HUGE_2M));
    CHECK_REFUSED(lamina_os_release(p, LAMINA_HUGE_2M), LAMINA_OS_ERROR_INVALID); /* less than was asked for */
    CHECK(lamina_os_release(p, LAMINA_HUGE_2M + 1U));
    CHECK(state_of(p) == MEM_FREE);
    start_over();
}

/* ---------------------------------------------- Aligned reservations ------------------------------------------ */

static unsigned races; /* that will be lost */

static void *alloc_raced(void *at, size_t bytes, unsigned long kind, unsigned long rights)
{
    if ((at != NULL) && (races != 0U)) {
        races--;
        SetLastError(ERROR_INVALID_ADDRESS);
        return NULL;
    }
    return lamina_os_calls_default.virtual_alloc(at, bytes, kind, rights);
}

static void aligned_reservations(void)
{
    const size_t align = (size_t)1 << 26U;
    lamina_os_calls.virtual_alloc = alloc_raced;
    races = 5U;
    lamina_set_last_os_error(12345);
    void *const p = lamina_os_reserve_aligned(3U * page(), align);
    CHECK((p != NULL) && lamina_is_aligned(p, align) && (lamina_last_os_error() == 12345));
    CHECK(lamina_os_release(p, 3U * page()));
    races = 1000U; /* for ever */
    CHECK_REFUSED(lamina_os_reserve_aligned(3U * page(), align), ERROR_INVALID_ADDRESS);
    CHECK((races > 900U) && (races < 1000U));
    races = 0U;
    lamina_fail_at(2U, ERROR_COMMITMENT_LIMIT);
    CHECK_REFUSED(lamina_os_reserve_aligned(3U * page(), align), ERROR_COMMITMENT_LIMIT);
    lamina_fail_release_at(1U, ERROR_GEN_FAILURE);
    CHECK_REFUSED(lamina_os_reserve_aligned(3U * page(), align), ERROR_GEN_FAILURE);
    start_over();
}

/* --------------------------------------------------- Ranges --------------------------------------------------- */

static void ranges(void)
{
    static const unsigned long native[8] = {
        PAGE_NOACCESS, PAGE_READONLY,     PAGE_READWRITE,         PAGE_READWRITE,
        PAGE_EXECUTE,  PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_READWRITE,
    };
    unsigned char *const p = (unsigned char *)lamina_os_reserve(8U * page());
    CHECK(p != NULL);
    CHECK_REFUSED(lamina_os_release(p, 4U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_os_release(p, 9U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_os_release(p + page(), 7U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK(lamina_os_commit(p, 4U * page()));
    CHECK(state_of(p) == MEM_COMMIT);
    CHECK(state_of(p + 4U * page()) == MEM_RESERVE);
    for (unsigned rights = 0; rights < 8U; rights++) {
        CHECK(lamina_os_protect(p, 2U * page(), rights));
        CHECK(rights_of(p) == native[rights]);
        CHECK(rights_of(p + 2U * page()) == PAGE_READWRITE);
    }
    CHECK_REFUSED(lamina_os_protect(p, page(), 8U), LAMINA_OS_ERROR_INVALID);
    CHECK(lamina_os_commit(p, 2U * page())); /* anew: the rights are those of usable memory again */
    CHECK(rights_of(p) == PAGE_READWRITE);
    CHECK_REFUSED(lamina_os_map(page(), LAMINA_MAP_NORESERVE), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_os_huge_advise(p, page()), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_os_populate(p, 8U * page()), LAMINA_OS_ERROR_INVALID); /* half of it isn't usable */

    /* Discarding is two steps: where the first is refused nothing has happened, where the second is, half. */
    p[0] = 1U;
    lamina_fail_release_at(1U, ERROR_GEN_FAILURE);
    CHECK_REFUSED(lamina_os_discard(p, page()), ERROR_GEN_FAILURE);
    CHECK(p[0] == 1U);
    lamina_fail_off();
    lamina_fail_at(1U, ERROR_COMMITMENT_LIMIT);
    CHECK_REFUSED(lamina_os_discard(p, page()), ERROR_COMMITMENT_LIMIT);
    CHECK(state_of(p) == MEM_RESERVE);
    lamina_fail_off();
    CHECK(lamina_os_commit(p, page()));
    CHECK(p[0] == 0U);

    /* A guard is no memory at all, whether the range was usable or only reserved. */
    CHECK(lamina_os_guard(p + 3U * page(), 2U * page()));
    CHECK(state_of(p + 3U * page()) == MEM_RESERVE);
    CHECK(lamina_os_unguard(p + 3U * page(), 2U * page()));
    CHECK(state_of(p + 4U * page()) == MEM_COMMIT);
    CHECK(lamina_os_release(p, 8U * page()));
    CHECK(state_of(p) == MEM_FREE);
    CHECK_REFUSED(lamina_os_release(p, 8U * page()), LAMINA_OS_ERROR_INVALID);
}

/* --------------------------------------------------- Secrets -------------------------------------------------- */

static size_t least_now;
static size_t least_set;
static unsigned locks;

static int lock_within_quota(void *at, size_t bytes)
{
    (void)at;
    locks++;
    if (bytes > least_now) {
        SetLastError(ERROR_WORKING_SET_QUOTA);
        return 0;
    }
    return 1;
}

static int get_quota(size_t *least, size_t *most)
{
    *least = least_now;
    *most = least_now + 4096U;
    return 1;
}

static int set_quota(size_t least, size_t most)
{
    CHECK(most >= least);
    least_set = least;
    least_now = least;
    return 1;
}

/* A system that lets as much be locked as its working set is large, and is slow to say how large that is. */
static size_t set_least;
static size_t set_locked;
static size_t set_highest;
static LONG set_wrong;
static CRITICAL_SECTION set_guard;
static size_t refuse_to_shrink; /* below this */
static DWORD set_slow; /* milliseconds */

static int modest_lock(void *at, size_t bytes)
{
    (void)at;
    EnterCriticalSection(&set_guard);
    const bool fits = set_locked + bytes <= set_least;
    set_locked += fits ? bytes : 0U;
    LeaveCriticalSection(&set_guard);
    if (!fits) {
        SetLastError(ERROR_WORKING_SET_QUOTA);
    }
    return fits;
}

static int modest_unlock(void *at, size_t bytes)
{
    (void)at;
    EnterCriticalSection(&set_guard);
    set_wrong += (bytes > set_locked) ? 1 : 0;
    set_locked -= bytes;
    LeaveCriticalSection(&set_guard);
    return 1;
}

static int modest_get(size_t *least, size_t *most)
{
    *least = set_least;
    *most = set_least + (1U << 20U);
    Sleep(set_slow); /* whoever else is at it has time to get the same answer */
    return 1;
}

static int modest_set(size_t least, size_t most)
{
    (void)most;
    if (least < refuse_to_shrink) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return 0;
    }
    set_least = least;
    set_highest = (least > set_highest) ? least : set_highest;
    return 1;
}

static DWORD WINAPI locks_and_unlocks(void *context)
{
    unsigned char *const p = (unsigned char *)context;
    for (unsigned round = 1U; round <= 30U; round++) {
        const size_t bytes = (round % 7U + 1U) * page();
        lamina_set_last_os_error(12345);
        const bool ok = lamina_os_lock(p, bytes) && lamina_os_unlock(p, bytes) && (lamina_last_os_error() == 12345);
        (void)InterlockedExchangeAdd(&set_wrong, ok ? 0 : 1);
    }
    return 0U;
}

static void modest_system(void)
{
    lamina_os_calls.virtual_lock = modest_lock;
    lamina_os_calls.virtual_unlock = modest_unlock;
    lamina_os_calls.get_working_set = modest_get;
    lamina_os_calls.set_working_set = modest_set;
    set_least = 20U * page();
    set_locked = 0U;
    set_highest = 0U;
    set_wrong = 0;
    refuse_to_shrink = 0U;
}

/* Room to lock is made without losing what another thread makes, and given back. */
static void room_to_lock(void)
{
    enum { THREADS = 4 };
    HANDLE threads[THREADS];
    const size_t bytes = 64U * page();
    unsigned char *const p = (unsigned char *)lamina_os_map(THREADS * bytes, 0U);
    CHECK(p != NULL);
    InitializeCriticalSection(&set_guard);
    modest_system();
    const size_t before = set_least;

    CHECK(lamina_os_lock(p, 4U * page()) && (set_least == before)); /* there is room */
    CHECK(lamina_os_lock(p + 4U * page(), 60U * page()) && (set_least >= before + 60U * page()));
    for (unsigned i = 0; i < 100U; i++) { /* what comes and goes meanwhile finds room each time */
        CHECK(lamina_os_lock(p + bytes, 10U * page()) && lamina_os_unlock(p + bytes, 10U * page()));
        CHECK(set_least <= before + 140U * page());
    }
    CHECK(lamina_os_unlock(p + 4U * page(), 60U * page()));
    CHECK(lamina_os_unlock(p, 4U * page()) && (set_locked == 0U) && (set_least == before));

    unsigned got = 0U;
    void *const secret = lamina_secret_map(50U * page(), 0U, &got); /* of which its release knows as well */
    CHECK((secret != NULL) && (set_least > before));
    CHECK(lamina_secret_release(secret, 50U * page()) && (set_least == before));
    set_locked = 0U;

    /* The room is there and the lock is refused all the same: then it is given back. */
    set_locked = set_least + 1000U * page();
    CHECK_REFUSED(lamina_os_lock(p, 4U * page()), ERROR_WORKING_SET_QUOTA);
    CHECK((set_highest > before) && (set_least == before));
    set_locked = 0U;
    lamina_fail_at(0U, 0);
    (void)page();
    for (unsigned k = 2U; k <= 4U; k++) { /* what it may be, more of it, the lock again */
        lamina_fail_at(k, ERROR_ACCESS_DENIED);
        (void)page();
        lamina_os_calls.get_working_set = (k == 2U) ? lamina_os_calls_default.get_working_set : modest_get;
        lamina_os_calls.set_working_set = (k == 3U) ? lamina_os_calls_default.set_working_set : modest_set;
        lamina_os_calls.virtual_lock = modest_lock;
        if (k <= 3U) {
            lamina_fail_at(1U, ERROR_ACCESS_DENIED); /* of those that aren't replaced it is the first */
            CHECK_REFUSED(lamina_os_lock(p, bytes), ERROR_ACCESS_DENIED);
            CHECK(lamina_calls_failed() == 1U);
        }
        lamina_fail_off();
        CHECK((set_least == before) && (set_locked == 0U));
    }

    /* A system that won't take it back is asked again with the next. */
    modest_system();
    CHECK(lamina_os_lock(p, bytes));
    refuse_to_shrink = SIZE_MAX;
    lamina_set_last_os_error(12345);
    CHECK(lamina_os_unlock(p, bytes) && (lamina_last_os_error() == 12345) && (set_least > before));
    refuse_to_shrink = 0U;
    CHECK(lamina_os_lock(p, page()) && lamina_os_unlock(p, page()) && (set_least == before));
    lamina_fail_release_at(1U, ERROR_NOT_LOCKED);
    lamina_os_calls.virtual_unlock = lamina_os_calls_default.virtual_unlock;
    CHECK_REFUSED(lamina_os_unlock(p, page()), ERROR_NOT_LOCKED);
    lamina_fail_off();

    modest_system();
    set_least = page(); /* each has to make room */
    set_slow = 1U;
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = CreateThread(NULL, 0U, locks_and_unlocks, p + i * bytes, 0U, NULL);
        CHECK(threads[i] != NULL);
    }
    (void)WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    for (unsigned i = 0; i < THREADS; i++) {
        (void)CloseHandle(threads[i]);
    }
    CHECK((set_wrong == 0) && (set_locked == 0U) && (set_highest > page()) && (set_least == page()));
    DeleteCriticalSection(&set_guard);
    start_over();
    CHECK(lamina_os_release(p, THREADS * bytes));
}

/* What would take locked pages away, with their lock, is refused, and asks only once something was locked. */
static void locked_pages_stay(void)
{
    lamina_os_contents told = LAMINA_CONTENTS_ZERO;
    unsigned char *const p = (unsigned char *)lamina_os_map(300U * page(), 0U);
    CHECK(p != NULL);
    p[0] = 5U;
    lamina_os_calls.query_pages = tell_of_pages;
    page_flags = THERE | LOCKED;
    pages_asked = 0U;
    CHECK(lamina_os_lock(p, page()));
    CHECK_REFUSED(lamina_os_discard(p, 300U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_os_decommit(p, 300U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_os_guard(p, 300U * page()), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_os_purge(p, 300U * page(), &told), LAMINA_OS_ERROR_INVALID);
    CHECK((pages_asked == 1200U) && (p[0] == 5U) && (state_of(p) == MEM_COMMIT) && (told == LAMINA_CONTENTS_ZERO));
    page_flags = THERE;
    CHECK(lamina_os_unlock(p, page()));
    CHECK(lamina_os_discard(p, 300U * page()) && (p[0] == 0U));
    start_over();
    lamina_fail_at(1U, ERROR_GEN_FAILURE);
    (void)page();
    CHECK_REFUSED(lamina_os_decommit(p, page()), ERROR_GEN_FAILURE);
    CHECK(state_of(p) == MEM_COMMIT);
    start_over();
    CHECK(lamina_os_release(p, 300U * page()));
}

static void secrets(void)
{
    lamina_os_calls.virtual_lock = lock_within_quota;
    lamina_os_calls.get_working_set = get_quota;
    lamina_os_calls.set_working_set = set_quota;
    least_now = page();
    unsigned got = 0U;
    void *p = lamina_secret_map(64U * page(), LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_FORK, &got);
    CHECK((p != NULL) && (got == (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_FORK)));
    CHECK((locks == 2U) && (least_set >= 65U * page()));
    CHECK(lamina_os_protect(p, page(), LAMINA_PROTECT_READ));
    CHECK_REFUSED(lamina_secret_release(p, 64U * page()), LAMINA_OS_ERROR_INVALID); /* can't be scrubbed */
    CHECK(lamina_os_protect(p, page(), LAMINA_PROTECT_READ | LAMINA_PROTECT_WRITE));
    CHECK(lamina_secret_release(p, 64U * page()));
    CHECK_REFUSED(lamina_secret_release(p, 64U * page()), LAMINA_OS_ERROR_INVALID);
    least_now = page();
    for (unsigned k = 2U; k <= 4U; k++) { /* the mapping is the first; then the lock, what it may be, more of it */
        start_over();
        lamina_os_calls.set_working_set = set_quota;
        (void)page();
        lamina_fail_at(k, ERROR_WORKING_SET_QUOTA);
        p = lamina_secret_map(page(), 0U, NULL);
        const bool hit = lamina_calls_failed() != 0U;
        if (p != NULL) { /* a quota is one refusal that there is an answer to */
            CHECK(!hit || (k == 2U));
            CHECK(lamina_secret_release(p, page()));
        } else {
            CHECK(hit && (lamina_last_os_error() == ERROR_WORKING_SET_QUOTA));
        }
    }
    start_over();
    lamina_fail_at(2U, ERROR_ACCESS_DENIED);
    CHECK_REFUSED(lamina_secret_map(page(), 0U, NULL), ERROR_ACCESS_DENIED);
    start_over();
    CHECK_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_NO_DUMP, NULL), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_HIDDEN, NULL), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_secret_map(page(), 0x10U, NULL), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_secret_map(0U, 0U, NULL), LAMINA_OS_ERROR_INVALID);
}

/* ---------------------------------------------------- Nodes --------------------------------------------------- */

static unsigned long node_wanted;

static void *alloc_on_node(void *at, size_t bytes, unsigned long kind, unsigned long rights, unsigned long node)
{
    node_wanted = node;
    return lamina_os_calls_default.virtual_alloc(at, bytes, kind, rights);
}

/* Nodes 0 and 5, of a processor each. */
static int two_nodes(void *list, unsigned long *bytes)
{
    SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX record;
    const DWORD size = (DWORD)(offsetof(SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX, NumaNode) + sizeof record.NumaNode);
    if (*bytes < 2U * size) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return 0;
    }
    memset(&record, 0, sizeof record);
    record.Relationship = RelationNumaNode;
    record.Size = size;
    record.NumaNode.GroupMask.Mask = ~(KAFFINITY)0 << 1U;
    memcpy(list, &record, size);
    record.NumaNode.NodeNumber = 5U;
    record.NumaNode.GroupMask.Mask = 1U;
    memcpy((unsigned char *)list + size, &record, size);
    *bytes = 2U * size;
    return 1;
}

static int unknown_node(const void *processor, unsigned short *node)
{
    (void)processor;
    (void)node;
    SetLastError(ERROR_CALL_NOT_IMPLEMENTED);
    return 0;
}

static void nodes(void)
{
    const uint16_t second[2] = {5U, 0U};
    const uint16_t missing = 3U;
    uint16_t list[4] = {9U, 9U, 9U, 9U};
    size_t count = 0U;
    lamina_os_calls.node_list = two_nodes;
    lamina_os_calls.node_of_processor = unknown_node;
    lamina_os_calls.virtual_alloc_node = alloc_on_node;
    CHECK(lamina_numa_nodes(list, 4U, &count));
    CHECK((count == 2U) && (list[0] == 0U) && (list[1] == 5U) && (list[2] == 9U));
    CHECK(lamina_numa_node_count() == 2U);
    CHECK(lamina_numa_node_allowed(5U) && !lamina_numa_node_allowed(3U));
    const int here = lamina_numa_current_node();
    CHECK((here == 0) || (here == 5));

    void *p = lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_PREFERRED, second, 1U);
    CHECK((p != NULL) && (node_wanted == 5U));
    CHECK(lamina_os_release(p, page()));
    node_wanted = 0U;
    p = lamina_numa_reserve(page(), LAMINA_NUMA_PREFERRED, second, 1U);
    CHECK((p != NULL) && (node_wanted == 5U));
    CHECK(lamina_os_release(p, page()));
    p = lamina_numa_reserve(page(), LAMINA_NUMA_DEFAULT, NULL, 0U);
    CHECK((p != NULL) && lamina_numa_apply(p, page(), LAMINA_NUMA_DEFAULT, NULL, 0U));
    CHECK_REFUSED(lamina_numa_apply(p, page(), LAMINA_NUMA_PREFERRED, second, 1U), ERROR_NOT_SUPPORTED); /* too late */
    CHECK(lamina_os_release(p, page()));
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_PREFERRED, &missing, 1U), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_PREFERRED, second, 2U), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_PREFERRED, NULL, 0U), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_BIND, second, 1U), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, LAMINA_NUMA_LOCAL, NULL, 0U), ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_numa_map(page(), 0U, NULL, (lamina_numa_policy)99, NULL, 0U), LAMINA_OS_ERROR_INVALID);
    CHECK_REFUSED(lamina_numa_distance(0U, 5U) >= 0, ERROR_NOT_SUPPORTED);
    CHECK_REFUSED(lamina_numa_distance(0U, 3U) >= 0, LAMINA_OS_ERROR_INVALID);
    start_over();
    lamina_fail_at(1U, ERROR_GEN_FAILURE);
    CHECK_REFUSED(lamina_numa_nodes(list, 4U, &count), ERROR_GEN_FAILURE);
    start_over();
}

/* --------------------------------------------------- Threads -------------------------------------------------- */

static unsigned long no_slot(void)
{
    return TLS_OUT_OF_INDEXES;
}

static int impossible_pages;

static void odd_pages(size_t *size, size_t *granularity)
{
    *size = (impossible_pages == 1) ? 3000U : 4096U;
    *granularity = (impossible_pages == 2) ? 1024U : 65536U;
}

static DWORD WINAPI sets_another_error(void *context)
{
    (void)context;
    lamina_set_last_os_error(777);
    return (DWORD)lamina_last_os_error();
}

static void threads_and_errors(void)
{
    DWORD answer = 0U;
    lamina_set_last_os_error(12345);
    SetLastError(42U);
    CHECK(lamina_last_os_error() == 12345);
    (void)lamina_thread_index();
    CHECK(GetLastError() == 42U); /* asking is no business of the program's error */
    const HANDLE thread = CreateThread(NULL, 0U, sets_another_error, NULL, 0U, NULL);
    CHECK(thread != NULL);
    (void)WaitForSingleObject(thread, INFINITE);
    CHECK(GetExitCodeThread(thread, &answer) && (answer == 777U));
    (void)CloseHandle(thread);
    CHECK(lamina_last_os_error() == 12345);

    for (impossible_pages = 1; impossible_pages <= 2; impossible_pages++) {
        lamina_os_calls.system_info = odd_pages;
        lamina_fail_at(0U, 0); /* forgets what is known */
        CHECK_REFUSED(lamina_os_page_size(), LAMINA_OS_ERROR_INVALID);
        CHECK_REFUSED(lamina_os_granularity(), LAMINA_OS_ERROR_INVALID);
        CHECK_REFUSED(lamina_os_reserve(1U), LAMINA_OS_ERROR_INVALID);
    }
    start_over();
    lamina_fail_at(0U, 0);

    unsigned char bytes[4] = {0};
    lamina_fail_at(1U, -5);
    CHECK_REFUSED(lamina_random_bytes(bytes, sizeof bytes), -5);
    lamina_fail_off();
    CHECK_REFUSED(lamina_random_bytes(bytes, 0U), LAMINA_OS_ERROR_INVALID);
    lamina_fail_at(1U, ERROR_NOT_ENOUGH_MEMORY);
    CHECK_REFUSED(lamina_os_heap_alloc(16U, 16U), ERROR_NOT_ENOUGH_MEMORY);
    start_over();
}

/* A system whose every call for a thread's own value leaves an error of its own behind. */
static int set_and_spoil(unsigned long key, void *value)
{
    const int out = lamina_os_calls_default.tls_set(key, value);
    SetLastError(ERROR_CRC);
    return out;
}

static void *get_and_spoil(unsigned long key)
{
    void *const out = lamina_os_calls_default.tls_get(key);
    SetLastError(ERROR_CRC);
    return out;
}

/* What is told is the failing call's code, whatever keeping it does to the system's. */
static void errors_spoiled(void)
{
    const size_t align = (size_t)1 << 26U;
    lamina_os_calls.tls_set = set_and_spoil;
    lamina_os_calls.tls_get = get_and_spoil;
    lamina_os_calls.virtual_alloc = alloc_raced;
    races = 5U;
    void *p = lamina_os_reserve_aligned(3U * page(), align);
    CHECK((p != NULL) && lamina_is_aligned(p, align) && (races == 0U));
    CHECK(lamina_os_release(p, 3U * page()));
    races = 1000U;
    CHECK_REFUSED(lamina_os_reserve_aligned(3U * page(), align), ERROR_INVALID_ADDRESS);
    races = 0U;
    lamina_os_calls.virtual_alloc = lamina_os_calls_default.virtual_alloc;
    p = lamina_os_reserve(4U * page());
    CHECK(p != NULL);
    for (unsigned k = 1U; k <= 2U; k++) { /* each kind of call that has a code: the first is refused */
        lamina_fail_at(1U, ERROR_COMMITMENT_LIMIT);
        lamina_fail_release_at(1U, ERROR_GEN_FAILURE);
        CHECK_REFUSED(lamina_os_commit(p, page()), ERROR_COMMITMENT_LIMIT);
        CHECK_REFUSED(lamina_os_decommit(p, page()), ERROR_GEN_FAILURE);
        lamina_fail_at(1U, ERROR_COMMITMENT_LIMIT);
        CHECK_REFUSED(lamina_os_protect(p, page(), LAMINA_PROTECT_READ), ERROR_COMMITMENT_LIMIT);
        lamina_fail_at(1U, ERROR_NOT_ENOUGH_MEMORY);
        CHECK_REFUSED(lamina_os_heap_alloc(16U, 16U), ERROR_NOT_ENOUGH_MEMORY);
        lamina_fail_at(1U, ERROR_ACCESS_DENIED);
        CHECK_REFUSED(lamina_os_lock(p, page()), ERROR_ACCESS_DENIED);
        lamina_fail_release_at(1U, ERROR_NOT_LOCKED);
        CHECK_REFUSED(lamina_os_unlock(p, page()), ERROR_NOT_LOCKED);
        lamina_fail_release_at(1U, ERROR_GEN_FAILURE);
        CHECK_REFUSED(lamina_os_release(p, 4U * page()), ERROR_GEN_FAILURE);
    }
    lamina_fail_off();
    CHECK(lamina_os_release(p, 4U * page()));
    start_over();

    SetLastError(42U);
    lamina_os_heap_free(lamina_os_heap_alloc(16U, 16U));
    lamina_set_last_os_error(1);
    CHECK(GetLastError() == 42U); /* what works leaves the program's own alone */
}

static unsigned ended; /* hooks called */
static DWORD ended_on; /* the thread that the last was called on */
static void *main_fiber;
static lamina_thread_hook fiber_hook;
static bool fiber_hooked;

static void count_end(void *context)
{
    (void)context;
    ended++;
    ended_on = GetCurrentThreadId();
}

static void WINAPI in_fiber(void *context)
{
    (void)context;
    fiber_hooked = lamina_thread_hook_add(&fiber_hook, count_end, NULL);
    SwitchToFiber(main_fiber);
}

static DWORD WINAPI with_fibers(void *context)
{
    static lamina_thread_hook own;
    bool *const ok = (bool *)context;
    main_fiber = ConvertThreadToFiber(NULL);
    void *const fiber = CreateFiber(0U, in_fiber, NULL);
    ok[0] = (main_fiber != NULL) && (fiber != NULL) && lamina_thread_hook_add(&own, count_end, NULL);
    SwitchToFiber(fiber);
    /* A fiber's hooks are its own: here that one isn't registered. */
    ok[1] = fiber_hooked && !lamina_thread_hook_remove(&fiber_hook) && (ended == 0U);
    DeleteFiber(fiber);
    ok[2] = ended == 1U; /* at the fiber's end, on the thread that ended it */
    ok[3] = ended_on == GetCurrentThreadId();
    return 0U;
}

/* lamina/hooks.h: where a thread runs fibers, each has its hooks. */
static void fibers(void)
{
    bool ok[4] = {false, false, false, false};
    const HANDLE thread = CreateThread(NULL, 0U, with_fibers, ok, 0U, NULL);
    CHECK(thread != NULL);
    (void)WaitForSingleObject(thread, INFINITE);
    (void)CloseHandle(thread);
    CHECK(ok[0]);
    CHECK(ok[1]);
    CHECK(ok[2]);
    CHECK(ok[3]);
    CHECK(ended == 2U); /* the thread's own, at its end: what ended before it took nothing from its list */
}

static void nothing(void *context)
{
    (void)context;
}

static void hooks_refused(void)
{
    static lamina_thread_hook hook;
    for (unsigned k = 1U; k <= 2U; k++) { /* no key, then no room for its value */
        lamina_fail_at(k, ERROR_NOT_ENOUGH_MEMORY);
        CHECK_REFUSED(lamina_thread_hook_add(&hook, nothing, NULL), ERROR_NOT_ENOUGH_MEMORY);
        CHECK(lamina_calls_failed() == 1U);
    }
    lamina_fail_off();
    CHECK(lamina_thread_hook_add(&hook, nothing, NULL));
    CHECK(lamina_thread_hook_remove(&hook));
}

int main(void)
{
    /* First of all, while no slot is had: then every thread shares one error and the first shard. */
    lamina_os_calls.tls_alloc = no_slot;
    lamina_set_last_os_error(31);
    CHECK(lamina_last_os_error() == 31);
    CHECK(lamina_thread_index() == 0U);
    start_over();

    hooks_refused();
    large_pages();
    ordinary_pages_of_a_large_size();
    aligned_reservations();
    ranges();
    secrets();
    room_to_lock();
    locked_pages_stay();
    nodes();
    threads_and_errors();
    errors_spoiled();
    fibers();
    puts((failed == 0) ? "all as it should be" : "not as it should be");
    return failed;
}
