/* SPDX-License-Identifier: MIT */
/* A lock of four bytes, all zero when it is free. */
#ifndef LAMINA_STANDIN_MACOS_LOCK_H
#define LAMINA_STANDIN_MACOS_LOCK_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct os_unfair_lock_s {
    uint32_t state;
} os_unfair_lock, *os_unfair_lock_t;

static inline bool os_unfair_lock_trylock(os_unfair_lock_t lock)
{
    return __atomic_exchange_n(&lock->state, 1U, __ATOMIC_ACQUIRE) == 0U;
}

static inline void os_unfair_lock_lock(os_unfair_lock_t lock)
{
    while (!os_unfair_lock_trylock(lock)) {
        (void)sched_yield();
    }
}

static inline void os_unfair_lock_unlock(os_unfair_lock_t lock)
{
    __atomic_store_n(&lock->state, 0U, __ATOMIC_RELEASE);
}

#endif /* LAMINA_STANDIN_MACOS_LOCK_H */
