/* SPDX-License-Identifier: MIT */
/*
 * The recorder: a shared object that LD_PRELOAD puts before the C library. Each allocation function calls the next
 * one of its name, and writes down what was asked for and what came of it. docs/traces.md says what it sees.
 */
#include "lane_events.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define EXPORT __attribute__((visibility("default")))

/* The functions behind ours: the C library's, or those of an allocator that is preloaded as well. */
static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void (*free)(void *);
    void *(*aligned_alloc)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void *(*memalign)(size_t, size_t);
    void *(*valloc)(size_t);
    void *(*pvalloc)(size_t);
} next;
static atomic_bool resolved;

/* ------------------------------------------------- Before they are known
 * ------------------------------------------------- */

/* dlsym may allocate before it has told us where malloc is. That little comes from here, and is never given back. */
static _Alignas(64) unsigned char first_bytes[(size_t)32 << 10U];
static atomic_size_t first_used;

static void *first_alloc(size_t size, size_t align)
{
    /* Each block is preceded by its size, for realloc. */
    align = (align != 0U) ? align : 1U;
    const size_t need = sizeof(size_t) + align + size;
    const size_t at = (need > size) ? atomic_fetch_add(&first_used, need) : sizeof first_bytes;
    if ((at > sizeof first_bytes) || (sizeof first_bytes - at < need)) {
        errno = ENOMEM;
        return NULL;
    }
    const uintptr_t from = (uintptr_t)(first_bytes + at + sizeof(size_t));
    unsigned char *const out = first_bytes + ((((from + align - 1U) / align) * align) - (uintptr_t)first_bytes);
    memcpy(out - sizeof(size_t), &size, sizeof size);
    return out;
}

static bool is_first(const void *pointer)
{
    return ((uintptr_t)pointer - (uintptr_t)first_bytes) < sizeof first_bytes;
}

static size_t first_size(const void *pointer)
{
    size_t size;
    memcpy(&size, (const unsigned char *)pointer - sizeof size, sizeof size);
    return size;
}

/* ISO C has no conversion from dlsym's result to a function. */
static void find(const char *name, void *function, size_t bytes)
{
    void *const found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, bytes);
}

#define FIND(name) find(#name, &next.name, sizeof next.name)

static __thread __attribute__((tls_model("initial-exec"))) bool resolving;

/* Whether the next functions are known; false while they are being looked up, on the thread that does. */
static __attribute__((noinline, cold)) bool resolve(void)
{
    if (resolving) {
        return false;
    }
    resolving = true;
    const int error = errno;
    FIND(calloc);
    FIND(free);
    FIND(realloc);
    FIND(aligned_alloc);
    FIND(posix_memalign);
    FIND(memalign);
    FIND(valloc);
    FIND(pvalloc);
    FIND(malloc);
    atomic_store(&resolved, true);
    lane_begin_process();
    errno = error;
    resolving = false;
    return true;
}

static inline bool ready(void)
{
    return atomic_load_explicit(&resolved, memory_order_acquire) || resolve();
}

/* The program may make no call at all, and is to be seen all the same. */
static __attribute__((constructor)) void begin(void)
{
    (void)ready();
}

static __attribute__((destructor)) void end(void)
{
    lane_end_process();
}

/* ------------------------------------------------------ The functions
 * ----------------------------------------------------- */

static size_t product(size_t a, size_t b)
{
    size_t out;
    return __builtin_mul_overflow(a, b, &out) ? SIZE_MAX : out;
}

EXPORT void *malloc(size_t size)
{
    if (!ready()) {
        return first_alloc(size, _Alignof(max_align_t));
    }
    void *const out = next.malloc(size);
    write_allocated(TRACE_MALLOC, 0, size, out);
    return out;
}

EXPORT void *calloc(size_t count, size_t size)
{
    if (!ready()) {
        return first_alloc(product(count, size), _Alignof(max_align_t)); /* static memory is zero */
    }
    void *const out = next.calloc(count, size);
    write_allocated(TRACE_CALLOC, 0, product(count, size), out);
    return out;
}

EXPORT void free(void *pointer)
{
    if (is_first(pointer) || !ready()) {
        return;
    }
    write_freed(pointer);
    next.free(pointer);
}

/* Blocks from before the next functions were known move to them. */
static void *move_first(void *pointer, size_t size)
{
    void *const out = malloc(size);
    if (out != NULL) {
        const size_t old = first_size(pointer);
        memcpy(out, pointer, (old < size) ? old : size);
    }
    return out;
}

static void *resized(enum trace_op op, void *pointer, size_t size)
{
    if (is_first(pointer)) {
        return move_first(pointer, size);
    }
    if (!ready()) {
        return first_alloc(size, _Alignof(max_align_t));
    }
    write_leaves(pointer);
    void *const out = next.realloc(pointer, size);
    write_reallocated(op, pointer, size, out);
    return out;
}

EXPORT void *realloc(void *pointer, size_t size)
{
    return resized(TRACE_REALLOC, pointer, size);
}

/* Not the next reallocarray: the C library's calls realloc, which would be seen as a call of the program's. */
EXPORT void *reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        write_reallocated(TRACE_REALLOCARRAY, pointer, SIZE_MAX, NULL);
        errno = ENOMEM;
        return NULL;
    }
    return resized(TRACE_REALLOCARRAY, pointer, bytes);
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
    if (!ready()) {
        return first_alloc(size, align);
    }
    void *const out = next.aligned_alloc(align, size);
    write_allocated(TRACE_ALIGNED_ALLOC, align, size, out);
    return out;
}

EXPORT int posix_memalign(void **to, size_t align, size_t size)
{
    if (!ready()) {
        *to = first_alloc(size, align);
        return (*to != NULL) ? 0 : ENOMEM;
    }
    void *out = NULL; /* left alone where the call fails */
    const int status = next.posix_memalign(&out, align, size);
    write_allocated(TRACE_POSIX_MEMALIGN, align, size, (status == 0) ? out : NULL);
    if (status == 0) {
        *to = out;
    }
    return status;
}

EXPORT void *memalign(size_t align, size_t size)
{
    if (!ready()) {
        return first_alloc(size, align);
    }
    void *const out = next.memalign(align, size);
    write_allocated(TRACE_MEMALIGN, align, size, out);
    return out;
}

#define PAGE_ALIGN 4096U /* of the first blocks only, where no page's size was asked for yet */

EXPORT void *valloc(size_t size)
{
    if (!ready()) {
        return first_alloc(size, PAGE_ALIGN);
    }
    void *const out = next.valloc(size);
    write_allocated(TRACE_VALLOC, lane_page_bytes(), size, out);
    return out;
}

EXPORT void *pvalloc(size_t size)
{
    if (!ready()) {
        return first_alloc(size, PAGE_ALIGN);
    }
    void *const out = next.pvalloc(size);
    write_allocated(TRACE_PVALLOC, lane_page_bytes(), size, out);
    return out;
}
