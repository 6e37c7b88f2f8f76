/* SPDX-License-Identifier: MIT */
/*
 * What a replay runs: the calls of a trace as an array that costs next to nothing to read. The format is private to
 * one build on one machine: the tool writes it, the replaying program maps it.
 */
#ifndef LAMINA_TRACE_OPS_H
#define LAMINA_TRACE_OPS_H

#include <stdint.h>

#define OPS_MAGIC UINT64_C(0x31305350304C5254)

enum ops_kind {
    OPS_ALLOC,  /* `size` bytes into `slot` */
    OPS_FREE,   /* the block in `slot`, of `size` bytes */
    OPS_RESIZE, /* the block in `slot` to `size` bytes; the next entry's `size` is the old one */
    OPS_OLD     /* belongs to the entry before it */
};

struct ops_entry {
    uint64_t size;
    uint32_t slot;
    uint8_t kind;       /* enum ops_kind */
    uint8_t align_log2; /* of OPS_ALLOC: what was asked for, or 0 where malloc's own is enough */
    uint16_t reserved;
};

/* Followed by the entries, then by a uint64_t for each: the number of the call in the trace that it stands for. */
struct ops_header {
    uint64_t magic;
    uint64_t entries;
    uint64_t allocs, frees, resizes;
    uint64_t slots;
    uint64_t peak_bytes;   /* asked for and in use, at most */
    uint64_t peak_objects; /* at that moment */
    uint64_t live_at_end;  /* objects that the trace does not free */
    uint64_t largest;      /* bytes of the largest request */
    uint64_t largest_call; /* its number in the trace */
};

#endif
