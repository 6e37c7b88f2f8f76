/* SPDX-License-Identifier: MIT */
/*
 * The table of platform calls and the fault injector: see lamina/os_table.h. Part of the testing library only.
 *
 * The default table's entries are the wrappers below, each of which asks the injector first, so that injecting
 * never swaps the table and is safe while other threads are inside the runtime.
 */
#include "calls.h"

#include <sched.h>
#include <stdlib.h>

void lamina_os_forget_page_size_(void);

/* ------------------------------------------------ The injector ------------------------------------------------ */

/* All fields are accessed by atomic operations. The calls of different threads are numbered in the order in which
 * they come to fetch_add, so that exactly one of them is the k-th. */
typedef struct call_counter {
    unsigned made;
    unsigned first; /* number of the first call to fail; 0: none */
    unsigned last;  /* and of the last */
    int error;
} call_counter;

static call_counter acquiring;
static call_counter releasing;
static unsigned failed;

static void arm(call_counter *counter, unsigned first, unsigned last, int error)
{
    __atomic_store_n(&counter->first, 0U, __ATOMIC_SEQ_CST); /* quiet while the rest changes */
    __atomic_store_n(&counter->last, last, __ATOMIC_SEQ_CST);
    __atomic_store_n(&counter->error, error, __ATOMIC_SEQ_CST);
    __atomic_store_n(&acquiring.made, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&releasing.made, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&failed, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&counter->first, first, __ATOMIC_SEQ_CST);
    lamina_os_forget_page_size_();
}

void lamina_fail_at(unsigned k, int error)
{
    arm(&acquiring, k, k, error);
}

void lamina_fail_from(unsigned k, int error)
{
    arm(&acquiring, k, UINT_MAX, error);
}

void lamina_fail_release_at(unsigned k, int error)
{
    arm(&releasing, k, k, error);
}

void lamina_fail_off(void)
{
    __atomic_store_n(&acquiring.first, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&releasing.first, 0U, __ATOMIC_SEQ_CST);
}

unsigned lamina_calls_made(void)
{
    return __atomic_load_n(&acquiring.made, __ATOMIC_SEQ_CST);
}

unsigned lamina_release_calls_made(void)
{
    return __atomic_load_n(&releasing.made, __ATOMIC_SEQ_CST);
}

unsigned lamina_calls_failed(void)
{
    return __atomic_load_n(&failed, __ATOMIC_SEQ_CST);
}

/* Counts a call; true, with errno set, when it is to fail. */
static bool fails(call_counter *counter)
{
    const unsigned number = __atomic_add_fetch(&counter->made, 1U, __ATOMIC_SEQ_CST);
    const unsigned first = __atomic_load_n(&counter->first, __ATOMIC_SEQ_CST);
    const bool out =
        (first != 0U) && (number >= first) && (number <= __atomic_load_n(&counter->last, __ATOMIC_SEQ_CST));
    if (out) {
        __atomic_add_fetch(&failed, 1U, __ATOMIC_SEQ_CST);
        errno = __atomic_load_n(&counter->error, __ATOMIC_SEQ_CST);
    }
    return out;
}

/* -------------------------------------------- The system's functions ------------------------------------------ */

static void *call_mmap(void *at, size_t bytes, int rights, int flags, int file, long offset)
{
    return fails(&acquiring) ? MAP_FAILED : mmap(at, bytes, rights, flags, file, offset);
}

static int call_mprotect(void *at, size_t bytes, int rights)
{
    return fails(&acquiring) ? -1 : mprotect(at, bytes, rights);
}

static int call_madvise(void *at, size_t bytes, int advice)
{
    const bool gives_back = (advice == MADV_DONTNEED) || (advice == MADV_FREE);
    return fails(gives_back ? &releasing : &acquiring) ? -1 : madvise(at, bytes, advice);
}

static int call_mincore(void *at, size_t bytes, unsigned char *pages)
{
    return fails(&acquiring) ? -1 : mincore(at, bytes, pages);
}

static int call_name_range(void *at, size_t bytes, const char *name)
{
    return fails(&acquiring) ? -1 : lamina_kernel_name_range(at, bytes, name);
}

static long call_mbind(void *at, unsigned long bytes, int mode, const unsigned long *nodes, unsigned long bits,
                       unsigned flags)
{
    return fails(&acquiring) ? -1 : lamina_kernel_mbind(at, bytes, mode, nodes, bits, flags);
}

static long call_get_mempolicy(int *mode, unsigned long *nodes, unsigned long bits, void *at, unsigned long flags)
{
    return fails(&acquiring) ? -1 : lamina_kernel_get_mempolicy(mode, nodes, bits, at, flags);
}

static long call_getcpu(unsigned *cpu, unsigned *node)
{
    return fails(&acquiring) ? -1 : lamina_kernel_getcpu(cpu, node);
}

static long call_getrandom(void *out, size_t bytes, unsigned flags)
{
    return fails(&acquiring) ? -1 : lamina_kernel_getrandom(out, bytes, flags);
}

static long call_sysconf(int name)
{
    return fails(&acquiring) ? -1 : sysconf(name);
}

static void *call_malloc(size_t bytes)
{
    return fails(&acquiring) ? NULL : malloc(bytes);
}

static void *call_aligned_alloc(size_t align, size_t bytes)
{
    return fails(&acquiring) ? NULL : aligned_alloc(align, bytes);
}

static int call_munmap(void *at, size_t bytes)
{
    return fails(&releasing) ? -1 : munmap(at, bytes);
}

static long call_write(int file, const void *bytes, size_t count)
{
    return write(file, bytes, count);
}

/* clang-format off */
#define DEFAULT_CALLS \
    { \
        .mmap = call_mmap, \
        .mprotect = call_mprotect, \
        .madvise = call_madvise, \
        .mincore = call_mincore, \
        .name_range = call_name_range, \
        .mbind = call_mbind, \
        .get_mempolicy = call_get_mempolicy, \
        .getcpu = call_getcpu, \
        .getrandom = call_getrandom, \
        .sysconf = call_sysconf, \
        .malloc = call_malloc, \
        .aligned_alloc = call_aligned_alloc, \
        .munmap = call_munmap, \
        .free = free, \
        .write = call_write, \
        .futex = lamina_kernel_futex, \
        .sched_yield = sched_yield, \
    }
/* clang-format on */

const lamina_os_call_table lamina_os_calls_default = DEFAULT_CALLS;
lamina_os_call_table lamina_os_calls = DEFAULT_CALLS;
