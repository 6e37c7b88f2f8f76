/* SPDX-License-Identifier: MIT */
/* Identity, mutex, spinlock, atomics, a last error for each thread, hooks. */
#include "suite.h"

#include "lamina/thread.h"

#if __STDC_HOSTED__
#include "lamina/hooks.h"
#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

enum { THREADS = 4, ROUNDS = 20000 };

typedef struct shared {
    lamina_mutex_t mutex;
    lamina_spinlock_t spinlock;
    size_t under_mutex; /* plain: only a lock that excludes makes the sum right */
    size_t under_spinlock;
    size_t atomic;
    uintptr_t ids[THREADS];
    unsigned indices[THREADS];
    int errors[THREADS];
    uint32_t arrived;
} shared;

static void work(unsigned i, void *context)
{
    shared *const s = (shared *)context;
    s->ids[i] = lamina_thread_id();
    s->indices[i] = lamina_thread_index();
    lamina_set_last_os_error((int)i + 1);
    /* All are alive at once, or their identities could be the same. */
    (void)lamina_atomic_fetch_add_u32_acq_rel(&s->arrived, 1U);
    while (lamina_atomic_load_u32_acquire(&s->arrived) < THREADS) {
        lamina_thread_yield();
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        lamina_mutex_lock(&s->mutex);
        s->under_mutex++;
        lamina_mutex_unlock(&s->mutex);
        lamina_spinlock_lock(&s->spinlock);
        s->under_spinlock++;
        lamina_spinlock_unlock(&s->spinlock);
        (void)lamina_atomic_fetch_add_size_relaxed(&s->atomic, 1U);
    }
    s->errors[i] = lamina_last_os_error();
}

static void at_once(void)
{
    static shared s;
    lamina_mutex_init(&s.mutex);
    lamina_spinlock_init(&s.spinlock);
    lamina_set_last_os_error(SUITE_UNTOUCHED);
    const bool ran = host_threads(THREADS, work, &s);
    CASE("threads", "a mutex and a spinlock exclude, and atomics lose nothing")
    {
        EXPECT(ran == (suite_expected("threads") == 0));
        EXPECT(s.under_mutex == (size_t)THREADS * ROUNDS);
        EXPECT(s.under_spinlock == (size_t)THREADS * ROUNDS);
        EXPECT(s.atomic == (size_t)THREADS * ROUNDS);
    }
    CASE("threads", "living threads have identities and indices of their own")
    {
        for (unsigned i = 0; i < THREADS; i++) {
            EXPECT((s.ids[i] != 0U) && (s.ids[i] != lamina_thread_id()));
            for (unsigned j = 0; j < i; j++) {
                EXPECT((s.ids[i] != s.ids[j]) && (s.indices[i] != s.indices[j]));
            }
        }
    }
    CASE("errors", "each thread has a last error of its own")
    {
        EXPECT(lamina_last_os_error() == SUITE_UNTOUCHED);
        for (unsigned i = 0; i < THREADS; i++) {
            EXPECT(s.errors[i] == (int)i + 1);
        }
    }
}

static char order[8]; /* in which hooks were called */
static size_t called;
static lamina_thread_hook thread_hooks[3];

static void remember(void *context)
{
    order[called++ % sizeof order] = *(const char *)context;
}

static void with_hooks(unsigned i, void *context)
{
    bool *const ok = (bool *)context;
    (void)i;
    ok[0] = lamina_thread_hook_add(&thread_hooks[0], remember, "a") &&
            lamina_thread_hook_add(&thread_hooks[1], remember, "b") &&
            lamina_thread_hook_add(&thread_hooks[2], remember, "c");
    lamina_set_last_os_error(0);
    ok[1] = !lamina_thread_hook_add(&thread_hooks[1], remember, "b") &&
            (lamina_last_os_error() == LAMINA_OS_ERROR_INVALID);
    ok[2] = lamina_thread_hook_remove(&thread_hooks[1]);
    lamina_set_last_os_error(0);
    ok[3] = !lamina_thread_hook_remove(&thread_hooks[1]) &&
            (lamina_last_os_error() == LAMINA_OS_ERROR_INVALID);
}

