/* SPDX-License-Identifier: MIT */
/* The system's unfair lock, on macOS: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

LAMINA_STATIC_ASSERT(sizeof(lamina_mutex_t) >= sizeof(os_unfair_lock), "a mutex holds an unfair lock");
LAMINA_STATIC_ASSERT(_Alignof(lamina_mutex_t) >= _Alignof(os_unfair_lock), "a mutex holds an unfair lock");

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
