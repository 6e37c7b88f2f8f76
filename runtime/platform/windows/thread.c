/* SPDX-License-Identifier: MIT */
/* Thread identity and the system's slim lock: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

#include "slot.h"

LAMINA_STATIC_ASSERT(sizeof(lamina_mutex_t) == sizeof(SRWLOCK), "a mutex is a slim lock");
LAMINA_STATIC_ASSERT(_Alignof(lamina_mutex_t) >= _Alignof(SRWLOCK), "a mutex is a slim lock");

unsigned lamina_thread_index_claim_(void)
{
    static lamina_thread_slot slot; /* holds the index plus one */
    static uint32_t claimed;
    const unsigned long key = lamina_thread_slot_key(&slot);
    unsigned out = 0U; /* a process without a slot left has every thread on the first shard, which is slow and right */
    if (key != TLS_OUT_OF_INDEXES) {
        const uintptr_t known = (uintptr_t)PLATFORM(tls_get)(key);
        out = (known != 0U) ? ((unsigned)known - 1U) : lamina_atomic_fetch_add_u32_relaxed(&claimed, 1U);
        if (known == 0U) {
            (void)PLATFORM(tls_set)(key, (void *)((uintptr_t)out + 1U));
        }
    }
    return out;
}

void lamina_thread_yield(void)
{
    PLATFORM(yield)();
}

void lamina_mutex_lock(lamina_mutex_t *mutex)
{
    PLATFORM(lock)(&mutex->state);
}

bool lamina_mutex_try_lock(lamina_mutex_t *mutex)
{
    return (PLATFORM(try_lock)(&mutex->state) & 0xFF) != 0; /* a BOOLEAN: the byte alone is defined */
}

void lamina_mutex_unlock(lamina_mutex_t *mutex)
{
    PLATFORM(unlock)(&mutex->state);
}
