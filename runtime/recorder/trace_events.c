/* SPDX-License-Identifier: MIT */
#include "trace_events.h"

#include <stdlib.h>

/* ---------------------------------------------------- One lane -----------------------------------------------------
 */

struct lane {
    uint32_t number;
    const struct trace *trace;
    size_t block; /* index of the block that is being read */
    const unsigned char *at;
    const unsigned char *end;
    struct trace_coder coder;
    uint32_t thread;
    uint64_t time;
    uint64_t event_number; /* in its block, from 1, for messages */
    struct trace_event event;
    uint64_t ends;      /* a realloc's second stamp, */
    uint64_t ends_time; /* and its time: the thread may have waited in between */
    bool open;          /* the block was never closed: a zero ends it */
};

enum step { STEP_EVENT, STEP_END, STEP_DAMAGED };

static void begin_block(struct lane *lane, const struct trace_block *block)
{
    memset(&lane->coder, 0, sizeof lane->coder);
    lane->coder.stamp = block->header.stamp;
    lane->at = block->payload;
    lane->end = block->payload + block->room;
    lane->thread = block->header.thread;
    lane->time = block->header.time;
    lane->event_number = 0;
    lane->open = block->header.state == TRACE_BLOCK_OPEN;
}

static bool get(struct lane *lane, uint64_t *value)
{
    const unsigned char *const next = trace_get_varint(lane->at, lane->end, value);
    if (next == NULL) {
        return false;
    }
    lane->at = next;
    return true;
}

static bool get_byte(struct lane *lane, unsigned *value)
{
    if (lane->at == lane->end) {
        return false;
    }
    *value = *lane->at++;
    return true;
}

static bool get_difference(struct lane *lane, uint64_t *address)
{
    uint64_t code;
    if (!get(lane, &code)) {
        return false;
    }
    lane->coder.address += trace_unzigzag(code);
    *address = trace_unrotated(lane->coder.address);
    lane->coder.recent[trace_place(*address)] = *address;
    return *address != 0U; /* NULL is never written as an address */
}

static bool get_address(struct lane *lane, unsigned first, uint64_t *address)
{
    unsigned place;
    if ((first & TRACE_RECENT) == 0U) {
        return get_difference(lane, address);
    }
    if (!get_byte(lane, &place)) {
        return false;
    }
    *address = lane->coder.recent[place];
    lane->coder.address = trace_rotated(*address);
    return *address != 0U;
}

static bool get_align(struct lane *lane, uint64_t *align)
{
    unsigned log2;
    if (!get_byte(lane, &log2) || (log2 > 63U)) {
        return false;
    }
    *align = UINT64_C(1) << log2;
    return true;
}

/* Stamps grow from event to event: a lane is written by one thread at a time. */
static bool get_stamp(struct lane *lane, bool near, uint64_t *stamp)
{
    uint64_t difference = 1;
    if (!near && !get(lane, &difference)) {
        return false;
    }
    if ((difference == 0U) || (lane->coder.stamp + difference < difference)) {
        return false;
    }
    lane->coder.stamp += difference;
    *stamp = lane->coder.stamp;
    return true;
}

static bool decode_failed(struct lane *lane)
{
    struct trace_event *const event = &lane->event;
    unsigned op;
    if (!get_byte(lane, &op) || (op < TRACE_MALLOC) || (op > TRACE_PVALLOC) || (op == TRACE_FREE)) {
        return false;
    }
    event->op = (enum trace_op)op;
    event->failed = true;
    if (trace_is_realloc(op) && !get_stamp(lane, false, &lane->ends)) {
        return false;
    }
    return (!trace_is_aligned_form(op) || get_align(lane, &event->align)) && get(lane, &event->size);
}

static bool decode_realloc(struct lane *lane, unsigned first)
{
    struct trace_event *const event = &lane->event;
    const bool fresh = (first & TRACE_FRESH) != 0U;
    const bool gone = (first & TRACE_GONE) != 0U;
    if ((fresh && gone) || !get_stamp(lane, false, &lane->ends) || !get(lane, &event->size)) {
        return false;
    }
    if (fresh) {
        return get_address(lane, first, &event->address);
    }
    return get_address(lane, first, &event->old) && (gone || get_difference(lane, &event->address));
}

