/* SPDX-License-Identifier: MIT-0 */
/*
 * What the floors share: the slow side of a slab. None of it runs while all is well, so it is written to be
 * short, with divisions and parameters; what runs on each call stands in the floors themselves.
 */
#ifndef FLOORS_COLD_H
#define FLOORS_COLD_H

#include "lamina/core.h"
#include "lamina/report.h"

/* A slab as the slow side sees it. */
typedef struct floor_slab {
    const char *stack;
    const unsigned char *base;
    size_t carved; /* slots that were cut so far */
    size_t count;  /* slots that there are */
    size_t slot_bytes;
} floor_slab;

LAMINA_INLINE lamina_corruption floor_event(const char *stack, const char *layer, const char *what,
                                            const void *at, uint64_t expected, uint64_t found)
{
    const lamina_corruption event = {.stack = stack,
                                     .layer = layer,
                                     .what = what,
                                     .address = at,
                                     .offset = 0,
                                     .expected = expected,
                                     .found = found};
    return event;
}

LAMINA_NORETURN LAMINA_COLD_IN_HEADER void floor_report(const char *stack, const char *layer,
                                                        const char *what, const void *at, uint64_t expected,
                                                        uint64_t found)
{
    const lamina_corruption event = floor_event(stack, layer, what, at, expected, found);
    lamina_corruption_abort(&event);
}

/* The index of the slot that starts at `at`; where none starts, a number that no slot has. */
LAMINA_COLD_IN_HEADER size_t floor_index(const floor_slab *slab, const void *at)
{
    const size_t offset = (uintptr_t)at - (uintptr_t)slab->base;
    return (offset % slab->slot_bytes == 0U) ? offset / slab->slot_bytes : SIZE_MAX;
}

LAMINA_COLD_IN_HEADER bool floor_inside(const floor_slab *slab, const void *at)
{
    return (uintptr_t)at - (uintptr_t)slab->base < slab->count * slab->slot_bytes;
}

/* What is wrong with a pointer that was given to free and starts no object. */
LAMINA_NORETURN LAMINA_COLD_IN_HEADER void floor_report_stray(const floor_slab *slab, const void *ptr)
{
    const char *what = "free of a pointer from elsewhere";
    if (floor_inside(slab, ptr)) {
        what = (floor_index(slab, ptr) < slab->count) ? "free of a slot that was never handed out"
                                                      : "free of a pointer that starts no slot";
    }
    floor_report(slab->stack, "slab", what, ptr, 0, 0);
}

LAMINA_NORETURN LAMINA_COLD_IN_HEADER void floor_report_size(const char *stack, const void *ptr, size_t has,
                                                             size_t told)
{
    floor_report(stack, "slab", "free of more bytes than an object has", ptr, has, told);
}

/* Walks a list that is linked through the first word of each slot. Fills `event` and answers false where it
 * is not whole; else *length is how many slots are on it. */
LAMINA_COLD_IN_HEADER bool floor_list_is_whole(const floor_slab *slab, const unsigned char *head,
                                               size_t *length, lamina_corruption *event)
{
    *length = 0;
    for (const unsigned char *slot = head; slot != NULL;
         slot = (const unsigned char *)lamina_load_ptr(slot)) {
        const size_t index = floor_index(slab, slot);
        if (index >= slab->carved) {
            *event = floor_event(slab->stack, "slab", "free list leaves the slab", slot, slab->carved, index);
            return false;
        }
        if (++*length > slab->carved) {
            *event = floor_event(slab->stack, "slab", "free list runs in a circle", slot, slab->carved,
                                 *length);
            return false;
        }
    }
    return true;
}

LAMINA_COLD_IN_HEADER bool floor_carved_is_sane(const floor_slab *slab, lamina_corruption *event)
{
    if (slab->carved > slab->count) {
        *event = floor_event(slab->stack, "slab", "more slots are cut than there are", slab->base,
                             slab->count, slab->carved);
        return false;
    }
    return true;
}

/* Slots that are on the list. Of one that is damaged, as far as it can be followed. */
LAMINA_COLD_IN_HEADER size_t floor_list_length(const floor_slab *slab, const unsigned char *head)
{
    size_t length = 0;
    const unsigned char *slot = head;
    while ((slot != NULL) && (length < slab->carved) && (floor_index(slab, slot) < slab->carved)) {
        slot = (const unsigned char *)lamina_load_ptr(slot);
        length++;
    }
    return length;
}

/* Slots [first, first + n) in front of the list, the lowest first; answers the new head. */
LAMINA_COLD_IN_HEADER unsigned char *floor_link(unsigned char *first, size_t n, size_t slot_bytes,
                                                unsigned char *head)
{
    for (size_t i = 0; i + 1U < n; i++) {
        lamina_store_ptr(first + i * slot_bytes, first + (i + 1U) * slot_bytes);
    }
    lamina_store_ptr(first + (n - 1U) * slot_bytes, head);
    return first;
}

#endif /* FLOORS_COLD_H */
