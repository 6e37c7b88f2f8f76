/* SPDX-License-Identifier: MIT */
#ifndef LAMINA_TRACE_TICK_H
#define LAMINA_TRACE_TICK_H

#include "trace_file.h"

/* Ticks into an open trace until whoever started this process ends: every thread that is recorded takes a stamp and
 * looks at the clock at its first call after a tick. So none of them has to look at a clock at every call. Without
 * ticks the trace is as whole and as ordered, but a thread that made few calls may have them told later or earlier.
 * False: `error` tells why there are none. */
bool trace_tick(const char *path, struct trace_error *error);

#endif
