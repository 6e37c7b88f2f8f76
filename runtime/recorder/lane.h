/* SPDX-License-Identifier: MIT */
/*
 * The recorder's writing half: from an event to bytes in the trace file. None of it allocates with malloc.
 *
 * A call is written between lane_enter and lane_leave, on the calling thread. What enter gives is NULL where nothing
 * is recorded: no trace was asked for, the recording had to stop, or the call came from within another call's writing.
 */
#ifndef LAMINA_LANE_H
#define LAMINA_LANE_H

#include "trace_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

struct lane;

/* Begins recording, if the environment names a trace; does nothing the second time. */
void lane_begin_process(void);

/* Notes that the process ended by exit. */
void lane_end_process(void);

/* Bytes of a page of this machine. */
size_t lane_page_bytes(void);

struct lane *lane_enter(void);
void lane_leave(void);

/* The place of a call in the order of all calls: the next number. Taken after an allocation returned and before a free
 * begins, it never puts a free before its allocation, nor the reuse of an address before its free. */
uint64_t lane_stamp(void);

void lane_allocated(struct lane *lane, enum trace_op op, size_t align, size_t size, const void *result);
void lane_freed(struct lane *lane, const void *pointer);
/* `begun` is the stamp from before the call, when the old address was still this block's. */
void lane_reallocated(struct lane *lane, enum trace_op op, uint64_t begun, const void *old, size_t size,
                      const void *result);

#if defined(__cplusplus)
}
#endif

#endif
