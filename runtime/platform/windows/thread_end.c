/* SPDX-License-Identifier: MIT */
/* Thread ends on Windows, by fiber-local storage, whose callback runs on the thread that ends: see lamina/hooks.h. */
#include "calls.h"

#include "lamina/hooks.h"

static uint32_t key_plus_one; /* 0: not asked for yet. Atomic. */

static bool key_for_hooks(unsigned long *key)
{
    uint32_t known = __atomic_load_n(&key_plus_one, __ATOMIC_ACQUIRE);
    if (known == 0U) {
        const unsigned long mine = PLATFORM(fls_alloc)(lamina_thread_hooks_run_);
        if (mine == FLS_OUT_OF_INDEXES) {
            lamina_set_last_os_error(lamina_windows_error());
            return false;
        }
        if (__atomic_compare_exchange_n(&key_plus_one, &known, (uint32_t)mine + 1U, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            known = (uint32_t)mine + 1U;
        } else {
            (void)FlsFree(mine); /* another thread's came first; this one has no value yet */
        }
    }
    *key = known - 1U;
    return true;
}

bool lamina_thread_hooks_set_(lamina_thread_hook *first)
{
    unsigned long key = 0U;
    bool ok = key_for_hooks(&key);
    if (ok && (PLATFORM(fls_set)(key, first) == 0)) {
        lamina_set_last_os_error(lamina_windows_error());
        ok = false;
    }
    return ok;
}

lamina_thread_hook *lamina_thread_hooks_get_(void)
{
    const uint32_t known = __atomic_load_n(&key_plus_one, __ATOMIC_ACQUIRE);
    return (known != 0U) ? (lamina_thread_hook *)PLATFORM(fls_get)(known - 1U) : NULL;
}

bool lamina_fork_hooks_install_(void)
{
    return true; /* there is no fork to be told of */
}
