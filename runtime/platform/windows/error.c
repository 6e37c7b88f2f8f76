/* SPDX-License-Identifier: MIT */
/*
 * The last platform error of each thread, on Windows: see lamina/core.h.
 *
 * Kept in a slot of the system's thread-local storage rather than in a thread-local variable, which the compiler
 * would have to emulate with a lock and a heap block a thread. A process that has no slot left keeps one value for
 * all of its threads.
 */
#include "calls.h"

#include "slot.h"

static lamina_thread_slot slot;
static int shared_error; /* without a slot; atomic */

int lamina_last_os_error(void)
{
    const unsigned long key = lamina_thread_slot_key(&slot);
    return (key != TLS_OUT_OF_INDEXES) ? (int)(intptr_t)PLATFORM(tls_get)(key)
                                       : __atomic_load_n(&shared_error, __ATOMIC_RELAXED);
}

void lamina_set_last_os_error(int error)
{
    const unsigned long key = lamina_thread_slot_key(&slot);
    if ((key == TLS_OUT_OF_INDEXES) || (PLATFORM(tls_set)(key, (void *)(intptr_t)error) == 0)) {
        __atomic_store_n(&shared_error, error, __ATOMIC_RELAXED);
    }
}
