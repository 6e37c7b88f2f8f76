/* SPDX-License-Identifier: MIT */
/* The table of platform calls on macOS: see lamina/os_table.h. Part of the testing library only: without
 * LAMINA_OS_TABLE, as where a folder's files are compiled as they are, there is nothing in it. */
#if defined(LAMINA_OS_TABLE)
#include "calls.h"

#define LAMINA_ADVICE_GIVES_BACK(advice) (((advice) == MADV_FREE) || ((advice) == MADV_FREE_REUSABLE))
#include "posix_table.h"

static int call_minherit(void *at, size_t bytes, int what)
{
    return fails(false) ? -1 : lamina_kernel_minherit(at, bytes, what);
}

static int call_getentropy(void *out, size_t bytes)
{
    return fails(false) ? -1 : lamina_kernel_getentropy(out, bytes);
}

/* clang-format off */
#define DEFAULT_CALLS \
    { \
        POSIX_CALLS, \
        .minherit = call_minherit, \
        .getentropy = call_getentropy, \
        .ask_locked = lamina_kernel_ask_locked, \
        .lock = lamina_kernel_lock, \
        .try_lock = lamina_kernel_try_lock, \
        .unlock = lamina_kernel_unlock, \
    }
/* clang-format on */

const lamina_os_call_table lamina_os_calls_default = DEFAULT_CALLS;
lamina_os_call_table lamina_os_calls = DEFAULT_CALLS;

#else
typedef int lamina_os_table_is_for_tests; /* ISO C has no empty files */
#endif