/* What is behind the first byte and the stamp. */
static bool decode_call(struct lane *lane, unsigned first)
{
    struct trace_event *const event = &lane->event;
    const unsigned op = first & TRACE_OP_MASK;
    const unsigned foreign = (op == TRACE_FREE)     ? TRACE_FRESH
                             : trace_is_realloc(op) ? 0U
                             : (op == TRACE_FAILED) ? TRACE_FRESH | TRACE_GONE | TRACE_RECENT
                                                    : TRACE_FRESH | TRACE_GONE;
    if ((first & foreign) != 0U) {
        return false;
    }
    event->op = (enum trace_op)op;
    event->phase = TRACE_WHOLE;
    if (!get_stamp(lane, (first & TRACE_NEAR) != 0U, &event->stamp)) {
        return false;
    }
    if (op == TRACE_FAILED) {
        return decode_failed(lane);
    }
    if (trace_is_realloc(op)) {
        return decode_realloc(lane, first);
    }
    if (op == TRACE_FREE) {
        return ((first & TRACE_GONE) != 0U) ? (first & TRACE_RECENT) == 0U : get_address(lane, first, &event->old);
    }
    return (!trace_is_aligned_form(op) || get_align(lane, &event->align)) && get(lane, &event->size) &&
           get_address(lane, first, &event->address);
}

/* One event of the block; STEP_END at the block's end. A TIME or THREAD is taken in on the way. */
static enum step decode(struct lane *lane)
{
    while ((lane->at != lane->end) && !(lane->open && (*lane->at == 0U))) {
        const unsigned first = *lane->at++;
        const unsigned op = first & TRACE_OP_MASK;
        uint64_t number;
        lane->event_number++;
        if ((op == TRACE_TIME) || (op == TRACE_THREAD)) {
            if (((first & ~TRACE_OP_MASK) != 0U) || !get(lane, &number)) {
                return STEP_DAMAGED;
            }
            lane->time += (op == TRACE_TIME) ? number : 0U;
            lane->thread = (op == TRACE_THREAD) ? (uint32_t)number : lane->thread;
            if (number > ((op == TRACE_THREAD) ? UINT32_MAX : UINT64_MAX)) {
                return STEP_DAMAGED;
            }
            continue;
        }
        lane->event = (struct trace_event){.thread = lane->thread, .lane = lane->number, .time = lane->time};
        return ((op != 0U) && (op < TRACE_OPS) && decode_call(lane, first)) ? STEP_EVENT : STEP_DAMAGED;
    }
    return STEP_END;
}

static bool is_of(const struct trace_block *block, uint32_t process, uint32_t lane)
{
    return (block->header.kind == TRACE_EVENTS) && (block->header.process == process) && (block->header.lane == lane);
}

/* The lane's next event, over the ends of blocks. */
static enum step advance(struct lane *lane, uint32_t process, struct trace_error *error)
{
    /* The second half of a realloc was decoded with the first. */
    if (trace_is_realloc(lane->event.op) && (lane->event.phase == TRACE_BEGIN)) {
        lane->event.phase = TRACE_END;
        lane->event.stamp = lane->ends;
        lane->event.time = lane->ends_time;
        return STEP_EVENT;
    }
    const uint64_t before = lane->coder.stamp;
    const uint64_t time_before = lane->time;
    for (;;) {
        const enum step step = decode(lane);
        const bool backwards = (step == STEP_EVENT) && (lane->event.stamp <= before) && (before != 0U);
        if ((step == STEP_DAMAGED) || backwards) {
            (void)trace_fail(error, "it is damaged: event %llu of block %zu, at byte %llu, is none",
                             (unsigned long long)lane->event_number, lane->block + 1U,
                             (unsigned long long)lane->trace->blocks[lane->block].offset);
            return STEP_DAMAGED;
        }
        if (step == STEP_EVENT) {
            lane->event.phase = TRACE_WHOLE;
            if (trace_is_realloc(lane->event.op)) {
                /* What time it was is told when the call is over: it began after the call before it. */
                lane->event.phase = TRACE_BEGIN;
                lane->ends_time = lane->event.time;
                lane->event.time = time_before;
            }
            return STEP_EVENT;
        }
        do {
            lane->block++;
        } while ((lane->block < lane->trace->block_count) &&
                 !is_of(&lane->trace->blocks[lane->block], process, lane->number));
        if (lane->block == lane->trace->block_count) {
            return STEP_END;
        }
        begin_block(lane, &lane->trace->blocks[lane->block]);
    }
}

