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
    uint64_t stamp;
    uint64_t event_number; /* in its block, from 1, for messages */
    struct trace_event event;
    bool at_stamp; /* the next thing in it is a stamp, not an event */
    bool open;     /* the block was never closed: a zero ends it */
};

enum step { STEP_EVENT, STEP_STAMP, STEP_END, STEP_DAMAGED };

static void begin_block(struct lane *lane, const struct trace_block *block)
{
    memset(&lane->coder, 0, sizeof lane->coder);
    lane->stamp = block->header.stamp;
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
    if ((first & TRACE_SAME) != 0U) {
        *address = trace_unrotated(lane->coder.address);
        return ((first & TRACE_RECENT) == 0U) && (*address != 0U);
    }
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

/* Stamps grow: a lane is written by one thread at a time. */
static bool get_stamp(struct lane *lane)
{
    uint64_t difference;
    if (!get(lane, &difference) || (difference == 0U) || (lane->stamp + difference < difference)) {
        return false;
    }
    lane->stamp += difference;
    return true;
}

static bool decode_failed(struct lane *lane, unsigned first)
{
    struct trace_event *const event = &lane->event;
    unsigned op;
    if (!get_byte(lane, &op) || (op < TRACE_MALLOC) || (op > TRACE_PVALLOC) || (op == TRACE_FREE)) {
        return false;
    }
    event->op = (enum trace_op)op;
    event->failed = true;
    if ((trace_is_aligned_form(op) && !get_align(lane, &event->align)) || !get(lane, &event->size)) {
        return false;
    }
    if (!trace_is_realloc(op)) {
        return (first & ~TRACE_OP_MASK) == 0U;
    }
    return ((first & TRACE_FRESH) != 0U) ? (first & (TRACE_RECENT | TRACE_SAME)) == 0U
                                         : get_address(lane, first, &event->old);
}

static bool decode_realloc(struct lane *lane, unsigned first)
{
    struct trace_event *const event = &lane->event;
    const bool fresh = (first & TRACE_FRESH) != 0U;
    const bool gone = (first & TRACE_GONE) != 0U;
    if (!get(lane, &event->size)) {
        return false;
    }
    if (fresh && gone) { /* it stays */
        const bool found = get_address(lane, first, &event->old);
        event->address = event->old;
        return found;
    }
    if (fresh) {
        return get_address(lane, first, &event->address);
    }
    return get_address(lane, first, &event->old) && (gone || get_difference(lane, &event->address));
}

/* What is behind the first byte. */
static bool decode_call(struct lane *lane, unsigned first)
{
    struct trace_event *const event = &lane->event;
    const unsigned op = first & TRACE_OP_MASK;
    const unsigned foreign = (op == TRACE_FREE)     ? TRACE_FRESH
                             : trace_is_realloc(op) ? 0U
                             : (op == TRACE_FAILED) ? TRACE_GONE
                                                    : TRACE_FRESH | TRACE_GONE;
    if ((first & foreign) != 0U) {
        return false;
    }
    event->op = (enum trace_op)op;
    switch (op) {
    case TRACE_FAILED:
        return decode_failed(lane, first);
    case TRACE_REALLOC:
    case TRACE_REALLOCARRAY:
        return decode_realloc(lane, first);
    case TRACE_FREE:
        return ((first & TRACE_GONE) != 0U) ? (first & (TRACE_RECENT | TRACE_SAME)) == 0U
                                            : get_address(lane, first, &event->old);
    case TRACE_LEAVES:
        event->op = TRACE_REALLOC; /* or reallocarray, which its end tells */
        event->begins = true;
        return get_address(lane, first, &event->old);
    default:
        return (!trace_is_aligned_form(op) || get_align(lane, &event->align)) && get(lane, &event->size) &&
               get_address(lane, first, &event->address);
    }
}

/* Takes in a change of time, thread or stamp. */
static bool decode_change(struct lane *lane, unsigned first)
{
    uint64_t number;
    if ((first & ~TRACE_OP_MASK) != 0U) {
        return false;
    }
    if (first == TRACE_STAMP) {
        return get_stamp(lane);
    }
    if (!get(lane, &number) || ((first == TRACE_THREAD) && (number > UINT32_MAX))) {
        return false;
    }
    lane->time += (first == TRACE_TIME) ? number : 0U;
    lane->thread = (first == TRACE_THREAD) ? (uint32_t)number : lane->thread;
    return true;
}

/* One event of the block, or one stamp; STEP_END at the block's end. */
static enum step decode(struct lane *lane)
{
    while ((lane->at != lane->end) && !(lane->open && (*lane->at == 0U))) {
        const unsigned first = *lane->at++;
        const unsigned op = first & TRACE_OP_MASK;
        lane->event_number++;
        if ((op == TRACE_TIME) || (op == TRACE_THREAD) || (op == TRACE_STAMP)) {
            if (!decode_change(lane, first)) {
                return STEP_DAMAGED;
            }
            if (op == TRACE_STAMP) {
                return STEP_STAMP;
            }
            continue;
        }
        lane->event = (struct trace_event){
            .thread = lane->thread, .lane = lane->number, .time = lane->time, .stamp = lane->stamp};
        return ((op != 0U) && decode_call(lane, first)) ? STEP_EVENT : STEP_DAMAGED;
    }
    return STEP_END;
}

static bool is_of(const struct trace_block *block, uint32_t process, uint32_t lane)
{
    return (block->header.kind == TRACE_EVENTS) && (block->header.process == process) && (block->header.lane == lane);
}

/* The lane's next event or stamp, over the ends of blocks. */
static enum step advance(struct lane *lane, uint32_t process, struct trace_error *error)
{
    const uint64_t before = lane->stamp;
    for (;;) {
        const enum step step = decode(lane);
        if ((step == STEP_DAMAGED) || (lane->stamp < before)) {
            (void)trace_fail(error, "it is damaged: event %llu of block %zu, at byte %llu, is none",
                             (unsigned long long)lane->event_number, lane->block + 1U,
                             (unsigned long long)lane->trace->blocks[lane->block].offset);
            return STEP_DAMAGED;
        }
        lane->at_stamp = step == STEP_STAMP;
        if (step != STEP_END) {
            return step;
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
    while (((step = decode(lane)) == STEP_EVENT) || (step == STEP_STAMP)) {
        *events += ((step == STEP_EVENT) && !lane->event.begins) ? 1U : 0U;
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
    struct lane **heap; /* those with something left, the lowest stamp first */
    size_t lane_count, heap_count;
    uint64_t stamp; /* the last one: all calls that come with earlier ones were told */
    const struct lane *holder; /* whose it is */
    uint64_t time;
    uint64_t gaps; /* stamps that no event has */
    uint32_t threads;
    bool ended;
};

static void sift_down(struct trace_cursor *cursor, size_t at)
{
    struct lane **const heap = cursor->heap;
    for (;;) {
        size_t least = at;
        for (size_t child = 2U * at + 1U; (child <= 2U * at + 2U) && (child < cursor->heap_count); child++) {
            least = (heap[child]->stamp < heap[least]->stamp) ? child : least;
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
    bool fine = find_lanes(cursor, error);
    if (fine) {
        cursor->heap = calloc((cursor->lane_count != 0U) ? cursor->lane_count : 1U, sizeof *cursor->heap);
        fine = (cursor->heap != NULL) || trace_fail(error, "there is not enough memory to read it");
    }
    for (size_t i = 0; fine && (i < cursor->lane_count); i++) {
        const enum step step = advance(&cursor->lanes[i], process, error);
        fine = step != STEP_DAMAGED;
        if (fine && (step != STEP_END)) {
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

/* Whether stamps between the last one and this one may be missing. A thread that is ended in the middle of a call leaves
 * one that it took and couldn't write any more; a process of one thread that ended by itself was in no call. What is
 * missing beyond that was lost, and calls with it. */
static bool explain_gap(struct trace_cursor *cursor, uint64_t stamp, struct trace_error *error)
{
    const bool alone = (cursor->process->record.ended != 0U) && (cursor->lane_count == 1U) && (cursor->threads == 1U);
    const uint64_t most = alone ? 0U : 2U * ((uint64_t)cursor->threads + cursor->lane_count);
    cursor->gaps += stamp - cursor->stamp - 1U;
    if (cursor->gaps <= most) {
        return true;
    }
    return trace_fail(error, "it is damaged: calls of process %u between stamp %llu and stamp %llu are missing",
                      cursor->process->number, (unsigned long long)cursor->stamp, (unsigned long long)stamp);
}

/* Whether the calls of a process are told no further than to the first stamp that isn't there: where the file's end is
 * missing, or lanes were read at different times, while the process ran, all before it is whole. */
static bool ends_at_gap(const struct trace_cursor *cursor)
{
    return cursor->trace->partial || (cursor->process->record.ended == TRACE_STILL_RAN) ||
           (cursor->trace->header.state == TRACE_OPEN);
}

/* The stamp that the first lane of the heap is at. False: there is nothing to be told behind it. */
static bool take_stamp(struct trace_cursor *cursor, struct trace_error *error)
{
    const uint64_t stamp = cursor->heap[0]->stamp;
    if (stamp <= cursor->stamp) {
        return trace_fail(error, "it is damaged: two lanes of process %u have the stamp %llu", cursor->process->number,
                          (unsigned long long)stamp);
    }
    if (stamp > cursor->process->record.stamp) {
        cursor->heap_count = 0; /* given out after the file was looked at */
        return false;
    }
    if (stamp != cursor->stamp + 1U) {
        if (ends_at_gap(cursor)) {
            cursor->heap_count = 0;
            return false;
        }
        if (!explain_gap(cursor, stamp, error)) {
            return false;
        }
    }
    cursor->stamp = stamp;
    cursor->holder = cursor->heap[0];
    return true;
}

/* Goes on to what follows in the first lane of the heap. */
static bool go_on(struct trace_cursor *cursor, struct trace_error *error)
{
    switch (advance(cursor->heap[0], cursor->process->number, error)) {
    case STEP_EVENT:
    case STEP_STAMP:
        break;
    case STEP_END:
        cursor->heap[0] = cursor->heap[--cursor->heap_count];
        break;
    case STEP_DAMAGED:
        if (!cursor->trace->partial) {
            return false;
        }
        cursor->heap_count = 0;
        error->text[0] = '\0';
        return true;
    }
    sift_down(cursor, 0);
    return true;
}

/* At the end no stamp may be missing behind the last one either. */
static bool finish_cursor(struct trace_cursor *cursor, struct trace_error *error)
{
    const uint64_t last = cursor->process->record.stamp;
    if (!cursor->ended && (last > cursor->stamp) && !ends_at_gap(cursor)) {
        cursor->ended = true;
        (void)explain_gap(cursor, last + 1U, error);
    }
    return false;
}

bool trace_next(struct trace_cursor *cursor, struct trace_event *event, struct trace_error *error)
{
    error->text[0] = '\0';
    while (cursor->heap_count != 0U) {
        const struct lane *const lane = cursor->heap[0];
        if (lane->at_stamp) {
            if (!take_stamp(cursor, error) || !go_on(cursor, error)) {
                return false;
            }
            continue;
        }
        *event = lane->event;
        if (lane != cursor->holder) {
            return trace_fail(error, "it is damaged: calls of lane %u of process %u have no stamp of their own",
                              lane->number, cursor->process->number);
        }
        cursor->threads = (event->thread > cursor->threads) ? event->thread : cursor->threads;
        cursor->time = (event->time > cursor->time) ? event->time : cursor->time;
        event->time = cursor->time;
        return go_on(cursor, error);
    }
    return finish_cursor(cursor, error);
}

uint64_t trace_unwritten(const struct trace_cursor *cursor)
{
    return cursor->gaps;
}
