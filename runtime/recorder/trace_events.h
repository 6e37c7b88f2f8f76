/* SPDX-License-Identifier: MIT */
/*
 * The calls of one process, in one order: its lanes decoded and merged by stamp.
 */
#ifndef LAMINA_TRACE_EVENTS_H
#define LAMINA_TRACE_EVENTS_H

#include "trace_file.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* A realloc of a block has two moments: at its begin the old address ceases to be the block's, at its end the new one
 * is, or the old one again where it failed. Calls of other threads may lie between, and so may a whole realloc that a
 * signal's handler made. Every other call is one moment. */
struct trace_event {
    enum trace_op op;  /* the function; of those that have one: the others only tell about it */
    bool begins;       /* the begin of a realloc: only `old` is known */
    bool failed;       /* it gave NULL, and changed nothing */
    uint32_t thread;   /* from 1, in order of first call */
    uint32_t lane;
    uint64_t stamp;   /* of the lane; the same for all its calls up to its next one */
    uint64_t time;    /* nanoseconds since the trace began; never less than that of the event before */
    uint64_t size;    /* bytes asked for */
    uint64_t align;   /* of the aligned forms; 0 of all others */
    uint64_t old;     /* address that free and realloc were given; 0: NULL */
    uint64_t address; /* address that an allocation gave; 0: none */
};

struct trace_cursor;

/* Begins with the first call of a process. NULL: `error` tells why. */
struct trace_cursor *trace_cursor_open(const struct trace *trace, uint32_t process, struct trace_error *error);

void trace_cursor_close(struct trace_cursor *cursor);

/* The next moment. False at the end, and with a text in `error` where the trace is damaged. */
bool trace_next(struct trace_cursor *cursor, struct trace_event *event, struct trace_error *error);

/* Stamps that were taken and not written when the process was ended from outside. Known at the end only. */
uint64_t trace_unwritten(const struct trace_cursor *cursor);

/* Bytes of whole events in a block, and how many those are; false: an event is none. */
bool trace_measure_block(const struct trace_block *block, size_t *used, uint64_t *events, struct trace_error *error);

#if defined(__cplusplus)
}
#endif

#endif
