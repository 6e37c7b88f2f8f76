/* SPDX-License-Identifier: MIT */
/*
 * What a lane is to those who write to it: lane_events.h, call by call, and lane.c, which sees to all that is not
 * needed for every call.
 */
#ifndef LAMINA_LANE_STATE_H
#define LAMINA_LANE_STATE_H

#include "lane.h"

struct lane {
    unsigned char *at;     /* where the next event goes */
    unsigned char *soft;   /* from here on the lane is attended to first; NULL, as `at`, in one that fork wiped */
    const uint64_t *ticks; /* the trace's tick */
    uint64_t tick;         /* what it was when the lane took its last stamp */
    uint32_t id;           /* number + 1: 0 is no lane */
    uint32_t thread;       /* whose events these are, as the reader knows it */
    struct trace_coder coder;
    unsigned char *hard; /* the block has room for an event before here, and not behind */
    struct trace_block_header *block;
    uint64_t stamp;
    uint64_t time; /* of the last TIME */
    size_t block_bytes;
    struct lane *next_idle;
};

/* Reached without a detour through the table of what other modules may replace. */
#define LANE_OWN_MODULE __attribute__((visibility("hidden")))
#define LANE_SLOW       __attribute__((visibility("hidden")))

/* Initial-exec: the general model may call malloc at a thread's first access. */
#define LANE_THREAD __thread __attribute__((tls_model("initial-exec")))

/* This thread's lane. NULL while it is being written to, since a signal's handler may come at any time; and where the
 * thread has none. */
extern LANE_THREAD struct lane *lane_own LANE_OWN_MODULE;

/* The slow paths. NULL, and false: the call isn't written. They leave errno as it was. */
LANE_SLOW struct lane *lane_begin(void);               /* where lane_own is NULL */
LANE_SLOW struct lane *lane_attend(struct lane *lane); /* where it is at its soft end, or there was a tick */
LANE_SLOW bool lane_claim(struct lane *lane, uint32_t *owner);

/* After a call that was written slowly, as all of a thread that ends are: its lane is given back. */
LANE_SLOW void lane_done(void);

#endif
