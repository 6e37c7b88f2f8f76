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

/* Signatures and errors are the system's own, but for types, which need no header of the system's. Calls in the second
 * group give something back and, as programs rarely have an answer to their failure, are counted apart; those in the
 * third aren't counted: they only ask, or can't fail in a way that matters. */
#if defined(_WIN32)

typedef struct lamina_os_call_table {
    /* acquiring */
    void *(*virtual_alloc)(void *at, size_t bytes, unsigned long kind, unsigned long rights); /* and MEM_RESET */
    void *(*virtual_alloc_node)(void *at, size_t bytes, unsigned long kind, unsigned long rights, unsigned long node);
    int (*virtual_protect)(void *at, size_t bytes, unsigned long rights, unsigned long *before);
    int (*virtual_lock)(void *at, size_t bytes);
    int (*get_working_set)(size_t *least, size_t *most);
    int (*set_working_set)(size_t least, size_t most);
    int (*query_pages)(void *pages, unsigned long bytes); /* QueryWorkingSetEx */
    int (*node_list)(void *list, unsigned long *bytes); /* GetLogicalProcessorInformationEx of RelationNumaNode */
    int (*node_of_processor)(const void *processor, unsigned short *node);
    long (*gen_random)(void *out, unsigned long bytes);
    void *(*aligned_malloc)(size_t bytes, size_t align);
    unsigned long (*fls_alloc)(void (*ended)(void *value));
    int (*fls_set)(unsigned long key, void *value);
    /* releasing */
    int (*virtual_free)(void *at, size_t bytes, unsigned long kind);
    int (*virtual_unlock)(void *at, size_t bytes);
    void (*aligned_free)(void *block);
    /* asking, waiting and telling */
    void (*system_info)(size_t *page, size_t *granularity);
    size_t (*large_page)(void);
    size_t (*virtual_query)(const void *at, void *info, size_t bytes);
    unsigned long (*tls_alloc)(void);
    int (*tls_set)(unsigned long key, void *value);
    void *(*tls_get)(unsigned long key);
    void *(*fls_get)(unsigned long key);
    int (*write_error)(const void *bytes, unsigned long count);
    void (*yield)(void);
    void (*lock)(void *lock); /* the three of a slim lock */
    int (*try_lock)(void *lock);
    void (*unlock)(void *lock);
} lamina_os_call_table;

#else

typedef struct lamina_os_call_table {
    /* acquiring */
    void *(*mmap)(void *at, size_t bytes, int rights, int flags, int file, long offset);
    int (*mprotect)(void *at, size_t bytes, int rights);
    int (*madvise)(void *at, size_t bytes, int advice); /* advice that gives pages back counts as releasing */
    int (*mincore)(void *at, size_t bytes, unsigned char *pages);
    int (*mlock)(const void *at, size_t bytes);
    long (*sysconf)(int name);
    void *(*malloc)(size_t bytes);
    void *(*aligned_alloc)(size_t align, size_t bytes);
    int (*key_create)(void (*ended)(void *value)); /* a key, or -1 with errno set */
    int (*key_set)(int key, void *value);          /* 0, or -1 with errno set */
    int (*atfork)(void (*before)(void), void (*in_parent)(void), void (*in_child)(void)); /* the same */
#if defined(__linux__)
    int (*name_range)(void *at, size_t bytes, const char *name); /* prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, …) */
    long (*mlock2)(const void *at, size_t bytes, unsigned flags);
    long (*memfd_secret)(unsigned flags);
    int (*ftruncate)(int file, long bytes);
    long (*mbind)(void *at, unsigned long bytes, int mode, const unsigned long *nodes, unsigned long bits,
                  unsigned flags);
    long (*get_mempolicy)(int *mode, unsigned long *nodes, unsigned long bits, void *at, unsigned long flags);
    long (*getcpu)(unsigned *cpu, unsigned *node);
    long (*getrandom)(void *out, size_t bytes, unsigned flags);
    int (*open)(const char *path);                    /* to read, closed on exec */
    long (*read)(int file, void *bytes, size_t count);
#else
    int (*minherit)(void *at, size_t bytes, int what);
    int (*getentropy)(void *out, size_t bytes);
#endif
    /* releasing */
    int (*munmap)(void *at, size_t bytes);
    int (*munlock)(const void *at, size_t bytes);
    void (*free)(void *block);
    /* asking, waiting and telling */
    int (*ask_mapped)(void *at, size_t bytes); /* 0, or -1 with errno ENOMEM where anything isn't */
    void *(*key_get)(int key);
    long (*write)(int file, const void *bytes, size_t count);
    int (*close)(int file);
    int (*sched_yield)(void);
#if defined(__linux__)
    long (*futex)(uint32_t *at, int operation, uint32_t value);
#else
    bool (*ask_locked)(void *at, size_t bytes);
    void (*lock)(void *lock); /* the three of an os_unfair_lock */
    int (*try_lock)(void *lock);
    void (*unlock)(void *lock);
#endif
} lamina_os_call_table;

#endif

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

/* For the platform's table: counts a call of the first kind or the second and tells whether it is to fail, with
 * *error then the code to fail with. */
bool lamina_injector_fails_(bool gives_back, int *error);

LAMINA_EXTERN_C_END

#endif /* LAMINA_OS_TABLE_H */
