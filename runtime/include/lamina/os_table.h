/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime, testing build only: the table through which every platform call goes, and a fault injector.
 *
 * The library lamina_runtime_testing is the same source compiled with LAMINA_OS_TABLE=1. In the ordinary library
 * there is no table, no counter and no indirection.
 */
#ifndef LAMINA_OS_TABLE_H
#define LAMINA_OS_TABLE_H

#include "core.h"

#if !defined(LAMINA_OS_TABLE)
#error "os_table.h belongs to the testing build: link to lamina::runtime_testing, or define LAMINA_OS_TABLE=1"
#endif

LAMINA_EXTERN_C_BEGIN

/* Signatures and errors are the system's own. Those in the second group give something back and, as programs rarely
 * have an answer to their failure, are counted apart; those in the third can't fail in a way that matters. */
typedef struct lamina_os_call_table {
    /* acquiring */
    void *(*mmap)(void *at, size_t bytes, int rights, int flags, int file, long offset);
    int (*mprotect)(void *at, size_t bytes, int rights);
    int (*madvise)(void *at, size_t bytes, int advice); /* MADV_DONTNEED and MADV_FREE count as releasing */
    int (*mincore)(void *at, size_t bytes, unsigned char *pages);
    int (*name_range)(void *at, size_t bytes, const char *name); /* prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, …) */
    long (*mbind)(void *at, unsigned long bytes, int mode, const unsigned long *nodes, unsigned long bits,
                  unsigned flags);
    long (*get_mempolicy)(int *mode, unsigned long *nodes, unsigned long bits, void *at, unsigned long flags);
    long (*getcpu)(unsigned *cpu, unsigned *node);
    long (*getrandom)(void *out, size_t bytes, unsigned flags);
    long (*sysconf)(int name);
    void *(*malloc)(size_t bytes);
    void *(*aligned_alloc)(size_t align, size_t bytes);
    /* releasing */
    int (*munmap)(void *at, size_t bytes);
    void (*free)(void *block);
    /* waiting and telling */
    long (*write)(int file, const void *bytes, size_t count);
    long (*futex)(uint32_t *at, int operation, uint32_t value);
    int (*sched_yield)(void);
} lamina_os_call_table;

/* The table in force. A test may replace entries while no other thread is inside the runtime. */
extern lamina_os_call_table lamina_os_calls;

/* The system's functions, each behind the counter and the injector below. */
extern const lamina_os_call_table lamina_os_calls_default;

/* ---------------------------------------------- The fault injector -------------------------------------------- */

/* Works through lamina_os_calls_default, for calls of all threads together; each function may be called from any
 * thread. The runtime forgets what it knows (the page size) when the injector is set, so that a run makes the same
 * calls each time and `for (k = 1; …; k++)` reaches every one of them. */

/* Starts both counts from zero and makes the k-th acquiring call (from 1) fail with `error`, once; those before and
 * after it work. k = 0 only counts. With an error that the runtime answers by another way (EINVAL from an advice
 * that old kernels lack), the operation may still succeed. */
void lamina_fail_at(unsigned k, int error);

/* The same, but every acquiring call from the k-th on fails: a system that has run dry. */
void lamina_fail_from(unsigned k, int error);

/* Makes the k-th releasing call that can report failure (munmap, giving pages back) fail, once. Starts both
 * counts from zero and leaves standing what is set for the acquiring calls. */
void lamina_fail_release_at(unsigned k, int error);

/* No more failures; the counts stay readable. */
void lamina_fail_off(void);

/* Calls since the injector was last set (or since the program started), failed ones included. */
unsigned lamina_calls_made(void);
unsigned lamina_release_calls_made(void);

/* How many calls the injector has made fail since it was last set: 0 tells a loop over k that it is through. */
unsigned lamina_calls_failed(void);

LAMINA_EXTERN_C_END

#endif /* LAMINA_OS_TABLE_H */
