/* SPDX-License-Identifier: MIT */
/*
 * How the macOS glue reaches the system. Private to runtime/platform, and to be included first.
 *
 *     PLATFORM(mmap)(…)   a function of the C library
 *     KERNEL(mincore)(…)  one that has a wrapper, here or in posix_calls.h
 *
 * are direct calls, and with LAMINA_OS_TABLE calls through lamina_os_calls, where a test can make them fail.
 */
#ifndef LAMINA_PLATFORM_MACOS_CALLS_H
#define LAMINA_PLATFORM_MACOS_CALLS_H

#if !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE 1 /* MAP_ANON, madvise, mincore, minherit: not in what -std=c11 shows of the headers */
#endif

#include "lamina/core.h"

#include <errno.h>
#include <mach/vm_inherit.h>
#include <mach/vm_statistics.h>
#include <os/lock.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_INVALID == EINVAL, "what core.h promises about refused requests");
LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_UNSUPPORTED == ENOTSUP, "what core.h promises about the impossible");

/* What posix/ asks of the platform. Where there is no file, mmap() takes a tag, which vmmap(1) and Instruments show:
 * the first of those that are the application's own. */
#define LAMINA_ANONYMOUS_FILE ((int)VM_MAKE_TAG(VM_MEMORY_APPLICATION_SPECIFIC_1))

#include "posix_calls.h"

static inline int lamina_kernel_mincore(void *at, size_t bytes, unsigned char *pages)
{
    return mincore(at, bytes, (char *)pages);
}

/* Asking to write back what has no file does nothing, and looks for holes on the way. */
static inline int lamina_kernel_ask_mapped(void *at, size_t bytes)
{
    return msync(at, bytes, MS_ASYNC);
}

static inline int lamina_kernel_mlock(const void *at, size_t bytes)
{
    return mlock(at, bytes);
}

static inline int lamina_kernel_munlock(const void *at, size_t bytes)
{
    return munlock(at, bytes);
}

static inline int lamina_kernel_minherit(void *at, size_t bytes, int what)
{
    return minherit(at, bytes, what);
}

static inline int lamina_kernel_getentropy(void *out, size_t bytes)
{
    return getentropy(out, bytes);
}

static inline void lamina_kernel_lock(void *lock)
{
    os_unfair_lock_lock((os_unfair_lock_t)lock);
}

static inline int lamina_kernel_try_lock(void *lock)
{
    return os_unfair_lock_trylock((os_unfair_lock_t)lock) ? 1 : 0;
}

static inline void lamina_kernel_unlock(void *lock)
{
    os_unfair_lock_unlock((os_unfair_lock_t)lock);
}

#if defined(LAMINA_OS_TABLE)
#include "lamina/os_table.h"
#define PLATFORM(call) lamina_os_calls.call
#define KERNEL(call) lamina_os_calls.call
#else
#define PLATFORM(call) call
#define KERNEL(call) lamina_kernel_##call
#endif

#endif /* LAMINA_PLATFORM_MACOS_CALLS_H */
