/* SPDX-License-Identifier: MIT */
/*
 * What a trace says of a program, in numbers: sizes, lifetimes, threads, call rates, the peak.
 */
#ifndef LAMINA_TRACE_SUMMARY_H
#define LAMINA_TRACE_SUMMARY_H

#include "trace_calls.h"

#if defined(__cplusplus)
extern "C" {
#endif

#define SUMMARY_CLASSES 65U /* by power of two: class k holds what is above 2^(k-1) and at most 2^k; 0 is in class 0 \
                             */
#define SUMMARY_POINTS 240U /* intervals that the time of the process is cut into */

struct summary_size {
    uint64_t size;
    uint64_t allocs;     /* requests of exactly this size, by realloc too */
    uint64_t live, peak; /* blocks of this size, now and at most */
};

struct summary_class {
    uint64_t allocs, bytes;
    uint64_t live, peak; /* blocks */
};

struct summary_thread {
    uint64_t calls, allocs, bytes, frees;
    uint64_t foreign_frees; /* of blocks that another thread allocated */
};

struct summary_point {
    uint64_t allocs, frees; /* in this interval; a realloc that moved or resized is neither */
    uint64_t resizes;
    uint64_t bytes, objects; /* live at its end */
    uint64_t most_bytes;     /* live at once in it, at most */
};

struct summary {
    struct trace_totals totals;
    uint64_t first_time;
    uint64_t by_op[TRACE_OPS]; /* calls of each function, failed ones too */
    uint64_t allocs, frees, resizes, nothing, failed, strange, replaced;
    uint64_t grown, shrunk, moved;
    uint64_t bytes;                                          /* asked for in all, by realloc too */
    uint64_t live_bytes, live_objects;                       /* at the end: never freed */
    uint64_t peak_bytes, peak_objects, peak_call, peak_time; /* objects at the moment of most bytes */
    uint64_t most_objects;                                   /* at once, whenever that was */
    uint64_t aligned[64]; /* requests of the aligned forms, by log2 of the alignment */
    struct summary_class sizes[SUMMARY_CLASSES];
    uint64_t lives_calls[SUMMARY_CLASSES]; /* freed blocks, by how many calls they lived */
    uint64_t lives_time[SUMMARY_CLASSES];  /* the same in nanoseconds */
    struct summary_point points[SUMMARY_POINTS];
    struct summary_thread *threads; /* by number of the thread, from 1 at [0] */
    size_t thread_count;
    struct summary_size *exact; /* most requests first */
    size_t exact_count;
};

bool summary_make(struct summary *summary, const struct trace *trace, uint32_t process, struct trace_error *error);
void summary_free(struct summary *summary);

#if defined(__cplusplus)
}
#endif

#endif
