/* SPDX-License-Identifier: MIT */
/*
 * The beginning and the end of a recording.
 */
#ifndef LAMINA_TRACE_FINISH_H
#define LAMINA_TRACE_FINISH_H

#include "trace_file.h"

#if defined(__cplusplus)
extern "C" {
#endif

/* Makes an open trace without blocks, for recorders to write to. The file must not exist. */
bool trace_create(const char *path, struct trace_error *error);

/* Writes the finished form of an open trace: blocks cut to what they hold, with checksums. `wait_status` is how the
 * program ended. `to` appears whole or not at all. */
bool trace_finish(const char *from, const char *to, uint32_t wait_status, struct trace_error *error);

#if defined(__cplusplus)
}
#endif

#endif
