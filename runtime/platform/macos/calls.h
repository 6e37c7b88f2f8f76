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
#include <mach/mach_init.h>
#include <mach/vm_inherit.h>
#include <mach/vm_map.h>
#include <mach/vm_region.h>
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
#include "region.h"

static inline int lamina_kernel_region(uintptr_t *at, size_t *bytes, bool *locked)
{
    vm_address_t start = *at;
    vm_size_t size = 0U;
    natural_t depth = 64U; /* maps within the map, whose regions are what is asked about */
    vm_region_submap_info_data_64_t info;
    mach_msg_type_number_t count = VM_REGION_SUBMAP_INFO_COUNT_64;
    const kern_return_t answer = vm_region_recurse_64(mach_task_self(), &start, &size, &depth,
                                                      (vm_region_recurse_info_t)&info, &count);
    if (answer == KERN_SUCCESS) {
        *at = start;
        *bytes = size;
        *locked = info.user_wired_count != 0U;
    }
    return (answer == KERN_SUCCESS) ? 0 : -1;
}

static inline int lamina_kernel_ask_mapped(void *at, size_t bytes)
{
    bool locked = false;
    const bool ok = lamina_macos_walk_(lamina_kernel_region, at, bytes, &locked);
    errno = ok ? errno : ENOMEM;
    return ok ? 0 : -1;
}

/* Whether any page of a mapped range is locked. */
static inline bool lamina_kernel_ask_locked(void *at, size_t bytes)
{
    bool locked = false;
    return lamina_macos_walk_(lamina_kernel_region, at, bytes, &locked) && locked;
}

/* The kernel's own counts what isn't mapped as pages that aren't there. */
static inline int lamina_kernel_mincore(void *at, size_t bytes, unsigned char *pages)
{
    return (lamina_kernel_ask_mapped(at, bytes) == 0) ? mincore(at, bytes, (char *)pages) : -1;
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
