/* SPDX-License-Identifier: MIT */
/*
 * The recorder's writing half: from a call to bytes in the trace file. None of it allocates with malloc, and errno
 * stays as it is. Each function writes about one call, on the thread that makes it; nothing where no trace was asked
 * for, the recording had to stop, or the call came from within another call's writing.
 */
#ifndef LAMINA_LANE_H
#define LAMINA_LANE_H

#include "trace_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Begins recording, if the environment names a trace; does nothing the second time. */
void lane_begin_process(void);

/* Notes that the process ended by exit. */
void lane_end_process(void);

/* Bytes of a page of this machine. */
size_t lane_page_bytes(void);

/* Once it has returned: nobody else has the address yet. NULL: it failed. */
void lane_allocated(enum trace_op op, size_t align, size_t size, const void *result);

/* Before it begins: nobody else has the address yet. */
void lane_freed(const void *pointer);

/* A realloc is told before it begins, when the old address is still this block's, and once it has returned. */
void lane_leaves(const void *old);
void lane_reallocated(enum trace_op op, const void *old, size_t size, const void *result);

#if defined(__cplusplus)
}
#endif

#endif
