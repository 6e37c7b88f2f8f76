/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: threads. Who is calling, atomics that C and C++ spell alike, a mutex and a spinlock.
 *
 * What a fast path needs is inline; only waiting is out of line. All synchronization happens in inline code of the
 * caller, so ThreadSanitizer sees it even when the runtime itself was built without.
 */
#ifndef LAMINA_THREAD_H
#define LAMINA_THREAD_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* ------------------------------------------------- Atomics ---------------------------------------------------- */

/* The headers that Lamina emits are included from C++, which has no _Atomic; the compilers' __atomic_ builtins work
 * on plain objects in both. Names say the type and the weakest order that holds; a compare-and-swap that fails is
 * relaxed, may fail for no reason (weak), and puts what it found into *expected.
 *
 *                  relaxed  acquire  release  acq_rel      types
 *     load            x        x                           ptr size u32 u64* flag
 *     store           x                 x                  ptr size u32 u64* flag
 *     exchange                 x        x        x         ptr size u32
 *     cas_…_weak      x        x        x        x         ptr size u32
 *     fetch_add       x                          x         size u32 u64*
 *     fetch_sub       x                          x         size u32 u64*
 *     fetch_or        x                          x         size u32
 *     fetch_and       x                          x         size u32
 *
 * *) u64 is there where pointers have 64 bits too, and elsewhere would cost a lock: LAMINA_HAS_ATOMIC_U64. */

#define LAMINA_ATOMIC_LOAD_(name, type, order, ORDER) \
    LAMINA_INLINE type lamina_atomic_load_##name##_##order(const type *at) \
    { \
        return __atomic_load_n(at, ORDER); \
    }

#define LAMINA_ATOMIC_STORE_(name, type, order, ORDER) \
    LAMINA_INLINE void lamina_atomic_store_##name##_##order(type *at, type value) \
    { \
        __atomic_store_n(at, value, ORDER); \
    }

#define LAMINA_ATOMIC_EXCHANGE_(name, type, order, ORDER) \
    LAMINA_INLINE type lamina_atomic_exchange_##name##_##order(type *at, type value) \
    { \
        return __atomic_exchange_n(at, value, ORDER); \
    }

/* A weak compare-and-swap may fail though the value is the expected one; x86 never does that. In the testing build
 * each seventh try of a thread does, so that code which relies on success is found without waiting for a collision. */
#if defined(LAMINA_OS_TABLE)
#define LAMINA_WEAK_FAILS_(at, expected) \
    static __thread unsigned tries; \
    if (++tries % 7U == 0U) { \
        *(expected) = __atomic_load_n(at, __ATOMIC_RELAXED); \
        return false; \
    }
#else
#define LAMINA_WEAK_FAILS_(at, expected)
#endif

#define LAMINA_ATOMIC_CAS_(name, type, order, ORDER) \
    LAMINA_INLINE bool lamina_atomic_cas_##name##_weak_##order(type *at, type *expected, type desired) \
    { \
        LAMINA_WEAK_FAILS_(at, expected) \
        return __atomic_compare_exchange_n(at, expected, desired, true, ORDER, __ATOMIC_RELAXED); \
    }

#define LAMINA_ATOMIC_FETCH_(operation, name, type, order, ORDER) \
    LAMINA_INLINE type lamina_atomic_fetch_##operation##_##name##_##order(type *at, type value) \
    { \
        return __atomic_fetch_##operation(at, value, ORDER); \
    }

