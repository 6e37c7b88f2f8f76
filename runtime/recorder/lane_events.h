/* SPDX-License-Identifier: MIT */
/*
 * What happens at every call. The recorder costs a program that does nothing but allocate about as much as this file
 * takes, so that the fast ways make no call, look at no clock, and share nothing that another thread writes to. Where
 * one of their conditions fails they leave all to a slow way, which does the same for every call.
 */
#ifndef LAMINA_LANE_EVENTS_H
#define LAMINA_LANE_EVENTS_H

#include "lane_owners.h"
#include "lane_state.h"

#include <stdatomic.h>

#define LIKELY(condition) __builtin_expect((condition), 1)
#define ALWAYS            static inline __attribute__((always_inline))

/* Which lane wrote last about the addresses of an entry, by its id. */
extern uint32_t lane_owners[LANE_OWNERS] LANE_OWN_MODULE;

/* Whatever a fast way can't do. */
LANE_SLOW void lane_slow_allocated(enum trace_op op, size_t align, size_t size, const void *result);
LANE_SLOW void lane_slow_let_go(enum trace_op op, const void *pointer);
LANE_SLOW void lane_slow_reallocated(enum trace_op op, const void *old, size_t size, const void *result);

ALWAYS uint32_t *owner_of(const void *pointer)
{
    return &lane_owners[lane_owner_place((uint64_t)(uintptr_t)pointer)];
}

/* From here on a call that a signal's handler makes isn't written, to `leave`. */
ALWAYS void enter(void)
{
    lane_own = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}

ALWAYS void leave(struct lane *lane)
{
    atomic_signal_fence(memory_order_seq_cst);
    lane_own = lane;
}

/* This thread's lane, entered, if it can take a call about this address at once; else NULL, and nothing was done. */
ALWAYS struct lane *enter_fast(const void *pointer)
{
    struct lane *const lane = lane_own;
    if (LIKELY((lane != NULL) && (pointer != NULL))) {
        enter();
        if (LIKELY((lane->at < lane->soft) && (__atomic_load_n(lane->ticks, __ATOMIC_RELAXED) == lane->tick) &&
                   (__atomic_load_n(owner_of(pointer), __ATOMIC_SEQ_CST) == lane->id))) {
            return lane;
        }
        leave(lane);
    }
    return NULL;
}

/* -------------------------------------------------- An event's bytes ----------------------------------------------- */

/* An event in the making: its first byte, and where its next field goes. */
struct event {
    unsigned char *at;
    unsigned first;
};

ALWAYS struct event begin_event(const struct lane *lane, enum trace_op op)
{
    return (struct event){lane->at + 1, (unsigned)op};
}

/* The first byte is written last, so that a program that is killed leaves whole events and a zero. */
ALWAYS void end_event(struct lane *lane, struct event event)
{
    __atomic_store_n(lane->at, (unsigned char)event.first, __ATOMIC_RELEASE);
    lane->at = event.at;
}

/* A varint of up to eight bytes without a loop, whose end no processor foresees: the groups of seven bits are moved
 * apart in halves, and all bytes written at once. Those behind the varint become zero, which they are. */
ALWAYS unsigned char *put_spread(unsigned char *at, uint64_t number)
{
    const unsigned bytes = (70U - (unsigned)__builtin_clzll(number)) / 7U;
    number = (number & UINT64_C(0x000000000FFFFFFF)) | ((number & UINT64_C(0x00FFFFFFF0000000)) << 4U);
    number = (number & UINT64_C(0x00003FFF00003FFF)) | ((number & UINT64_C(0x0FFFC0000FFFC000)) << 2U);
    number = (number & UINT64_C(0x007F007F007F007F)) | ((number & UINT64_C(0x3F803F803F803F80)) << 1U);
    number |= UINT64_C(0x8080808080808080) & ((UINT64_C(1) << (8U * (bytes - 1U))) - 1U);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    number = __builtin_bswap64(number);
#endif
    memcpy(at, &number, sizeof number);
    return at + bytes;
}

ALWAYS void put(struct event *event, uint64_t number)
{
    if (LIKELY(number < 0x80U)) {
        *event->at++ = (unsigned char)number;
    } else if (LIKELY(number < UINT64_C(1) << 56U)) {
        event->at = put_spread(event->at, number);
    } else {
        event->at = trace_put_varint(event->at, number);
    }
}

