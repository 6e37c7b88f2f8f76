/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: what an allocator tells AddressSanitizer and Valgrind about its blocks, so that they find a use
 * after free, a write beside an object and a double free in a pool as they do in malloc's heap.
 *
 * Nothing at all unless one of them is asked for, which is the program's build's business, not the spec's:
 *
 *     -fsanitize=address       is noticed (gcc and clang); -DLAMINA_ANNOTATE=0 turns it off again
 *     -DLAMINA_VALGRIND=1      adds Valgrind's client requests, which cost a few instructions and do nothing when the
 *                              program runs by itself; needs valgrind/memcheck.h
 *
 * A pool is known by the address where its objects begin. Bytes that are no object's are out of bounds: slots that are free, the
 * room between payloads, memory that a bump allocator has not handed out. The allocator itself goes there by the
 * functions of core.h and block.h, which neither tool watches in such a build. What can't be told is told by the
 * allocator's own layers: an overrun from one live object right into the next needs canaries.
 */
#ifndef LAMINA_ANNOTATE_H
#define LAMINA_ANNOTATE_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

#if LAMINA_ANNOTATE_ASAN_
void __asan_poison_memory_region(void const volatile *at, size_t bytes);
void __asan_unpoison_memory_region(void const volatile *at, size_t bytes);
int __asan_address_is_poisoned(void const volatile *at);
void __asan_report_error(void *pc, void *bp, void *sp, void *at, int is_write, size_t bytes);

LAMINA_INLINE void lamina_annotate_close_(const void *at, size_t bytes)
{
    __asan_poison_memory_region(at, bytes);
}

LAMINA_INLINE void lamina_annotate_open_(const void *at, size_t bytes)
{
    __asan_unpoison_memory_region(at, bytes);
}

/* An object that is free is out of bounds; who frees it again is told so. */
LAMINA_INLINE void lamina_annotate_expect_open_(void *at, size_t bytes)
{
    if (__asan_address_is_poisoned(at) != 0) {
        void *const frame = __builtin_frame_address(0);
        __asan_report_error(__builtin_return_address(0), frame, frame, at, 1, bytes);
    }
}
#else
LAMINA_INLINE void lamina_annotate_close_(const void *at, size_t bytes)
{
    (void)at;
    (void)bytes;
}

LAMINA_INLINE void lamina_annotate_open_(const void *at, size_t bytes)
{
    (void)at;
    (void)bytes;
}

LAMINA_INLINE void lamina_annotate_expect_open_(void *at, size_t bytes)
{
    (void)at;
    (void)bytes;
}
#endif

#if LAMINA_VALGRIND
#define LAMINA_TELL_VALGRIND_(request) request
#else
#define LAMINA_TELL_VALGRIND_(request) ((void)0)
#endif

/* A pool comes to life, with nothing in it. */
LAMINA_INLINE void lamina_annotate_begin(const void *pool)
{
    (void)pool;
    LAMINA_TELL_VALGRIND_(VALGRIND_CREATE_MEMPOOL(pool, 0, 0));
}

/* The pool has memory that will be cut into objects, of which none is handed out yet. */
LAMINA_INLINE void lamina_annotate_cut(const void *at, size_t bytes)
{
    lamina_annotate_close_(at, bytes);
    LAMINA_TELL_VALGRIND_((void)VALGRIND_MAKE_MEM_NOACCESS(at, bytes));
}

/* An object is handed out. */
LAMINA_INLINE void lamina_annotate_alloc(const void *pool, const void *at, size_t bytes)
{
    (void)pool;
    lamina_annotate_open_(at, bytes);
    LAMINA_TELL_VALGRIND_(VALGRIND_MEMPOOL_ALLOC(pool, at, bytes));
}

/* An object comes back. */
LAMINA_INLINE void lamina_annotate_free(const void *pool, void *at, size_t bytes)
{
    (void)pool;
    lamina_annotate_expect_open_(at, bytes);
    lamina_annotate_close_(at, bytes);
    LAMINA_TELL_VALGRIND_(VALGRIND_MEMPOOL_FREE(pool, at));
}

/* The youngest object grows or shrinks where it is. */
LAMINA_INLINE void lamina_annotate_resize(const void *pool, const void *at, size_t old_bytes, size_t new_bytes)
{
    (void)pool;
    if (new_bytes < old_bytes) {
        lamina_annotate_close_((const unsigned char *)at + new_bytes, old_bytes - new_bytes);
    }
    lamina_annotate_open_(at, new_bytes);
    LAMINA_TELL_VALGRIND_(VALGRIND_MEMPOOL_CHANGE(pool, at, at, new_bytes));
}

/* All objects in [at, at + bytes) come back at once; those before stay. */
LAMINA_INLINE void lamina_annotate_rewind(const void *pool, const void *at, size_t bytes)
{
    (void)pool;
    lamina_annotate_close_(at, bytes);
    LAMINA_TELL_VALGRIND_(VALGRIND_MEMPOOL_TRIM(pool, pool, (const unsigned char *)at - (const unsigned char *)pool));
    LAMINA_TELL_VALGRIND_((void)VALGRIND_MAKE_MEM_NOACCESS(at, bytes));
}

/* The pool ends, and its memory is the system's or the caller's again. */
LAMINA_INLINE void lamina_annotate_end(const void *pool, size_t bytes)
{
    lamina_annotate_open_(pool, bytes);
    LAMINA_TELL_VALGRIND_(VALGRIND_DESTROY_MEMPOOL(pool));
    LAMINA_TELL_VALGRIND_((void)VALGRIND_MAKE_MEM_UNDEFINED(pool, bytes));
}

#undef LAMINA_TELL_VALGRIND_

LAMINA_EXTERN_C_END

#endif /* LAMINA_ANNOTATE_H */