#define LAMINA_ATOMIC_LOADS_AND_STORES_(name, type) \
    LAMINA_ATOMIC_LOAD_(name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_LOAD_(name, type, acquire, __ATOMIC_ACQUIRE) \
    LAMINA_ATOMIC_STORE_(name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_STORE_(name, type, release, __ATOMIC_RELEASE)

#define LAMINA_ATOMIC_SWAPS_(name, type) \
    LAMINA_ATOMIC_EXCHANGE_(name, type, acquire, __ATOMIC_ACQUIRE) \
    LAMINA_ATOMIC_EXCHANGE_(name, type, release, __ATOMIC_RELEASE) \
    LAMINA_ATOMIC_EXCHANGE_(name, type, acq_rel, __ATOMIC_ACQ_REL) \
    LAMINA_ATOMIC_CAS_(name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_CAS_(name, type, acquire, __ATOMIC_ACQUIRE) \
    LAMINA_ATOMIC_CAS_(name, type, release, __ATOMIC_RELEASE) \
    LAMINA_ATOMIC_CAS_(name, type, acq_rel, __ATOMIC_ACQ_REL)

#define LAMINA_ATOMIC_SUMS_(name, type) \
    LAMINA_ATOMIC_FETCH_(add, name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_FETCH_(add, name, type, acq_rel, __ATOMIC_ACQ_REL) \
    LAMINA_ATOMIC_FETCH_(sub, name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_FETCH_(sub, name, type, acq_rel, __ATOMIC_ACQ_REL)

#define LAMINA_ATOMIC_BITS_(name, type) \
    LAMINA_ATOMIC_FETCH_(or, name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_FETCH_(or, name, type, acq_rel, __ATOMIC_ACQ_REL) \
    LAMINA_ATOMIC_FETCH_(and, name, type, relaxed, __ATOMIC_RELAXED) \
    LAMINA_ATOMIC_FETCH_(and, name, type, acq_rel, __ATOMIC_ACQ_REL)

typedef void *lamina_ptr_; /* so that `const` in the load's signature belongs to the pointer object */

LAMINA_ATOMIC_LOADS_AND_STORES_(ptr, lamina_ptr_)
LAMINA_ATOMIC_SWAPS_(ptr, lamina_ptr_)

LAMINA_ATOMIC_LOADS_AND_STORES_(size, size_t)
LAMINA_ATOMIC_SWAPS_(size, size_t)
LAMINA_ATOMIC_SUMS_(size, size_t)
LAMINA_ATOMIC_BITS_(size, size_t)

LAMINA_ATOMIC_LOADS_AND_STORES_(u32, uint32_t)
LAMINA_ATOMIC_SWAPS_(u32, uint32_t)
LAMINA_ATOMIC_SUMS_(u32, uint32_t)
LAMINA_ATOMIC_BITS_(u32, uint32_t)

LAMINA_ATOMIC_LOADS_AND_STORES_(flag, bool)

#if UINTPTR_MAX > 0xFFFFFFFFU
#define LAMINA_HAS_ATOMIC_U64 1
LAMINA_ATOMIC_LOADS_AND_STORES_(u64, uint64_t)
LAMINA_ATOMIC_SUMS_(u64, uint64_t)
#else
#define LAMINA_HAS_ATOMIC_U64 0
#endif

#undef LAMINA_ATOMIC_LOAD_
#undef LAMINA_ATOMIC_STORE_
#undef LAMINA_ATOMIC_EXCHANGE_
#undef LAMINA_ATOMIC_CAS_
#undef LAMINA_ATOMIC_FETCH_
#undef LAMINA_ATOMIC_LOADS_AND_STORES_
#undef LAMINA_ATOMIC_SWAPS_
#undef LAMINA_ATOMIC_SUMS_
#undef LAMINA_ATOMIC_BITS_

/* Raises *at to `value` where it is below: a peak that several threads report to. Lock-free; relaxed. */
LAMINA_INLINE void lamina_atomic_raise_size_relaxed(size_t *at, size_t value)
{
    size_t seen = lamina_atomic_load_size_relaxed(at);
    while ((seen < value) && !lamina_atomic_cas_size_weak_relaxed(at, &seen, value)) {
    }
}

/* ---------------------------------------------- Who is calling ------------------------------------------------ */

/* Two functions, however the platform tells:
 *
 * lamina_thread_id() is a number that no two living threads share; never 0. A thread that starts after another ended
 * may get the ended one's number. It is the address of a thread-local byte, on Windows of the thread's environment
 * block: an instruction or two.
 *
 * lamina_thread_index() is 0, 1, 2, … in the order in which threads first ask: for choosing a shard, modulo their
 * count. A thread keeps its number; those of ended threads aren't given out again. Two or three instructions once it
 * has one; a call on Windows. */

LAMINA_COLD unsigned lamina_thread_index_claim_(void);

#if defined(_WIN32)
/* The compiler's thread-local variables cost a call and a heap block a thread on Windows, so that neither is one. */
LAMINA_INLINE uintptr_t lamina_thread_id(void)
{
    uintptr_t block; /* the thread's environment block, which the processor's gs (fs) register points to */
#if defined(__x86_64__)
    __asm__("movq %%gs:0x30, %0" : "=r"(block));
#elif defined(__i386__)
    __asm__("movl %%fs:0x18, %0" : "=r"(block));
#else
#error "Lamina's runtime for Windows is for x86"
#endif
    return block;
}

LAMINA_INLINE unsigned lamina_thread_index(void)
{
    return lamina_thread_index_claim_();
}
#elif !__STDC_HOSTED__
/* Supplied by a freestanding program that has threads; each is optional, as the references are weak. Without the
 * first two there is one thread, with the number 1 and the index 0; without the third a thread that waits for a lock
 * spins, which is for ever where the holder never gets to run. */
uintptr_t lamina_port_thread_id(void); /* not 0 */
unsigned lamina_port_thread_index(void);
void lamina_port_yield(void);

uintptr_t lamina_thread_id(void);

LAMINA_INLINE unsigned lamina_thread_index(void)
{
    return lamina_thread_index_claim_();
}
#else
#if defined(__APPLE__)
#define LAMINA_THREAD_LOCAL __thread /* the system has one model only */
#else
/* Initial-exec: the byte's offset from the thread pointer is known when the program is loaded, so that its address
 * takes two instructions and no call even in position-independent code. That claims this byte and the index below
 * of the space that the loader keeps for libraries opened late. */
#define LAMINA_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#endif

extern LAMINA_THREAD_LOCAL unsigned char lamina_thread_byte_;
extern LAMINA_THREAD_LOCAL unsigned lamina_thread_index_plus_one_;

LAMINA_INLINE uintptr_t lamina_thread_id(void)
{
    return (uintptr_t)&lamina_thread_byte_;
}

LAMINA_INLINE unsigned lamina_thread_index(void)
{
    const unsigned known = lamina_thread_index_plus_one_;
    return LAMINA_LIKELY(known != 0U) ? (known - 1U) : lamina_thread_index_claim_();
}
#endif

/* Lets another thread run. Never fails. */
LAMINA_COLD void lamina_thread_yield(void);

/* Tells the processor that this is a waiting loop: saves power, and the cost of a mispredicted exit. */
LAMINA_INLINE void lamina_spin_hint(void)
{
#if defined(__i386__) || defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__arm__) && (__ARM_ARCH >= 7))
    __asm__ volatile("yield");
#else
    __asm__ volatile("");
#endif
}

/* -------------------------------------------------- Mutex ----------------------------------------------------- */

/* No destructor to forget and no initialization that can fail; all zero is unlocked. Not recursive, not fair, and like
 * every mutex locked for ever in the child of a fork that another thread held it at (hooks.h is for that).
 *
 * Linux: four bytes; uncontended one atomic instruction each for locking and unlocking, inline. Windows and macOS: the
 * system's own lock of that kind (SRWLOCK, os_unfair_lock) in the size of a pointer, by a call. Without an operating
 * system: as on Linux, where whoever finds it locked asks the program to let others run. */
#if defined(_WIN32) || defined(__APPLE__)

typedef struct lamina_mutex {
    void *state;
} lamina_mutex_t;

/* clang-format off */
#define LAMINA_MUTEX_INIT {0}
/* clang-format on */

void lamina_mutex_lock(lamina_mutex_t *mutex);
LAMINA_NODISCARD bool lamina_mutex_try_lock(lamina_mutex_t *mutex);
void lamina_mutex_unlock(lamina_mutex_t *mutex);

LAMINA_INLINE void lamina_mutex_init(lamina_mutex_t *mutex)
{
    mutex->state = NULL;
}

/* Nobody may hold it or wait for it. */
LAMINA_INLINE void lamina_mutex_destroy(lamina_mutex_t *mutex)
{
    mutex->state = NULL;
}

#else

/* The three states are those of U. Drepper, "Futexes Are Tricky" (2011), section 6:
 *     0 free · 1 held · 2 held, and somebody may be asleep
 * Invariant: whoever sleeps has written 2 since the last unlock, so an unlock that finds 1 has nobody to wake. */
typedef struct lamina_mutex {
    uint32_t state;
} lamina_mutex_t;

/* clang-format off */
#define LAMINA_MUTEX_INIT {0U}
/* clang-format on */

/* Sleeps until woken, at once back when *at isn't `expected`, and at times back for no reason. */
LAMINA_COLD void lamina_thread_wait_(uint32_t *at, uint32_t expected);
/* Wakes one thread that sleeps on `at`. */
LAMINA_COLD void lamina_thread_wake_(uint32_t *at);

LAMINA_INLINE void lamina_mutex_init(lamina_mutex_t *mutex)
{
    lamina_atomic_store_u32_relaxed(&mutex->state, 0U);
}

/* Nobody may hold it or wait for it. */
LAMINA_INLINE void lamina_mutex_destroy(lamina_mutex_t *mutex)
{
    lamina_atomic_store_u32_relaxed(&mutex->state, 0U);
}

LAMINA_COLD_IN_HEADER void lamina_mutex_lock_contended_(lamina_mutex_t *mutex)
{
    /* Most critical sections of an allocator are shorter than falling asleep, so look a few times first. */
    uint32_t seen = 1U;
    for (unsigned i = 0; (i < 64U) && (seen != 0U); i++) {
        lamina_spin_hint();
        seen = lamina_atomic_load_u32_relaxed(&mutex->state);
        if (seen == 0U) {
            uint32_t unlocked = 0U;
            seen = lamina_atomic_cas_u32_weak_acquire(&mutex->state, &unlocked, 1U) ? 0U : 1U;
        }
    }
    if (seen != 0U) {
        /* From here on lock as 2: this thread can't know whether it is the last that waits. */
        while (lamina_atomic_exchange_u32_acquire(&mutex->state, 2U) != 0U) {
            lamina_thread_wait_(&mutex->state, 2U);
        }
    }
}

LAMINA_NODISCARD LAMINA_INLINE bool lamina_mutex_try_lock(lamina_mutex_t *mutex)
{
    uint32_t unlocked = 0U;
    return __atomic_compare_exchange_n(&mutex->state, &unlocked, 1U, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

LAMINA_INLINE void lamina_mutex_lock(lamina_mutex_t *mutex)
{
    if (LAMINA_UNLIKELY(!lamina_mutex_try_lock(mutex))) {
        lamina_mutex_lock_contended_(mutex);
    }
}

LAMINA_INLINE void lamina_mutex_unlock(lamina_mutex_t *mutex)
{
    if (LAMINA_UNLIKELY(lamina_atomic_exchange_u32_release(&mutex->state, 0U) == 2U)) {
        lamina_thread_wake_(&mutex->state);
    }
}

#endif

/* ------------------------------------------------- Spinlock --------------------------------------------------- */

/* For critical sections of a few instructions among threads that really run at once; all zero is unlocked. A waiter
 * reads until the lock looks free, doubling its pause up to 64 hints, then yields its processor between looks, so
 * that a holder that was scheduled away gets to run. Unlocking is a plain store on x86. */
typedef struct lamina_spinlock {
    uint32_t held;
} lamina_spinlock_t;

/* clang-format off */
#define LAMINA_SPINLOCK_INIT {0U}
/* clang-format on */

LAMINA_INLINE void lamina_spinlock_init(lamina_spinlock_t *lock)
{
    lamina_atomic_store_u32_relaxed(&lock->held, 0U);
}

LAMINA_NODISCARD LAMINA_INLINE bool lamina_spinlock_try_lock(lamina_spinlock_t *lock)
{
    return lamina_atomic_exchange_u32_acquire(&lock->held, 1U) == 0U;
}

LAMINA_COLD_IN_HEADER void lamina_spinlock_lock_contended_(lamina_spinlock_t *lock)
{
    unsigned pause = 1U;
    do {
        while (lamina_atomic_load_u32_relaxed(&lock->held) != 0U) {
            if (pause <= 64U) {
                for (unsigned i = 0; i < pause; i++) {
                    lamina_spin_hint();
                }
                pause *= 2U;
            } else {
                lamina_thread_yield();
            }
        }
    } while (!lamina_spinlock_try_lock(lock));
}

LAMINA_INLINE void lamina_spinlock_lock(lamina_spinlock_t *lock)
{
    if (LAMINA_UNLIKELY(!lamina_spinlock_try_lock(lock))) {
        lamina_spinlock_lock_contended_(lock);
    }
}

LAMINA_INLINE void lamina_spinlock_unlock(lamina_spinlock_t *lock)
{
    lamina_atomic_store_u32_release(&lock->held, 0U);
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_THREAD_H */
