/* SPDX-License-Identifier: MIT */
/* The entries of the table of calls that POSIX systems share: see lamina/os_table.h. Included by os_table.c, once. */
#ifndef LAMINA_PLATFORM_POSIX_TABLE_H
#define LAMINA_PLATFORM_POSIX_TABLE_H

#include <sched.h>
#include <stdlib.h>

/* Asks the injector about a call; true, with errno set, when it is to fail. */
static bool fails(bool gives_back)
{
    int error = 0;
    const bool out = lamina_injector_fails_(gives_back, &error);
    if (out) {
        errno = error;
    }
    return out;
}

static void *call_mmap(void *at, size_t bytes, int rights, int flags, int file, long offset)
{
    return fails(false) ? MAP_FAILED : mmap(at, bytes, rights, flags, file, offset);
}

static int call_mprotect(void *at, size_t bytes, int rights)
{
    return fails(false) ? -1 : mprotect(at, bytes, rights);
}

/* About no bytes it only asks whether there is such advice, which isn't counted. */
static int call_madvise(void *at, size_t bytes, int advice)
{
    return ((bytes != 0U) && fails(LAMINA_ADVICE_GIVES_BACK(advice))) ? -1 : madvise(at, bytes, advice);
}

static int call_mincore(void *at, size_t bytes, unsigned char *pages)
{
    return fails(false) ? -1 : lamina_kernel_mincore(at, bytes, pages);
}

static int call_mlock(const void *at, size_t bytes)
{
    return fails(false) ? -1 : lamina_kernel_mlock(at, bytes);
}

static long call_sysconf(int name)
{
    return fails(false) ? -1 : sysconf(name);
}

static void *call_malloc(size_t bytes)
{
    return fails(false) ? NULL : malloc(bytes);
}

static void *call_aligned_alloc(size_t align, size_t bytes)
{
    return fails(false) ? NULL : aligned_alloc(align, bytes);
}

static int call_key_create(void (*ended)(void *value))
{
    return fails(false) ? -1 : lamina_kernel_key_create(ended);
}

static int call_key_set(int key, void *value)
{
    return fails(false) ? -1 : lamina_kernel_key_set(key, value);
}

static int call_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    return fails(false) ? -1 : lamina_kernel_atfork(before, in_parent, in_child);
}

static int call_munmap(void *at, size_t bytes)
{
    return fails(true) ? -1 : munmap(at, bytes);
}

static int call_munlock(const void *at, size_t bytes)
{
    return fails(true) ? -1 : lamina_kernel_munlock(at, bytes);
}

static long call_write(int file, const void *bytes, size_t count)
{
    return write(file, bytes, count);
}

/* clang-format off */
#define POSIX_CALLS \
    .mmap = call_mmap, \
    .mprotect = call_mprotect, \
    .madvise = call_madvise, \
    .mincore = call_mincore, \
    .mlock = call_mlock, \
    .sysconf = call_sysconf, \
    .malloc = call_malloc, \
    .aligned_alloc = call_aligned_alloc, \
    .key_create = call_key_create, \
    .key_set = call_key_set, \
    .atfork = call_atfork, \
    .munmap = call_munmap, \
    .munlock = call_munlock, \
    .free = free, \
    .ask_mapped = lamina_kernel_ask_mapped, \
    .key_get = lamina_kernel_key_get, \
    .write = call_write, \
    .close = close, \
    .sched_yield = sched_yield
/* clang-format on */

#endif /* LAMINA_PLATFORM_POSIX_TABLE_H */
