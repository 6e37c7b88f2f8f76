/* SPDX-License-Identifier: MIT */
#include "trace_finish.h"

#include "trace_events.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t padded(uint64_t bytes)
{
    return (bytes + 7U) & ~UINT64_C(7);
}

bool trace_create(const char *path, struct trace_error *error)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    /* The first block begins at a page: blocks of an open file are mapped one by one. */
    const long page = sysconf(_SC_PAGESIZE);
    struct trace_file_header header = {.version = TRACE_VERSION,
                                       .order = TRACE_ORDER,
                                       .state = TRACE_OPEN,
                                       .header_bytes = (uint32_t)page,
                                       .end = (uint64_t)page,
                                       .began = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec};
    memcpy(header.magic, TRACE_MAGIC, TRACE_MAGIC_BYTES);
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return trace_fail(error, "%s", strerror(errno));
    }
    const bool written = (write(fd, &header, sizeof header) == (ssize_t)sizeof header) && (ftruncate(fd, page) == 0);
    const int reason = errno;
    if ((close(fd) != 0) || !written) {
        (void)unlink(path);
        return trace_fail(error, "%s", strerror(written ? errno : reason));
    }
    return true;
}

/* A process that left no sign of its end may be running still; as the image that it last began with exec. */
static bool still_runs(const struct trace *trace, uint32_t number)
{
    const struct trace_process *const process = &trace_process_of(trace, number)->record;
    for (size_t i = 0; i < trace->process_count; i++) {
        if ((trace->processes[i].number > number) && (trace->processes[i].record.pid == process->pid)) {
            return false;
        }
    }
    return (process->ended == TRACE_CUT) && ((kill((pid_t)process->pid, 0) == 0) || (errno == EPERM));
}

/* The payload of a block's finished form: its bytes, and how many. */
static bool payload_of(const struct trace *trace, const struct trace_block *block, struct trace_process *process,
                       const unsigned char **payload, size_t *used, struct trace_error *error)
{
    uint64_t events;
    *payload = block->payload;
    *used = block->room;
    if (block->header.kind == TRACE_PROCESS) {
        *process = trace_process_of(trace, block->header.process)->record;
        process->ended = still_runs(trace, block->header.process) ? (uint32_t)TRACE_STILL_RAN : process->ended;
        return true;
    }
    return (block->header.state == TRACE_BLOCK_CLOSED) || trace_measure_block(block, used, &events, error);
}

static bool write_block(FILE *file, const struct trace *trace, const struct trace_block *block, struct trace_file_header *header,
                        struct trace_error *error)
{
    static const unsigned char zeros[8];
    struct trace_process process;
    const unsigned char *payload;
    size_t used;
    if (!payload_of(trace, block, &process, &payload, &used, error)) {
        return false;
    }
    if ((block->header.kind == TRACE_EVENTS) && (used == 0U)) {
        return true;
    }
    unsigned char *const copy = malloc(used);
    if (copy == NULL) {
        return trace_fail(error, "there is not enough memory to read it");
    }
    memcpy(copy, payload, used); /* once: a process that still runs may write on */
    if (block->header.kind == TRACE_PROCESS) {
        memcpy(copy, &process, sizeof process);
    }
    struct trace_block_header out = block->header;
    out.capacity = (uint32_t)(sizeof out + padded(used));
    out.used = (uint32_t)used;
    out.state = TRACE_BLOCK_CLOSED;
    out.checksum = trace_block_checksum(&out, copy, used);
    const size_t gap = (size_t)padded(used) - used;
    const bool written = (fwrite(&out, sizeof out, 1, file) == 1U) && (fwrite(copy, 1, used, file) == used) &&
                         (fwrite(zeros, 1, gap, file) == gap);
    free(copy);
    header->end += out.capacity;
    header->blocks++;
    return written || trace_fail(error, "%s", strerror(errno));
}

static bool write_all(FILE *file, const struct trace *trace, uint32_t wait_status, struct trace_error *error)
{
    struct trace_file_header header = trace->header;
    header.state = TRACE_FINISHED;
    header.header_bytes = (uint32_t)sizeof header;
    header.end = sizeof header;
    header.wait_status = wait_status;
    header.tick = 0;
    if (fseek(file, (long)sizeof header, SEEK_SET) != 0) {
        return trace_fail(error, "%s", strerror(errno));
    }
    for (size_t i = 0; i < trace->block_count; i++) {
        if (!write_block(file, trace, &trace->blocks[i], &header, error)) {
            return false;
        }
    }
    header.checksum = trace_header_checksum(&header);
    if ((fseek(file, 0, SEEK_SET) != 0) || (fwrite(&header, sizeof header, 1, file) != 1U) || (fflush(file) != 0)) {
        return trace_fail(error, "%s", strerror(errno));
    }
    return true;
}

bool trace_finish(const char *from, const char *to, uint32_t wait_status, struct trace_error *error)
{
    struct trace *const trace = trace_open(from, false, error);
    if (trace == NULL) {
        return false;
    }
    if (trace->header.state != TRACE_OPEN) {
        trace_close(trace);
        return trace_fail(error, "it is finished already");
    }
    const size_t room = strlen(to) + 16U;
    char *const beside = malloc(room);
    FILE *file = NULL;
    bool done = beside != NULL;
    if (done) {
        (void)snprintf(beside, room, "%s.%ld", to, (long)getpid());
        file = fopen(beside, "wbx");
    }
    if (file == NULL) {
        done = trace_fail(error, "%s", strerror(errno));
    } else {
        done = write_all(file, trace, wait_status, error);
        if ((fclose(file) != 0) && done) {
            done = trace_fail(error, "%s", strerror(errno));
        }
        if (done && (rename(beside, to) != 0)) {
            done = trace_fail(error, "%s", strerror(errno));
        }
        if (!done) {
            (void)unlink(beside);
        }
    }
    free(beside);
    trace_close(trace);
    return done;
}