static void hooks(void)
{
    CASE("threads", "hooks are called when their thread ends, the last first; one that was taken back is not")
    {
        bool ok[4] = {false, false, false, false};
        called = 0U;
        EXPECT(host_threads(1U, with_hooks, ok));
        EXPECT(ok[0] && ok[1] && ok[2] && ok[3]);
        EXPECT((called == 2U) && (order[0] == 'c') && (order[1] == 'a'));
    }
    static lamina_fork_hook fork_hook;
    CASE("threads", "fork hooks are registered once, and taken back once")
    {
        EXPECT_WORKS(lamina_fork_hook_add(&fork_hook));
        EXPECT_REFUSED(lamina_fork_hook_add(&fork_hook), LAMINA_OS_ERROR_INVALID);
        EXPECT_WORKS(lamina_fork_hook_remove(&fork_hook));
        EXPECT_REFUSED(lamina_fork_hook_remove(&fork_hook), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_fork_hook_add(NULL), LAMINA_OS_ERROR_INVALID);
    }
#if !defined(_WIN32)
    CASE("threads", "fork calls its hooks: before, in the parent, in the child")
    {
        fork_hook.before = remember;
        fork_hook.in_parent = remember;
        fork_hook.in_child = remember;
        static const char mark = 'f';
        char read_only = mark;
        fork_hook.context = &read_only;
        called = 0U;
        EXPECT_WORKS(lamina_fork_hook_add(&fork_hook));
        const pid_t child = fork();
        if (child == 0) {
            _exit((called == 2U) ? 0 : 1);
        }
        int status = -1;
        EXPECT((child > 0) && (waitpid(child, &status, 0) == child) && (status == 0));
        EXPECT(called == 2U);
        EXPECT(lamina_fork_hook_remove(&fork_hook));
    }
#else
    suite_finds("threads", "there is no fork: its hooks are kept and never called");
#endif
}
#endif

void part_threads(void)
{
#if __STDC_HOSTED__
    at_once();
    hooks();
#endif
    CASE("threads", "atomics of one thread: add, exchange, compare, raise")
    {
        size_t value = 5U;
        size_t expected = 7U;
        EXPECT(lamina_atomic_fetch_add_size_acq_rel(&value, 2U) == 5U);
        while (!lamina_atomic_cas_size_weak_acq_rel(&value, &expected, 9U)) {
            EXPECT(expected == 7U); /* weak: may fail for no reason, and then finds what is there */
        }
        EXPECT(lamina_atomic_exchange_size_acq_rel(&value, 1U) == 9U);
        lamina_atomic_raise_size_relaxed(&value, 4U);
        lamina_atomic_raise_size_relaxed(&value, 3U);
        EXPECT(lamina_atomic_load_size_acquire(&value) == 4U);
    }
    CASE("threads", "a mutex is held once")
    {
        lamina_mutex_t mutex = LAMINA_MUTEX_INIT;
        EXPECT(lamina_mutex_try_lock(&mutex));
        EXPECT(!lamina_mutex_try_lock(&mutex));
        lamina_mutex_unlock(&mutex);
        lamina_mutex_lock(&mutex);
        EXPECT(!lamina_mutex_try_lock(&mutex));
        lamina_mutex_unlock(&mutex);
        EXPECT(lamina_thread_id() != 0U);
        lamina_thread_yield();
    }
    CASE("threads", "a spinlock is held once")
    {
        lamina_spinlock_t lock = LAMINA_SPINLOCK_INIT;
        EXPECT(lamina_spinlock_try_lock(&lock));
        EXPECT(!lamina_spinlock_try_lock(&lock));
        lamina_spinlock_unlock(&lock);
        EXPECT(lamina_spinlock_try_lock(&lock));
    }
    CASE("threads", "atomics of 64 bits are there where the target's are expected to be")
    {
        EXPECT((LAMINA_HAS_ATOMIC_U64 != 0) == (suite_expected("64-bit atomics") == 0));
#if LAMINA_HAS_ATOMIC_U64
        uint64_t value = UINT64_C(1) << 40U;
        EXPECT(lamina_atomic_fetch_add_u64_relaxed(&value, UINT64_C(1) << 33U) == UINT64_C(1) << 40U);
        EXPECT(lamina_atomic_load_u64_acquire(&value) == (UINT64_C(1) << 40U) + (UINT64_C(1) << 33U));
#endif
    }
    suite_finds("threads", LAMINA_HAS_ATOMIC_U64 ? "atomics up to 64 bits" : "atomics up to 32 bits");
}
