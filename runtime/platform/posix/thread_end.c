/* SPDX-License-Identifier: MIT */
/* Thread ends, by a key of thread-specific data whose destructor runs then, and forks: see lamina/hooks.h. */
#include "calls.h"

#include "lamina/hooks.h"

static uint32_t key_plus_one; /* 0: not asked for yet. Atomic. */

static bool key_for_hooks(int *key)
{
    uint32_t known = __atomic_load_n(&key_plus_one, __ATOMIC_ACQUIRE);
    if (known == 0U) {
        const int mine = KERNEL(key_create)(lamina_thread_hooks_run_);
        if (mine < 0) {
            lamina_set_last_os_error(errno);
            return false;
        }
        if (__atomic_compare_exchange_n(&key_plus_one, &known, (uint32_t)mine + 1U, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            known = (uint32_t)mine + 1U;
        } else {
            (void)pthread_key_delete((pthread_key_t)mine); /* another thread's came first; this has no value yet */
        }
    }
    *key = (int)(known - 1U);
    return true;
}

bool lamina_thread_hooks_set_(lamina_thread_hook *first)
{
    int key = 0;
    bool ok = key_for_hooks(&key);
    if (ok && (KERNEL(key_set)(key, first) != 0)) {
        lamina_set_last_os_error(errno);
        ok = false;
    }
    return ok;
}

lamina_thread_hook *lamina_thread_hooks_get_(void)
{
    const uint32_t known = __atomic_load_n(&key_plus_one, __ATOMIC_ACQUIRE);
    return (known != 0U) ? (lamina_thread_hook *)KERNEL(key_get)((int)(known - 1U)) : NULL;
}

bool lamina_fork_hooks_install_(void)
{
    const bool ok =
        KERNEL(atfork)(lamina_fork_hooks_before_, lamina_fork_hooks_in_parent_, lamina_fork_hooks_in_child_) == 0;
    if (!ok) {
        lamina_set_last_os_error(errno);
    }
    return ok;
}