ALWAYS void put_difference(struct lane *lane, struct event *event, uint64_t address)
{
    const uint64_t code = trace_rotated(address);
    put(event, trace_zigzag(code - lane->coder.address));
    lane->coder.address = code;
    lane->coder.recent[trace_place(address)] = address;
}

ALWAYS void put_address(struct lane *lane, struct event *event, const void *pointer)
{
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    if (trace_rotated(address) == lane->coder.address) {
        event->first |= TRACE_SAME;
        return;
    }
    const unsigned place = trace_place(address);
    if (lane->coder.recent[place] == address) {
        event->first |= TRACE_RECENT;
        *event->at++ = (unsigned char)place;
        lane->coder.address = trace_rotated(address);
    } else {
        put_difference(lane, event, address);
    }
}

ALWAYS void put_align(struct event *event, size_t align)
{
    *event->at++ = (unsigned char)((align != 0U) ? 63 - __builtin_clzll(align) : 0);
}

/* ------------------------------------------------------ The calls -------------------------------------------------- */

ALWAYS void put_allocated(struct lane *lane, enum trace_op op, size_t align, size_t size, const void *result)
{
    struct event event = begin_event(lane, op);
    if (trace_is_aligned_form(op)) {
        put_align(&event, align);
    }
    put(&event, size);
    put_address(lane, &event, result);
    end_event(lane, event);
    leave(lane);
}

ALWAYS void put_let_go(struct lane *lane, enum trace_op op, const void *pointer)
{
    struct event event = begin_event(lane, op);
    if (pointer != NULL) {
        put_address(lane, &event, pointer);
    } else {
        event.first |= TRACE_GONE;
    }
    end_event(lane, event);
    leave(lane);
}

/* `old` is a realloc's, and its block is as it was. */
ALWAYS void put_failed(struct lane *lane, enum trace_op op, size_t align, size_t size, const void *old)
{
    struct event event = begin_event(lane, TRACE_FAILED);
    *event.at++ = (unsigned char)op;
    if (trace_is_aligned_form(op)) {
        put_align(&event, align);
    }
    put(&event, size);
    if (old != NULL) {
        put_address(lane, &event, old);
    } else if (trace_is_realloc(op)) {
        event.first |= TRACE_FRESH;
    }
    end_event(lane, event);
    leave(lane);
}

ALWAYS void write_allocated(enum trace_op op, size_t align, size_t size, const void *result)
{
    struct lane *const lane = enter_fast(result);
    if (LIKELY(lane != NULL)) {
        put_allocated(lane, op, align, size, result);
    } else {
        lane_slow_allocated(op, align, size, result);
    }
}

ALWAYS void write_freed(const void *pointer)
{
    struct lane *const lane = enter_fast(pointer);
    if (LIKELY(lane != NULL)) {
        put_let_go(lane, TRACE_FREE, pointer);
    } else {
        lane_slow_let_go(TRACE_FREE, pointer);
    }
}

ALWAYS void write_leaves(const void *old)
{
    struct lane *const lane = enter_fast(old);
    if (LIKELY(lane != NULL)) {
        put_let_go(lane, TRACE_LEAVES, old);
    } else if (old != NULL) {
        lane_slow_let_go(TRACE_LEAVES, old);
    }
}

ALWAYS void put_reallocated(struct lane *lane, enum trace_op op, const void *old, size_t size, const void *result)
{
    if ((result == NULL) && ((size != 0U) || (old == NULL))) {
        put_failed(lane, op, 0, size, old);
        return;
    }
    struct event event = begin_event(lane, op);
    put(&event, size);
    if (old == NULL) {
        event.first |= TRACE_FRESH;
        put_address(lane, &event, result);
    } else {
        put_address(lane, &event, old);
        if (result == old) {
            event.first |= TRACE_STAYS;
        } else if (result == NULL) {
            event.first |= TRACE_GONE;
        } else {
            put_difference(lane, &event, (uint64_t)(uintptr_t)result);
        }
    }
    end_event(lane, event);
    leave(lane);
}

ALWAYS void write_reallocated(enum trace_op op, const void *old, size_t size, const void *result)
{
    struct lane *const lane = enter_fast(result);
    if (LIKELY(lane != NULL)) {
        put_reallocated(lane, op, old, size, result);
    } else {
        lane_slow_reallocated(op, old, size, result);
    }
}

#endif
