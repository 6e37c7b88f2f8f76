/* SPDX-License-Identifier: MIT */
/* Thread identity, and sleeping until a lock is free, on Linux: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

#include <linux/futex.h>
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

/* Both leave errno as it was: locking is no failure of the caller's, and the answers (the value had changed, a
 * signal came) mean no more than "look again". */

void lamina_thread_wait_(uint32_t *at, uint32_t expected)
{
    const int before = errno;
    (void)KERNEL(futex)(at, FUTEX_WAIT_PRIVATE, expected);
    errno = before;
}

void lamina_thread_wake_(uint32_t *at)
{
    const int before = errno;
    (void)KERNEL(futex)(at, FUTEX_WAKE_PRIVATE, 1U);
    errno = before;
}
