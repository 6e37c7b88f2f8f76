/* SPDX-License-Identifier: MIT */
/*
 * What the hosted platforms share. Private to runtime/platform.
 */
#ifndef LAMINA_PLATFORM_HOSTED_PLATFORM_H
#define LAMINA_PLATFORM_HOSTED_PLATFORM_H

#include "lamina/os.h"

LAMINA_EXTERN_C_BEGIN

/* All failures leave by one of these two, so that none forgets to say why. */

LAMINA_INLINE bool lamina_refuse_(int error)
{
    lamina_set_last_os_error(error);
    return false;
}

LAMINA_INLINE void *lamina_refuse_null_(int error)
{
    lamina_set_last_os_error(error);
    return NULL;
}

/* A size in whole units, or 0 with the error set: for no size, for one that overflows, and for a unit of 0, which is
 * a page size that couldn't be had and has set the error itself. */
LAMINA_INLINE size_t lamina_whole_(size_t bytes, size_t unit)
{
    size_t out = 0U;
    if ((unit != 0U) && ((bytes == 0U) || lamina_round_up_overflows(bytes, unit, &out))) {
        out = 0U;
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    }
    return out;
}

/* The size of the range at `p` in whole pages, or 0 with the error set when there's no need to ask the system. */
LAMINA_INLINE size_t lamina_range_(const void *p, size_t bytes)
{
    const size_t page = lamina_os_page_size();
    size_t out = lamina_whole_(bytes, page);
    if ((out != 0U) && ((p == NULL) || !lamina_is_aligned(p, page) || (out > UINTPTR_MAX - (uintptr_t)p))) {
        out = 0U;
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    }
    return out;
}

typedef uint32_t lamina_touched_word_ __attribute__((may_alias)); /* whatever the user keeps there */

/* Writes to every page of a writable range and changes nothing: an atomic "or" of nothing disturbs nobody. The
 * compiler must not know that it is nothing: clang would make it a load, volatile or not. */
LAMINA_INLINE void lamina_touch_pages_(void *p, size_t bytes)
{
    unsigned char *const at = (unsigned char *)p;
    const size_t page = lamina_os_page_size();
    /* Of four bytes: RISC-V has no instruction for fewer, and gcc calls a library there. */
    lamina_touched_word_ nothing = 0U;
    __asm__ volatile("" : "+r"(nothing));
    for (size_t i = 0; i < bytes; i += page) {
        (void)__atomic_fetch_or((lamina_touched_word_ *)(void *)(at + i), nothing, __ATOMIC_RELAXED);
    }
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_PLATFORM_HOSTED_PLATFORM_H */
