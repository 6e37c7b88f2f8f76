/* SPDX-License-Identifier: MIT */
/*
 * How the Windows glue reaches the system. Private to runtime/platform/windows, and to be included first.
 *
 *     PLATFORM(virtual_alloc)(…)
 *
 * is a direct call, and with LAMINA_OS_TABLE one through lamina_os_calls, where a test can make it fail. Every call
 * has a wrapper here, because the system's own have another calling convention on 32 bits, and types that a header
 * for tests should not need.
 */
#ifndef LAMINA_PLATFORM_WINDOWS_CALLS_H
#define LAMINA_PLATFORM_WINDOWS_CALLS_H

#if !defined(_WIN32_WINNT) || (_WIN32_WINNT < 0x0601)
#undef _WIN32_WINNT
#define _WIN32_WINNT 0x0601 /* Windows 7: slim locks, memory nodes above 63, working-set queries in kernel32 */
#endif
#define PSAPI_VERSION 2 /* of which the last is said */
#define WIN32_LEAN_AND_MEAN
#define NOMINMAX

#include "lamina/core.h"

#include <windows.h>
/* After windows.h. */
#include <bcrypt.h>
#include <malloc.h>
#include <psapi.h>

LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_INVALID == ERROR_INVALID_PARAMETER, "what core.h promises");
LAMINA_STATIC_ASSERT(LAMINA_OS_ERROR_UNSUPPORTED == ERROR_NOT_SUPPORTED, "what core.h promises");
LAMINA_STATIC_ASSERT(sizeof(DWORD) == sizeof(unsigned long), "the table's types are the system's");

static inline void *lamina_windows_virtual_alloc(void *at, size_t bytes, unsigned long kind, unsigned long rights)
{
    return VirtualAlloc(at, bytes, kind, rights);
}

static inline void *lamina_windows_virtual_alloc_node(void *at, size_t bytes, unsigned long kind, unsigned long rights,
                                                      unsigned long node)
{
    return VirtualAllocExNuma(GetCurrentProcess(), at, bytes, kind, rights, node);
}

static inline int lamina_windows_virtual_protect(void *at, size_t bytes, unsigned long rights, unsigned long *before)
{
    return VirtualProtect(at, bytes, rights, before);
}

static inline int lamina_windows_virtual_lock(void *at, size_t bytes)
{
    return VirtualLock(at, bytes);
}

static inline int lamina_windows_get_working_set(size_t *least, size_t *most)
{
    SIZE_T low = 0U;
    SIZE_T high = 0U;
    const int out = GetProcessWorkingSetSize(GetCurrentProcess(), &low, &high);
    *least = low;
    *most = high;
    return out;
}

static inline int lamina_windows_set_working_set(size_t least, size_t most)
{
    return SetProcessWorkingSetSize(GetCurrentProcess(), least, most);
}

static inline int lamina_windows_query_pages(void *pages, unsigned long bytes)
{
    return QueryWorkingSetEx(GetCurrentProcess(), pages, bytes);
}

static inline int lamina_windows_node_list(void *list, unsigned long *bytes)
{
    return GetLogicalProcessorInformationEx(RelationNumaNode, (SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX *)list, bytes);
}

static inline int lamina_windows_node_of_processor(const void *processor, unsigned short *node)
{
    PROCESSOR_NUMBER number = *(const PROCESSOR_NUMBER *)processor; /* which the system's call only reads */
    return GetNumaProcessorNodeEx(&number, node);
}

static inline long lamina_windows_gen_random(void *out, unsigned long bytes)
{
    return BCryptGenRandom(NULL, (PUCHAR)out, bytes, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
}

static inline void *lamina_windows_aligned_malloc(size_t bytes, size_t align)
{
    return _aligned_malloc(bytes, align);
}

/* On 64 bits there is one calling convention, so that the caller's function can be handed on as it is. */
static inline unsigned long lamina_windows_fls_alloc(void (*ended)(void *value))
{
#if defined(_WIN64)
    return FlsAlloc(ended);
#else
    (void)ended;
    SetLastError(ERROR_NOT_SUPPORTED);
    return FLS_OUT_OF_INDEXES;
#endif
}

static inline int lamina_windows_fls_set(unsigned long key, void *value)
{
    return FlsSetValue(key, value);
}

static inline int lamina_windows_virtual_free(void *at, size_t bytes, unsigned long kind)
{
    return VirtualFree(at, bytes, kind);
}

static inline int lamina_windows_virtual_unlock(void *at, size_t bytes)
{
    return VirtualUnlock(at, bytes);
}

static inline void lamina_windows_aligned_free(void *block)
{
    _aligned_free(block);
}

static inline void lamina_windows_system_info(size_t *page, size_t *granularity)
{
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    *page = info.dwPageSize;
    *granularity = info.dwAllocationGranularity;
}

static inline size_t lamina_windows_large_page(void)
{
    return GetLargePageMinimum();
}

static inline size_t lamina_windows_virtual_query(const void *at, void *info, size_t bytes)
{
    return VirtualQuery(at, (MEMORY_BASIC_INFORMATION *)info, bytes);
}

static inline unsigned long lamina_windows_tls_alloc(void)
{
    return TlsAlloc();
}

/* The next three keep the system's last error, which is the program's and not ours to touch: success of the two that
 * ask sets it to 0. */
static inline int lamina_windows_tls_set(unsigned long key, void *value)
{
    const DWORD before = GetLastError();
    const int out = TlsSetValue(key, value);
    SetLastError(before);
    return out;
}

static inline void *lamina_windows_tls_get(unsigned long key)
{
    const DWORD before = GetLastError();
    void *const out = TlsGetValue(key);
    SetLastError(before);
    return out;
}

static inline void *lamina_windows_fls_get(unsigned long key)
{
    const DWORD before = GetLastError();
    void *const out = FlsGetValue(key);
    SetLastError(before);
    return out;
}

static inline int lamina_windows_write_error(const void *bytes, unsigned long count)
{
    DWORD written = 0U;
    return WriteFile(GetStdHandle(STD_ERROR_HANDLE), bytes, count, &written, NULL);
}

static inline void lamina_windows_yield(void)
{
    (void)SwitchToThread();
}

static inline void lamina_windows_lock(void *lock)
{
    AcquireSRWLockExclusive((PSRWLOCK)lock);
}

static inline int lamina_windows_try_lock(void *lock)
{
    return TryAcquireSRWLockExclusive((PSRWLOCK)lock);
}

static inline void lamina_windows_unlock(void *lock)
{
    ReleaseSRWLockExclusive((PSRWLOCK)lock);
}

#if defined(LAMINA_OS_TABLE)
#include "lamina/os_table.h"
#define PLATFORM(call) lamina_os_calls.call
#else
#define PLATFORM(call) lamina_windows_##call
#endif

/* The system's last error, in the type that core.h keeps it in. */
static inline int lamina_windows_error(void)
{
    return (int)GetLastError();
}

#endif /* LAMINA_PLATFORM_WINDOWS_CALLS_H */
