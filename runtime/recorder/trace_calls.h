/* SPDX-License-Identifier: MIT */
/*
 * The calls of one process, with blocks in place of addresses: who is freed, who is resized, who was never seen.
 *
 * A block has a slot for as long as it lives; slots are numbered from 0 and given out again, so that a table of as many
 * entries as blocks ever lived at once holds them all.
 */
#ifndef LAMINA_TRACE_CALLS_H
#define LAMINA_TRACE_CALLS_H

#include "trace_events.h"

#if defined(__cplusplus)
extern "C" {
#endif

enum trace_effect {
    TRACE_ALLOCATES,
    TRACE_FREES,
    TRACE_RESIZES,  /* a realloc of a block that lives; in place or not */
    TRACE_NOTHING,  /* free(NULL) */
    TRACE_FAILS,    /* the call gave NULL */
    TRACE_STRANGE,  /* free or realloc of a block that this process was not seen to allocate: inherited by fork, from
                       before the recording, or no block at all; a realloc then allocates as well */
    TRACE_REPLACES, /* an address was given out again without a free that was seen: the block there is gone */
    TRACE_EFFECTS
};

struct trace_call {
    enum trace_effect effect;
    enum trace_op op;
    uint32_t thread;
    uint32_t slot;     /* of ALLOCATES, FREES, RESIZES, REPLACES */
    uint64_t number;   /* of the call in its process, from 1 */
    uint64_t time;     /* nanoseconds since the trace began */
    uint64_t size;     /* asked for; of a block that goes, what it had */
    uint64_t old_size; /* of RESIZES */
    uint64_t align;    /* asked for by an aligned form; else 0 */
    bool moved;        /* of RESIZES */
};

struct trace_totals {
    uint64_t calls;     /* all, failed ones and free(NULL) too */
    uint64_t unwritten; /* stamps that were taken, but not written when the process was ended */
    uint32_t slots;     /* blocks that lived at once, at most */
    uint64_t last_time; /* of the last call */
};

/* Takes each call to `visit`, in order; false from it ends the way. False: `error` tells why, or is empty if it was
 * `visit` that ended it. */
bool trace_visit(const struct trace *trace, uint32_t process,
                 bool (*visit)(void *context, const struct trace_call *call), void *context,
                 struct trace_totals *totals, struct trace_error *error);

#if defined(__cplusplus)
}
#endif

#endif
