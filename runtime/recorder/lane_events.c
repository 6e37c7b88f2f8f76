/* SPDX-License-Identifier: MIT */
#include "lane_events.h"

uint32_t lane_owners[LANE_OWNERS];

/* This thread's lane, entered and ready for a call about this address. NULL: the call isn't written. */
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

void lane_slow_allocated(enum trace_op op, size_t align, size_t size, const void *result)
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
    lane_done();
}

void lane_slow_let_go(enum trace_op op, const void *pointer)
{
    struct lane *const lane = enter_slow(pointer);
    if (lane != NULL) {
        put_let_go(lane, op, pointer);
        lane_done();
    }
}

void lane_slow_reallocated(enum trace_op op, const void *old, size_t size, const void *result)
{
    struct lane *const lane = enter_slow(result);
    if (lane != NULL) {
        put_reallocated(lane, op, old, size, result);
        lane_done();
    }
}

void lane_allocated(enum trace_op op, size_t align, size_t size, const void *result)
{
    write_allocated(op, align, size, result);
}

void lane_freed(const void *pointer)
{
    write_freed(pointer);
}

void lane_leaves(const void *old)
{
    write_leaves(old);
}

void lane_reallocated(enum trace_op op, const void *old, size_t size, const void *result)
{
    write_reallocated(op, old, size, result);
}