bool trace_measure_block(const struct trace_block *block, size_t *used, uint64_t *events, struct trace_error *error)
{
    struct lane *const lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return trace_fail(error, "there is not enough memory to read it");
    }
    begin_block(lane, block);
    *events = 0;
    enum step step = STEP_EVENT;
    while ((step = decode(lane)) == STEP_EVENT) {
        ++*events;
    }
    *used = (size_t)(lane->at - block->payload);
    const unsigned long long number = lane->event_number;
    free(lane);
    return (step == STEP_END) || trace_fail(error, "it is damaged: event %llu of the block at byte %llu is none",
                                            number, (unsigned long long)block->offset);
}

/* ------------------------------------------------- All lanes, merged ------------------------------------------------
 */

struct trace_cursor {
    const struct trace *trace;
    const struct trace_process_info *process;
    struct lane *lanes; /* all that have begun */
    struct lane **heap; /* those with an event, the lowest stamp first */
    size_t lane_count, heap_count;
    uint64_t stamp; /* of the last moment */
    uint64_t time;
    uint64_t gaps; /* stamps that no event has */
    uint32_t threads;
};

static void sift_down(struct trace_cursor *cursor, size_t at)
{
    struct lane **const heap = cursor->heap;
    for (;;) {
        size_t least = at;
        for (size_t child = 2U * at + 1U; (child <= 2U * at + 2U) && (child < cursor->heap_count); child++) {
            least = (heap[child]->event.stamp < heap[least]->event.stamp) ? child : least;
        }
        if (least == at) {
            return;
        }
        struct lane *const other = heap[least];
        heap[least] = heap[at];
        heap[at] = other;
        at = least;
    }
}

static int by_lane(const void *a, const void *b)
{
    const struct lane *const left = a;
    const struct lane *const right = b;
    if (left->number != right->number) {
        return (left->number > right->number) ? 1 : -1;
    }
    return (left->block > right->block) - (left->block < right->block);
}

/* One entry for each lane, at its first block. */
static bool find_lanes(struct trace_cursor *cursor, struct trace_error *error)
{
    const struct trace *const trace = cursor->trace;
    /* Entries are found by number: lanes are numbered from 0, without holes, but a file may say anything. */
    struct lane *lanes = NULL;
    size_t count = 0;
    size_t room = 0;
    for (size_t i = 0; i < trace->block_count; i++) {
        const struct trace_block_header *const header = &trace->blocks[i].header;
        if ((header->kind != TRACE_EVENTS) || (header->process != cursor->process->number)) {
            continue;
        }
        if ((header->lane < count) && (lanes[header->lane].number == header->lane)) {
            continue; /* a later block of a lane */
        }
        if (header->lane > trace->block_count) {
            free(lanes);
            return trace_fail(error, "it is damaged: block %zu is of lane %u, and there are %zu blocks", i + 1U,
                              header->lane, trace->block_count);
        }
        if (header->lane >= room) {
            const size_t more = 2U * ((size_t)header->lane + 1U);
            struct lane *const grown = realloc(lanes, more * sizeof *grown);
            if (grown == NULL) {
                free(lanes);
                return trace_fail(error, "there is not enough memory to read it");
            }
            memset(grown + room, 0, (more - room) * sizeof *grown);
            lanes = grown;
            room = more;
        }
        while (count <= header->lane) {
            lanes[count++].number = UINT32_MAX; /* none yet */
        }
        struct lane *const lane = &lanes[header->lane];
        lane->number = header->lane;
        lane->trace = trace;
        lane->block = i;
        begin_block(lane, &trace->blocks[i]);
    }
    /* Lanes of which no block is there, in a file that is cut off, go to the end. */
    if (count != 0U) {
        qsort(lanes, count, sizeof *lanes, by_lane);
    }
    while ((count != 0U) && (lanes[count - 1U].number == UINT32_MAX)) {
        count--;
    }
    cursor->lanes = lanes;
    cursor->lane_count = count;
    return true;
}

