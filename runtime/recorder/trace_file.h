/* SPDX-License-Identifier: MIT */
/*
 * A trace file: opened, checked, and taken apart into blocks and processes. Nothing behind these functions trusts a
 * number of the file: what does not fit is told with its place.
 */
#ifndef LAMINA_TRACE_FILE_H
#define LAMINA_TRACE_FILE_H

#include "trace_format.h"

#if defined(__cplusplus)
extern "C" {
#endif

struct trace_error {
    char text[400]; /* one line for people, without the file's name */
};

/* Formats the error; always answers false. */
bool trace_fail(struct trace_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct trace_block {
    uint64_t offset; /* of its header in the file */
    struct trace_block_header header;
    const unsigned char *payload;
    size_t room; /* bytes of payload: exact for a closed block, the most for an open one */
};

struct trace_process_info {
    uint32_t number;
    struct trace_process record;
    const char *program; /* the file that was run; "" where it is unknown */
    const char *command; /* its words, separated by zeros */
    size_t command_bytes;
};

struct trace {
    const unsigned char *data;
    size_t bytes;
    struct trace_file_header header;
    bool partial;               /* the file is cut off, and the caller asked for what is there */
    struct trace_block *blocks; /* in the order of the file; TRACE_PROCESS ones too */
    size_t block_count;
    struct trace_process_info *processes; /* in the order of their numbers, which may have holes */
    size_t process_count;
    void *mapping; /* NULL: `data` is the caller's */
};

/* Opens and checks a trace, checksums included. With `allow_partial`, a file that is cut off or has a damaged block
 * gives the blocks before that; else it is refused. NULL: `error` tells why. */
struct trace *trace_open(const char *path, bool allow_partial, struct trace_error *error);

/* The same for bytes in memory, which must stay there and be aligned to 8. */
struct trace *trace_open_memory(const void *data, size_t bytes, bool allow_partial, struct trace_error *error);

void trace_close(struct trace *trace);

/* NULL: there is no process of this number. */
const struct trace_process_info *trace_process_of(const struct trace *trace, uint32_t number);

#if defined(__cplusplus)
}
#endif

#endif
