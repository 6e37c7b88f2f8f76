/* SPDX-License-Identifier: MIT */
/*
 * What happens at every call. The recorder costs a program that does nothing but allocate about as much as this file
 * takes, so that the fast ways make no call, look at no clock, and share nothing that another thread writes to. Where
 * one of their conditions fails they leave all to a slow way, which does the same for every call.
 */
#include "lane_owners.h"
#include "lane_state.h"

#include <stdatomic.h>

#define LIKELY(condition) __builtin_expect((condition), 1)
#define ALWAYS            static inline __attribute__((always_inline))
#define SLOW              __attribute__((noinline, cold))

/* Which lane wrote last about the addresses of an entry, by its id. */
static uint32_t owners[LANE_OWNERS];

ALWAYS uint32_t *owner_of(const void *pointer)
{
    return &owners[lane_owner_place((uint64_t)(uintptr_t)pointer)];
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

/* The same, whatever is missing for that. NULL: the call isn't written. */
static struct lane *enter_slow(const void *pointer)
{
    struct lane *lane = lane_own;
    if (lane == NULL) {
        lane = lane_begin();
    } else {
        enter();
        if ((lane->at >= lane->soft) || (__atomic_load_n(lane->ticks, __ATOMIC_RELAXED) != lane->tick)) {
            lane = lane_attend(lane);
        }
    }
    if ((lane != NULL) && (pointer != NULL)) {
        uint32_t *const owner = owner_of(pointer);
        if ((__atomic_load_n(owner, __ATOMIC_SEQ_CST) != lane->id) && !lane_claim(lane, owner)) {
            return NULL;
        }
    }
    return lane;
}

/* -------------------------------------------------- An event's bytes ----------------------------------------------- */

/* An event in the making: its first byte, and where its next field goes. */
struct event {
    unsigned char *at;
    unsigned first;
};

ALWAYS struct event begin(const struct lane *lane, enum trace_op op)
{
    return (struct event){lane->at + 1, (unsigned)op};
}

/* The first byte is written last, so that a program that is killed leaves whole events and a zero. */
ALWAYS void end(struct lane *lane, struct event event)
{
    __atomic_store_n(lane->at, (unsigned char)event.first, __ATOMIC_RELEASE);
    lane->at = event.at;
}

ALWAYS void put(struct event *event, uint64_t number)
{
    if (LIKELY(number < 0x80U)) {
        *event->at++ = (unsigned char)number;
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
    struct event event = begin(lane, op);
    if (trace_is_aligned_form(op)) {
        put_align(&event, align);
    }
    put(&event, size);
    put_address(lane, &event, result);
    end(lane, event);
    leave(lane);
}

ALWAYS void put_let_go(struct lane *lane, enum trace_op op, const void *pointer)
{
    struct event event = begin(lane, op);
    if (pointer != NULL) {
        put_address(lane, &event, pointer);
    } else {
        event.first |= TRACE_GONE;
    }
    end(lane, event);
    leave(lane);
}

/* `old` is a realloc's, and its block is as it was. */
static void put_failed(struct lane *lane, enum trace_op op, size_t align, size_t size, const void *old)
{
    struct event event = begin(lane, TRACE_FAILED);
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
    end(lane, event);
    leave(lane);
}

static SLOW void slow_allocated(enum trace_op op, size_t align, size_t size, const void *result)
{
    struct lane *const lane = enter_slow(result);
    if (lane == NULL) {
        return;
    }
    if (result == NULL) {
        put_failed(lane, op, align, size, NULL);
    } else {
        put_allocated(lane, op, align, size, result);
    }
}

static SLOW void slow_let_go(enum trace_op op, const void *pointer)
{
    struct lane *const lane = enter_slow(pointer);
    if (lane != NULL) {
        put_let_go(lane, op, pointer);
    }
}

void lane_malloc(size_t size, const void *result)
{
    struct lane *const lane = enter_fast(result);
    if (LIKELY(lane != NULL)) {
        put_allocated(lane, TRACE_MALLOC, 0, size, result);
    } else {
        slow_allocated(TRACE_MALLOC, 0, size, result);
    }
}

void lane_allocated(enum trace_op op, size_t align, size_t size, const void *result)
{
    struct lane *const lane = enter_fast(result);
    if (LIKELY(lane != NULL)) {
        put_allocated(lane, op, align, size, result);
    } else {
        slow_allocated(op, align, size, result);
    }
}

void lane_freed(const void *pointer)
{
    struct lane *const lane = enter_fast(pointer);
    if (LIKELY(lane != NULL)) {
        put_let_go(lane, TRACE_FREE, pointer);
    } else {
        slow_let_go(TRACE_FREE, pointer);
    }
}

void lane_leaves(const void *old)
{
    struct lane *const lane = enter_fast(old);
    if (LIKELY(lane != NULL)) {
        put_let_go(lane, TRACE_LEAVES, old);
    } else if (old != NULL) {
        slow_let_go(TRACE_LEAVES, old);
    }
}

void lane_reallocated(enum trace_op op, const void *old, size_t size, const void *result)
{
    struct lane *lane = enter_fast(result);
    lane = LIKELY(lane != NULL) ? lane : enter_slow(result);
    if (lane == NULL) {
        return;
    }
    if ((result == NULL) && ((size != 0U) || (old == NULL))) {
        put_failed(lane, op, 0, size, old);
        return;
    }
    struct event event = begin(lane, op);
    put(&event, size);
    if (old == NULL) {
        event.first |= TRACE_FRESH;
        put_address(lane, &event, result);
    } else {
        put_address(lane, &event, old);
        if (result == NULL) {
            event.first |= TRACE_GONE;
        } else {
            put_difference(lane, &event, (uint64_t)(uintptr_t)result);
        }
    }
    end(lane, event);
    leave(lane);
}