struct trace_cursor *trace_cursor_open(const struct trace *trace, uint32_t process, struct trace_error *error)
{
    const struct trace_process_info *const info = trace_process_of(trace, process);
    if (info == NULL) {
        (void)trace_fail(error, "it has no process %u", process);
        return NULL;
    }
    struct trace_cursor *const cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        (void)trace_fail(error, "there is not enough memory to read it");
        return NULL;
    }
    cursor->trace = trace;
    cursor->process = info;
    cursor->stamp = info->record.fork_stamp;
    bool fine = find_lanes(cursor, error);
    if (fine) {
        cursor->heap = calloc((cursor->lane_count != 0U) ? cursor->lane_count : 1U, sizeof *cursor->heap);
        fine = (cursor->heap != NULL) || trace_fail(error, "there is not enough memory to read it");
    }
    for (size_t i = 0; fine && (i < cursor->lane_count); i++) {
        const enum step step = advance(&cursor->lanes[i], process, error);
        fine = step != STEP_DAMAGED;
        if (step == STEP_EVENT) {
            cursor->heap[cursor->heap_count++] = &cursor->lanes[i];
        }
    }
    for (size_t i = cursor->heap_count; fine && (i-- > 0U);) {
        sift_down(cursor, i);
    }
    if (!fine) {
        trace_cursor_close(cursor);
        return NULL;
    }
    return cursor;
}

void trace_cursor_close(struct trace_cursor *cursor)
{
    if (cursor != NULL) {
        free(cursor->lanes);
        free(cursor->heap);
        free(cursor);
    }
}

/* Whether calls may be missing before `stamp`. A thread that is ended in the middle of a call leaves the two stamps of
 * a realloc at most; a process of one thread that ended by itself was in no call. What is missing beyond that was lost.
 */
static bool explain_gap(struct trace_cursor *cursor, uint64_t stamp, struct trace_error *error)
{
    const bool alone = (cursor->process->record.ended != 0U) && (cursor->lane_count == 1U) && (cursor->threads == 1U);
    const uint64_t most = alone ? 0U : 2U * ((uint64_t)cursor->threads + cursor->lane_count);
    cursor->gaps += stamp - cursor->stamp - 1U;
    if (cursor->gaps <= most) {
        return true;
    }
    return trace_fail(error, "it is damaged: calls of process %u between number %llu and number %llu are missing",
                      cursor->process->number, (unsigned long long)cursor->stamp, (unsigned long long)stamp);
}

bool trace_next(struct trace_cursor *cursor, struct trace_event *event, struct trace_error *error)
{
    error->text[0] = '\0';
    if (cursor->heap_count == 0U) {
        return false;
    }
    struct lane *const lane = cursor->heap[0];
    *event = lane->event;
    if (event->stamp <= cursor->stamp) {
        return trace_fail(error, "it is damaged: two calls of process %u have the number %llu", cursor->process->number,
                          (unsigned long long)event->stamp);
    }
    cursor->threads = (event->thread > cursor->threads) ? event->thread : cursor->threads;
    if (event->stamp != cursor->stamp + 1U) {
        if (cursor->trace->partial || (cursor->process->record.ended == TRACE_STILL_RAN)) {
            cursor->heap_count = 0; /* all before the first lost call is whole */
            return false;
        }
        if (!explain_gap(cursor, event->stamp, error)) {
            return false;
        }
    }
    cursor->stamp = event->stamp;
    cursor->time = (event->time > cursor->time) ? event->time : cursor->time;
    event->time = cursor->time;
    switch (advance(lane, cursor->process->number, error)) {
    case STEP_EVENT:
        break;
    case STEP_END:
        cursor->heap[0] = cursor->heap[--cursor->heap_count];
        break;
    case STEP_DAMAGED:
        if (cursor->trace->partial) {
            cursor->heap_count = 0;
            error->text[0] = '\0';
            return true;
        }
        return false;
    }
    sift_down(cursor, 0);
    return true;
}

uint64_t trace_unwritten(const struct trace_cursor *cursor)
{
    return cursor->gaps;
}
