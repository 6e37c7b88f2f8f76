/* SPDX-License-Identifier: MIT */
/* The table of platform calls on Linux: see lamina/os_table.h. Part of the testing library only: without
 * LAMINA_OS_TABLE, as where a folder's files are compiled as they are, there is nothing in it. */
#if defined(LAMINA_OS_TABLE)
#include "calls.h"

#define LAMINA_ADVICE_GIVES_BACK(advice) (((advice) == MADV_DONTNEED) || ((advice) == MADV_FREE))
#include "posix_table.h"

static int call_name_range(void *at, size_t bytes, const char *name)
{
    return fails(false) ? -1 : lamina_kernel_name_range(at, bytes, name);
}

static long call_mlock2(const void *at, size_t bytes, unsigned flags)
{
    return fails(false) ? -1 : lamina_kernel_mlock2(at, bytes, flags);
}

static long call_memfd_secret(unsigned flags)
{
    return fails(false) ? -1 : lamina_kernel_memfd_secret(flags);
}

static int call_ftruncate(int file, long bytes)
{
    return fails(false) ? -1 : ftruncate(file, bytes);
}

static long call_mbind(void *at, unsigned long bytes, int mode, const unsigned long *nodes, unsigned long bits,
                       unsigned flags)
{
    return fails(false) ? -1 : lamina_kernel_mbind(at, bytes, mode, nodes, bits, flags);
}

static long call_get_mempolicy(int *mode, unsigned long *nodes, unsigned long bits, void *at, unsigned long flags)
{
    return fails(false) ? -1 : lamina_kernel_get_mempolicy(mode, nodes, bits, at, flags);
}

static long call_getcpu(unsigned *cpu, unsigned *node)
{
    return fails(false) ? -1 : lamina_kernel_getcpu(cpu, node);
}

static long call_getrandom(void *out, size_t bytes, unsigned flags)
{
    return fails(false) ? -1 : lamina_kernel_getrandom(out, bytes, flags);
}

static int call_open(const char *path)
{
    return fails(false) ? -1 : lamina_kernel_open(path);
}

static long call_read(int file, void *bytes, size_t count)
{
    return fails(false) ? -1 : read(file, bytes, count);
}

/* clang-format off */
#define DEFAULT_CALLS \
    { \
        POSIX_CALLS, \
        .name_range = call_name_range, \
        .mlock2 = call_mlock2, \
        .memfd_secret = call_memfd_secret, \
        .ftruncate = call_ftruncate, \
        .mbind = call_mbind, \
        .get_mempolicy = call_get_mempolicy, \
        .getcpu = call_getcpu, \
        .getrandom = call_getrandom, \
        .open = call_open, \
        .read = call_read, \
        .futex = lamina_kernel_futex, \
    }
/* clang-format on */

const lamina_os_call_table lamina_os_calls_default = DEFAULT_CALLS;
lamina_os_call_table lamina_os_calls = DEFAULT_CALLS;

#else
typedef int lamina_os_table_is_for_tests; /* ISO C has no empty files */
#endif
