/* SPDX-License-Identifier: MIT-0 */
/*
 * What the floors that only move a cursor share: the cursor, and all that isn't on the way of an alloc.
 */
#ifndef FLOORS_BUMP_H
#define FLOORS_BUMP_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_STATIC_ASSERT(sizeof(void *) == 8U, "no block lies so high that its end would wrap");

#define FLOOR_GRANULE 16U

typedef struct floor_bump {
    unsigned char *cursor; /* all below is handed out; a multiple of the granule */
    unsigned char *limit;  /* all above can't be used now; a multiple of the granule */
    unsigned char *base;
} floor_bump;

/* Where a block of `size` bytes would begin and end. A size of 0 or above `most` doesn't fit, nor does an
 * alignment that is no power of two: the end is then no address. Where size and alignment are constants this
 * is one addition. */
typedef struct floor_place {
    uintptr_t begin;
    uintptr_t end;
} floor_place;

LAMINA_INLINE floor_place floor_next(const floor_bump *bump, size_t size, size_t align, size_t most)
{
    const uintptr_t cursor = (uintptr_t)bump->cursor;
    const size_t last = size - 1U; /* wraps for 0 */
    floor_place out = {cursor, UINTPTR_MAX};
    if (LAMINA_LIKELY((last < most) && lamina_is_pow2(align))) {
        if (align > FLOOR_GRANULE) {
            out.begin = lamina_round_up(cursor, align);
        }
        out.end = out.begin + (last | (FLOOR_GRANULE - 1U)) + 1U;
    }
    return out;
}

LAMINA_INLINE bool floor_fits(const floor_bump *bump, const floor_place *place)
{
    return LAMINA_LIKELY(place->end <= (uintptr_t)bump->limit);
}

LAMINA_INLINE size_t floor_used(const floor_bump *bump)
{
    return (size_t)(bump->cursor - bump->base);
}

/* The request itself may be at fault. */
LAMINA_COLD_IN_HEADER bool floor_is_request(size_t size, size_t align)
{
    if ((size == 0U) || !lamina_is_pow2(align)) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return false;
    }
    return true;
}

LAMINA_COLD_IN_HEADER bool floor_no_mark(void)
{
    lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    return false;
}

LAMINA_INLINE bool floor_rewind(floor_bump *bump, size_t mark)
{
    if (LAMINA_UNLIKELY((mark > floor_used(bump)) || (mark % FLOOR_GRANULE != 0U))) {
        return floor_no_mark();
    }
    bump->cursor = bump->base + mark;
    return true;
}

LAMINA_COLD_IN_HEADER bool floor_bump_owns(const floor_bump *bump, const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)bump->base < floor_used(bump);
}

LAMINA_COLD_IN_HEADER bool floor_bump_is_whole(const floor_bump *bump, const char *stack, size_t most,
                                               lamina_corruption *event)
{
    lamina_corruption out = {stack, "bump", NULL, bump->base, 0, 0, (uintptr_t)bump->cursor};
    if ((bump->cursor < bump->base) || (bump->cursor > bump->limit)) {
        out.what = "cursor left the memory";
        out.expected = (uintptr_t)bump->limit;
    } else if (floor_used(bump) % FLOOR_GRANULE != 0U) {
        out.what = "cursor is between two granules";
        out.address = bump->cursor;
        out.expected = FLOOR_GRANULE;
    } else if ((size_t)(bump->limit - bump->base) > most) {
        out.what = "limit left the memory";
        out.expected = most;
        out.found = (uintptr_t)bump->limit;
    } else {
        return true;
    }
    *event = out;
    return false;
}

/* A block may shrink anywhere; it grows where it is the youngest and `more`, if there is such a function,
 * makes room. */
LAMINA_COLD_IN_HEADER bool floor_resize(floor_bump *bump, void *ptr, size_t old_size, size_t new_size,
                                        bool (*more)(void *self, size_t extra), void *self)
{
    unsigned char *const block = (unsigned char *)ptr;
    const size_t taken = lamina_round_up(old_size, FLOOR_GRANULE);
    const size_t extra = (new_size > taken) ? new_size - taken : 0U;
    if ((ptr == NULL) || (old_size == 0U) || (new_size == 0U)) {
        return false;
    }
    if (block + taken != bump->cursor) {
        return extra == 0U;
    }
    if ((extra > (size_t)(bump->limit - bump->cursor)) && ((more == NULL) || !more(self, extra))) {
        return false;
    }
    bump->cursor = block + lamina_round_up(new_size, FLOOR_GRANULE);
    return true;
}

#endif /* FLOORS_BUMP_H */
