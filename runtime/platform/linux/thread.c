/* SPDX-License-Identifier: MIT */
/* Sleeping until a lock is free, on Linux: see lamina/thread.h. */
#include "calls.h"

#include "lamina/thread.h"

#include <linux/futex.h>

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
