/* SPDX-License-Identifier: MIT */
/*
 * How the Linux glue reaches the system. Private to runtime/platform/linux, and to be included first.
 *
 *     PLATFORM(mmap)(…)   a function of the C library
 *     KERNEL(mbind)(…)    a system call that the C library has no function for
 *
 * are direct calls, and with LAMINA_OS_TABLE calls through lamina_os_calls, where a test can make them fail.
 */
#ifndef LAMINA_PLATFORM_LINUX_CALLS_H
#define LAMINA_PLATFORM_LINUX_CALLS_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 /* MAP_ANONYMOUS, madvise, mincore, syscall: not in what -std=c11 shows of the headers */
#endif

#include "lamina/core.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_INVALID == EINVAL, "what core.h promises about refused requests");
LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_UNSUPPORTED == ENOTSUP, "what core.h promises about the impossible");

/* Fixed by the kernel's interface; the C library's headers may be older than the kernel. */
#if !defined(MADV_POPULATE_WRITE)
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#if !defined(MADV_FREE)
#define MADV_FREE 8 /* Linux 4.5 */
#endif
#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK 18 /* Linux 4.14 */
#endif
#if !defined(MADV_GUARD_INSTALL)
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#define MADV_GUARD_REMOVE 103
#endif
#if !defined(MAP_HUGE_SHIFT)
#define MAP_HUGE_SHIFT 26
#endif
#if !defined(PR_SET_VMA)
#define PR_SET_VMA 0x53564D41 /* Linux 5.17 */
#endif
#if !defined(MLOCK_ONFAULT)
#define MLOCK_ONFAULT 1 /* Linux 4.4 */
#endif
#if !defined(SYS_memfd_secret) && !defined(__alpha__)
#define SYS_memfd_secret 447 /* Linux 5.14; one number on every architecture but one */
#endif
#if !defined(PR_SET_VMA_ANON_NAME)
#define PR_SET_VMA_ANON_NAME 0
#endif

/* A 32-bit architecture that came after the year-2038 change has only the call with 64-bit times. Lamina passes
 * none. */
#if !defined(SYS_futex)
#define SYS_futex SYS_futex_time64
#endif

/* syscall() takes its arguments from an untyped list, so every one is cast to the width of a register. */

static inline long lamina_kernel_mbind(void *at, unsigned long bytes, int mode, const unsigned long *nodes,
                                       unsigned long bits, unsigned flags)
{
    return syscall(SYS_mbind, at, bytes, (long)mode, nodes, bits, (unsigned long)flags);
}

static inline long lamina_kernel_get_mempolicy(int *mode, unsigned long *nodes, unsigned long bits, void *at,
                                               unsigned long flags)
{
    return syscall(SYS_get_mempolicy, mode, nodes, bits, at, flags);
}

static inline long lamina_kernel_getcpu(unsigned *cpu, unsigned *node)
{
    return syscall(SYS_getcpu, cpu, node, (void *)NULL);
}

static inline long lamina_kernel_getrandom(void *out, size_t bytes, unsigned flags)
{
    return syscall(SYS_getrandom, out, bytes, (unsigned long)flags);
}

/* Not by the C library's functions, in whose place sanitizers put some that do nothing and answer 0. */
static inline int lamina_kernel_mlock(const void *at, size_t bytes)
{
    return (int)syscall(SYS_mlock, at, bytes);
}

static inline int lamina_kernel_munlock(const void *at, size_t bytes)
{
    return (int)syscall(SYS_munlock, at, bytes);
}

static inline long lamina_kernel_mlock2(const void *at, size_t bytes, unsigned flags)
{
    return syscall(SYS_mlock2, at, bytes, (unsigned long)flags);
}

static inline long lamina_kernel_memfd_secret(unsigned flags)
{
    return syscall(SYS_memfd_secret, (unsigned long)flags);
}

static inline int lamina_kernel_mincore(void *at, size_t bytes, unsigned char *pages)
{
    return mincore(at, bytes, pages);
}

int lamina_kernel_ask_mapped(void *at, size_t bytes); /* os.c */

static inline int lamina_kernel_open(const char *path)
{
    return open(path, O_RDONLY | O_CLOEXEC);
}

static inline long lamina_kernel_futex(uint32_t *at, int operation, uint32_t value)
{
    return syscall(SYS_futex, at, (long)operation, (unsigned long)value, (void *)NULL, (void *)NULL, 0L);
}

static inline int lamina_kernel_name_range(void *at, size_t bytes, const char *name)
{
    return prctl(PR_SET_VMA, (unsigned long)PR_SET_VMA_ANON_NAME, at, bytes, name);
}

/* What posix/ asks of the platform. */
#define LAMINA_ANONYMOUS_FILE (-1) /* what mmap() is told where there is no file */

#include "posix_calls.h"

#if defined(LAMINA_OS_TABLE)
#include "lamina/os_table.h"
#define PLATFORM(call) lamina_os_calls.call
#define KERNEL(call) lamina_os_calls.call
#else
#define PLATFORM(call) call
#define KERNEL(call) lamina_kernel_##call /* also of what posix_calls.h wraps */
#endif

#endif /* LAMINA_PLATFORM_LINUX_CALLS_H */
