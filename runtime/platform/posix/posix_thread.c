/* SPDX-License-Identifier: MIT */
/* Thread identity: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

#include <sched.h>

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
