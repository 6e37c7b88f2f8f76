/* SPDX-License-Identifier: MIT */
/* Thread identity and the system's unfair lock, on macOS: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

#include <sched.h>

LAMINA_STATIC_ASSERT(sizeof(lamina_mutex_t) >= sizeof(os_unfair_lock), "a mutex holds an unfair lock");
LAMINA_STATIC_ASSERT(_Alignof(lamina_mutex_t) >= _Alignof(os_unfair_lock), "a mutex holds an unfair lock");

LAMINA_THREAD_LOCAL unsigned char lamina_thread_byte_;
LAMINA_THREAD_LOCAL unsigned lamina_thread_index_plus_one_;

unsigned lamina_thread_index_claim_(void)
{
    static uint32_t claimed;
    const uint32_t index = lamina_atomic_fetch_add_u32_relaxed(&claimed, 1U);
    lamina_thread_index_plus_one_ = index + 1U;
    return index;
}

void lamina_thread_yield(void)
{
    (void)PLATFORM(sched_yield)();
}

void lamina_mutex_lock(lamina_mutex_t *mutex)
{
    KERNEL(lock)(&mutex->state);
}

bool lamina_mutex_try_lock(lamina_mutex_t *mutex)
{
    return KERNEL(try_lock)(&mutex->state) != 0;
}

void lamina_mutex_unlock(lamina_mutex_t *mutex)
{
    KERNEL(unlock)(&mutex->state);
}
