/* SPDX-License-Identifier: MIT */
#ifndef LAMINA_TRACE_BUILD_OPS_H
#define LAMINA_TRACE_BUILD_OPS_H

#include "trace_calls.h"
#include "trace_ops.h"

#if defined(__cplusplus)
extern "C" {
#endif

struct ops_options {
    uint64_t least, most; /* sizes of the blocks that are replayed: others are left out as if they had never been */
};

/* Writes the array for a replay of one process. Calls that failed, free(NULL) and frees of blocks that were never seen
 * have no entries. */
bool ops_write(const struct trace *trace, uint32_t process, const struct ops_options *options, const char *path,
               struct ops_header *header, struct trace_totals *totals, struct trace_error *error);

#if defined(__cplusplus)
}
#endif

#endif
