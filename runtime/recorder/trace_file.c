/* SPDX-License-Identifier: MIT */
#include "trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_STEP 4096U /* blocks of an open file begin at a page, and no page is smaller */

bool trace_fail(struct trace_error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

/* ------------------------------------------------- The file header -------------------------------------------------
 */

static bool check_header(const struct trace *trace, struct trace_error *error)
{
    const struct trace_file_header *const header = &trace->header;
    if (header->order != TRACE_ORDER) {
        return trace_fail(error, "it was recorded on a machine with another order of bytes");
    }
    if (header->version != TRACE_VERSION) {
        return trace_fail(error, "its format has version %u, and this Lamina reads version %u: record it again",
                          header->version, TRACE_VERSION);
    }
    if ((header->state != TRACE_OPEN) && (header->state != TRACE_FINISHED)) {
        return trace_fail(error, "it is damaged: its header has the unknown state %u", header->state);
    }
    if ((header->state == TRACE_FINISHED) && (header->checksum != trace_header_checksum(header))) {
        return trace_fail(error, "it is damaged: the checksum of its header is wrong");
    }
    if ((header->header_bytes < sizeof *header) || (header->header_bytes % 8U != 0U)) {
        return trace_fail(error, "it is damaged: its header can't have %u bytes", header->header_bytes);
    }
    return true;
}

static bool read_header(struct trace *trace, struct trace_error *error)
{
    const size_t seen = (trace->bytes < TRACE_MAGIC_BYTES) ? trace->bytes : TRACE_MAGIC_BYTES;
    if (trace->bytes == 0U) {
        return trace_fail(error, "it is empty");
    }
    if (memcmp(trace->data, TRACE_MAGIC, seen) != 0) {
        const bool converted = (seen >= 4U) && (memcmp(trace->data, TRACE_MAGIC, 4) == 0);
        return trace_fail(error, converted ? "it was damaged by a conversion of line ends: copy it as binary"
                                           : "it is no trace that lamina record wrote");
    }
    if (trace->bytes < sizeof trace->header) {
        return trace_fail(error, "it is cut off: %zu bytes are less than a trace's header", trace->bytes);
    }
    memcpy(&trace->header, trace->data, sizeof trace->header);
    return check_header(trace, error);
}

/* ----------------------------------------------------- Blocks ------------------------------------------------------
 */

static bool append_block(struct trace *trace, const struct trace_block *block, struct trace_error *error)
{
    const size_t n = trace->block_count;
    if ((n & (n - 1U)) == 0U) { /* full at every power of two, and at 0 */
        struct trace_block *const grown = realloc(trace->blocks, ((n == 0U) ? 1U : n * 2U) * sizeof *grown);
        if (grown == NULL) {
            return trace_fail(error, "there is not enough memory to read it");
        }
        trace->blocks = grown;
    }
    trace->blocks[trace->block_count++] = *block;
    return true;
}

/* One block at `offset`; `end` is where the blocks end by the header, or by the file. */
static bool read_block(const struct trace *trace, uint64_t offset, uint64_t end, struct trace_block *block,
                       struct trace_error *error)
{
    const size_t number = trace->block_count + 1U;
    const unsigned long long place = offset;
    const struct trace_block_header *const header = &block->header;
    if (end - offset < sizeof *header) {
        return trace_fail(error, "it is cut off: block %zu, at byte %llu, has less than a header", number, place);
    }
    memcpy(&block->header, trace->data + offset, sizeof block->header);
    block->offset = offset;
    block->payload = trace->data + offset + sizeof *header;
    if ((header->magic != TRACE_BLOCK_MAGIC) || (header->capacity < sizeof *header) || (header->capacity % 8U != 0U) ||
        ((header->kind != TRACE_EVENTS) && (header->kind != TRACE_PROCESS))) {
        return trace_fail(error, "it is damaged: at byte %llu, where block %zu begins, is no block", place, number);
    }
    if (header->capacity > end - offset) {
        return trace_fail(error, "it is cut off: block %zu, at byte %llu, has %llu of its %u bytes", number, place,
                          (unsigned long long)(end - offset), header->capacity);
    }
    block->room = header->capacity - sizeof *header;
    if ((header->state == TRACE_BLOCK_CLOSED) || (header->kind == TRACE_PROCESS)) {
        if (header->used > block->room) {
            return trace_fail(error, "it is damaged: block %zu, at byte %llu, says to hold more than it has", number,
                              place);
        }
        block->room = header->used;
    }
    if (header->state == TRACE_BLOCK_CLOSED) {
        if ((trace->header.state == TRACE_FINISHED) && (header->checksum != trace_block_checksum(header, block->payload, block->room))) {
            return trace_fail(error, "it is damaged: the checksum of block %zu, at byte %llu, is wrong", number, place);
        }
    } else if ((header->state != TRACE_BLOCK_OPEN) || (trace->header.state == TRACE_FINISHED)) {
        return trace_fail(error, "it is damaged: block %zu, at byte %llu, was never closed", number, place);
    }
    return true;
}

/* Space of an open file that was reserved, but where no block was begun. */
static bool is_unused(const struct trace *trace, uint64_t offset, uint64_t end)
{
    uint32_t magic = 0;
    if ((trace->header.state == TRACE_OPEN) && (end - offset >= sizeof magic)) {
        memcpy(&magic, trace->data + offset, sizeof magic);
        return magic == 0U;
    }
    return false;
}

static bool read_blocks(struct trace *trace, struct trace_error *error)
{
    const bool finished = trace->header.state == TRACE_FINISHED;
    const uint64_t end = (trace->header.end < trace->bytes) ? trace->header.end : trace->bytes;
    uint64_t offset = trace->header.header_bytes;
    if (offset > end) {
        return trace_fail(error, "it is cut off: %zu bytes are less than a trace's header", trace->bytes);
    }
    while (offset < end) {
        struct trace_block block;
        if (is_unused(trace, offset, end)) {
            offset += (end - offset < OPEN_STEP) ? end - offset : OPEN_STEP;
            continue;
        }
        if (!read_block(trace, offset, end, &block, error) || !append_block(trace, &block, error)) {
            return false;
        }
        offset += block.header.capacity;
    }
    if (finished && (trace->bytes < trace->header.end)) {
        return trace_fail(error, "it is cut off after block %zu of %u: %zu of %llu bytes are there", trace->block_count,
                          trace->header.blocks, trace->bytes, (unsigned long long)trace->header.end);
    }
    if (finished && ((trace->bytes > trace->header.end) || (trace->block_count != trace->header.blocks))) {
        return trace_fail(error, "it is damaged: it has %zu blocks in %zu bytes, and its header says %u in %llu",
                          trace->block_count, trace->bytes, trace->header.blocks,
                          (unsigned long long)trace->header.end);
    }
    return true;
}

/* ---------------------------------------------------- Processes ----------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
    const struct trace_process_info *const left = a;
    const struct trace_process_info *const right = b;
    return (left->number > right->number) - (left->number < right->number);
}

static bool read_process(const struct trace_block *block, struct trace_process_info *info, struct trace_error *error)
{
    *info = (struct trace_process_info){.number = block->header.process, .program = ""};
    const size_t fixed = sizeof info->record;
    if (block->room < fixed) {
        return trace_fail(error, "it is damaged: the entry of process %u is too short", info->number);
    }
    memcpy(&info->record, block->payload, fixed);
    const char *const text = (const char *)block->payload + fixed;
    const size_t room = block->room - fixed;
    const char *const end = (room != 0U) ? memchr(text, '\0', room) : NULL;
    if (end != NULL) {
        info->program = text;
        info->command = end + 1;
        info->command_bytes = room - (size_t)(info->command - text);
    }
    return true;
}

static bool read_processes(struct trace *trace, struct trace_error *error)
{
    size_t count = 0;
    for (size_t i = 0; i < trace->block_count; i++) {
        count += (trace->blocks[i].header.kind == TRACE_PROCESS) ? 1U : 0U;
    }
    trace->processes = calloc((count != 0U) ? count : 1U, sizeof *trace->processes);
    if (trace->processes == NULL) {
        return trace_fail(error, "there is not enough memory to read it");
    }
    for (size_t i = 0; i < trace->block_count; i++) {
        if (trace->blocks[i].header.kind == TRACE_PROCESS) {
            if (!read_process(&trace->blocks[i], &trace->processes[trace->process_count], error)) {
                return false;
            }
            trace->process_count++;
        }
    }
    qsort(trace->processes, count, sizeof *trace->processes, by_number);
    for (size_t i = 1; i < count; i++) {
        if (trace->processes[i].number == trace->processes[i - 1U].number) {
            return trace_fail(error, "it is damaged: process %u has two entries", trace->processes[i].number);
        }
    }
    return true;
}

static bool blocks_have_processes(const struct trace *trace, struct trace_error *error)
{
    for (size_t i = 0; i < trace->block_count; i++) {
        const uint32_t number = trace->blocks[i].header.process;
        if (trace_process_of(trace, number) == NULL) {
            return trace_fail(error, "it is damaged: block %zu belongs to process %u, which has no entry", i + 1U,
                              number);
        }
    }
    return true;
}

const struct trace_process_info *trace_process_of(const struct trace *trace, uint32_t number)
{
    const struct trace_process_info key = {.number = number};
    return bsearch(&key, trace->processes, trace->process_count, sizeof key, by_number);
}

/* ------------------------------------------------- Opening, closing ------------------------------------------------
 */

static void forget_blocks(struct trace *trace)
{
    free(trace->blocks);
    free(trace->processes);
    trace->blocks = NULL;
    trace->processes = NULL;
    trace->block_count = trace->process_count = 0;
}

static bool read_content(struct trace *trace, bool allow_partial, struct trace_error *error)
{
    trace->partial = false;
    if (!read_blocks(trace, error)) {
        if (!allow_partial) {
            return false;
        }
        trace->partial = true;
    }
    return read_processes(trace, error) && blocks_have_processes(trace, error);
}

/* While processes write on, their blocks are seen at different times. All calls up to the stamps that were given out
 * before the first look are there at the second, and no call behind those is missed by any that is told. */
static bool read_open(struct trace *trace, bool allow_partial, struct trace_error *error)
{
    if (!read_content(trace, allow_partial, error)) {
        return false;
    }
    struct trace_process_info *const before = trace->processes;
    const size_t count = trace->process_count;
    trace->processes = NULL;
    forget_blocks(trace);
    const bool done = read_content(trace, allow_partial, error);
    for (size_t i = 0; done && (i < trace->process_count); i++) {
        struct trace_process_info *const info = &trace->processes[i];
        const struct trace_process_info *const was = bsearch(info, before, count, sizeof *before, by_number);
        info->record.stamp = (was != NULL) ? was->record.stamp : 0U;
    }
    free(before);
    return done;
}

static bool read_all(struct trace *trace, bool allow_partial, struct trace_error *error)
{
    if (!read_header(trace, error)) {
        return false;
    }
    return (trace->header.state == TRACE_OPEN) ? read_open(trace, allow_partial, error)
                                               : read_content(trace, allow_partial, error);
}

struct trace *trace_open_memory(const void *data, size_t bytes, bool allow_partial, struct trace_error *error)
{
    struct trace *const trace = calloc(1, sizeof *trace);
    if (trace == NULL) {
        (void)trace_fail(error, "there is not enough memory to read it");
        return NULL;
    }
    trace->data = data;
    trace->bytes = bytes;
    if (!read_all(trace, allow_partial, error)) {
        trace_close(trace);
        return NULL;
    }
    return trace;
}

/* The file's bytes; a copy-on-write mapping, so that no one else's write is asked for. */
static void *map_file(const char *path, size_t *bytes, struct trace_error *error)
{
    struct stat found;
    void *out = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if ((fd < 0) || (fstat(fd, &found) != 0)) {
        (void)trace_fail(error, "%s", strerror(errno));
    } else if (!S_ISREG(found.st_mode)) {
        (void)trace_fail(error, "it is no regular file");
    } else if (found.st_size == 0) {
        (void)trace_fail(error, "it is empty");
    } else {
        *bytes = (size_t)found.st_size;
        out = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        if (out == MAP_FAILED) {
            (void)trace_fail(error, "%s", strerror(errno));
            out = NULL;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return out;
}

struct trace *trace_open(const char *path, bool allow_partial, struct trace_error *error)
{
    size_t bytes = 0;
    void *const mapping = map_file(path, &bytes, error);
    if (mapping == NULL) {
        return NULL;
    }
    struct trace *const trace = trace_open_memory(mapping, bytes, allow_partial, error);
    if (trace == NULL) {
        (void)munmap(mapping, bytes);
    } else {
        trace->mapping = mapping;
    }
    return trace;
}

void trace_close(struct trace *trace)
{
    if (trace == NULL) {
        return;
    }
    if (trace->mapping != NULL) {
        (void)munmap(trace->mapping, trace->bytes);
    }
    forget_blocks(trace);
    free(trace);
}
