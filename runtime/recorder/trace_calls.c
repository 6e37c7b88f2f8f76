/* SPDX-License-Identifier: MIT */
#include "trace_calls.h"

#include <stdlib.h>

#define NO_SLOT UINT32_MAX

/* Address to slot: open addressing, linear probing, never more than half full. */
struct entry {
    uint64_t address; /* 0: empty */
    uint32_t slot;
};

struct block {
    uint64_t address;
    uint64_t size;
    uint32_t next_free; /* of a slot that is free */
};

/* A realloc that has begun. There are as many as threads in one, and those that never ended: their thread was ended, or
 * left a signal's handler by longjmp. */
struct pending {
    uint32_t lane;
    uint32_t slot; /* of its block; NO_SLOT where nobody saw that allocated */
    uint64_t old;
};

struct walk {
    struct entry *entries;
    size_t mask, used;
    struct block *blocks; /* by slot */
    uint32_t slots, room;
    uint32_t free_slots; /* the first of them, or NO_SLOT */
    struct pending *pending;
    size_t pending_count, pending_room;
    bool (*visit)(void *context, const struct trace_call *call);
    void *context;
    struct trace_totals *totals;
};

/* ------------------------------------------------- Address to slot -------------------------------------------------
 */

static size_t home(const struct walk *walk, uint64_t address)
{
    return (size_t)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 20U) & walk->mask;
}

static struct entry *look_up(const struct walk *walk, uint64_t address)
{
    size_t at = home(walk, address);
    while ((walk->entries[at].address != 0U) && (walk->entries[at].address != address)) {
        at = (at + 1U) & walk->mask;
    }
    return &walk->entries[at];
}

static bool grow_entries(struct walk *walk)
{
    struct entry *const old = walk->entries;
    const size_t count = (old != NULL) ? walk->mask + 1U : 0U;
    const size_t more = (count != 0U) ? count * 2U : 1024U;
    walk->entries = calloc(more, sizeof *walk->entries);
    if (walk->entries == NULL) {
        walk->entries = old;
        return false;
    }
    walk->mask = more - 1U;
    for (size_t i = 0; i < count; i++) {
        if (old[i].address != 0U) {
            *look_up(walk, old[i].address) = old[i];
        }
    }
    free(old);
    return true;
}

/* Takes an entry out and closes the gap, so that no search ends too early. */
static void remove_entry(struct walk *walk, struct entry *entry)
{
    size_t gap = (size_t)(entry - walk->entries);
    for (size_t at = (gap + 1U) & walk->mask; walk->entries[at].address != 0U; at = (at + 1U) & walk->mask) {
        const size_t from_home = (at - home(walk, walk->entries[at].address)) & walk->mask;
        if (from_home >= ((at - gap) & walk->mask)) {
            walk->entries[gap] = walk->entries[at];
            gap = at;
        }
    }
    walk->entries[gap].address = 0;
    walk->used--;
}

static bool insert(struct walk *walk, uint64_t address, uint32_t slot)
{
    if ((walk->used >= walk->mask / 2U) && !grow_entries(walk)) {
        return false;
    }
    struct entry *const entry = look_up(walk, address);
    entry->address = address;
    entry->slot = slot;
    walk->used++;
    walk->blocks[slot].address = address;
    return true;
}

/* ------------------------------------------------------ Slots ------------------------------------------------------
 */

static uint32_t take_slot(struct walk *walk)
{
    const uint32_t slot = walk->free_slots;
    if (slot != NO_SLOT) {
        walk->free_slots = walk->blocks[slot].next_free;
        return slot;
    }
    if (walk->slots == walk->room) {
        const uint32_t more = (walk->room != 0U) ? walk->room * 2U : 256U;
        struct block *const grown = (more > walk->room) ? realloc(walk->blocks, (size_t)more * sizeof *grown) : NULL;
        if (grown == NULL) {
            return NO_SLOT;
        }
        walk->blocks = grown;
        walk->room = more;
    }
    return walk->slots++;
}

static void give_slot(struct walk *walk, uint32_t slot)
{
    walk->blocks[slot].next_free = walk->free_slots;
    walk->free_slots = slot;
}

static bool push_pending(struct walk *walk, struct pending pending)
{
    if (walk->pending_count == walk->pending_room) {
        const size_t more = 2U * walk->pending_room + 16U;
        struct pending *const grown = realloc(walk->pending, more * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        walk->pending = grown;
        walk->pending_room = more;
    }
    walk->pending[walk->pending_count++] = pending;
    return true;
}

/* The slot of the block whose realloc ends now; NO_SLOT where there is none. */
static uint32_t pop_pending(struct walk *walk, const struct trace_event *event)
{
    for (size_t i = walk->pending_count; i-- > 0U;) {
        const struct pending found = walk->pending[i];
        if ((found.lane == event->lane) && (found.old == event->old)) {
            walk->pending_count--;
            memmove(&walk->pending[i], &walk->pending[i + 1U], (walk->pending_count - i) * sizeof found);
            return found.slot;
        }
    }
    return NO_SLOT;
}

/* ----------------------------------------------------- The calls ---------------------------------------------------
 */

enum outcome { GO_ON, ENDED, NO_MEMORY };

static struct trace_call call_of(const struct walk *walk, const struct trace_event *event, enum trace_effect effect)
{
    return (struct trace_call){.effect = effect,
                               .op = event->op,
                               .thread = event->thread,
                               .number = walk->totals->calls,
                               .time = event->time,
                               .size = event->size,
                               .align = event->align};
}

static enum outcome tell(const struct walk *walk, const struct trace_call *call)
{
    return walk->visit(walk->context, call) ? GO_ON : ENDED;
}

static enum outcome tell_block(const struct walk *walk, const struct trace_event *event, enum trace_effect effect,
                               uint32_t slot)
{
    struct trace_call call = call_of(walk, event, effect);
    call.slot = slot;
    call.size = (effect == TRACE_ALLOCATES) ? event->size : walk->blocks[slot].size;
    return tell(walk, &call);
}

/* Whoever was seen last at an address that is given out is gone. */
static enum outcome clear_address(struct walk *walk, const struct trace_event *event)
{
    struct entry *const entry = look_up(walk, event->address);
    if (entry->address == 0U) {
        return GO_ON;
    }
    const uint32_t slot = entry->slot;
    remove_entry(walk, entry);
    const enum outcome out = tell_block(walk, event, TRACE_REPLACES, slot);
    give_slot(walk, slot);
    return out;
}

static enum outcome allocate(struct walk *walk, const struct trace_event *event)
{
    const enum outcome cleared = clear_address(walk, event);
    if (cleared != GO_ON) {
        return cleared;
    }
    const uint32_t slot = take_slot(walk);
    if ((slot == NO_SLOT) || !insert(walk, event->address, slot)) {
        return NO_MEMORY;
    }
    walk->blocks[slot].size = event->size;
    return tell_block(walk, event, TRACE_ALLOCATES, slot);
}

static enum outcome release(struct walk *walk, const struct trace_event *event)
{
    struct entry *const entry = look_up(walk, event->old);
    if (entry->address == 0U) {
        const struct trace_call call = call_of(walk, event, TRACE_STRANGE);
        return tell(walk, &call);
    }
    const uint32_t slot = entry->slot;
    remove_entry(walk, entry);
    const enum outcome out = tell_block(walk, event, TRACE_FREES, slot);
    give_slot(walk, slot);
    return out;
}

/* The old address may be given to another thread from here on; the block keeps its slot. */
static enum outcome begin_realloc(struct walk *walk, const struct trace_event *event)
{
    struct entry *const entry = look_up(walk, event->old);
    struct pending pending = {event->lane, NO_SLOT, event->old};
    if (entry->address != 0U) {
        pending.slot = entry->slot;
        remove_entry(walk, entry);
    }
    return push_pending(walk, pending) ? GO_ON : NO_MEMORY;
}

/* The block at the old address, which it still has, or has again. */
static enum outcome fail(struct walk *walk, const struct trace_event *event)
{
    const uint32_t slot = (event->old != 0U) ? pop_pending(walk, event) : NO_SLOT;
    if ((slot != NO_SLOT) && (look_up(walk, event->old)->address == 0U) && !insert(walk, event->old, slot)) {
        return NO_MEMORY;
    }
    const struct trace_call call = call_of(walk, event, TRACE_FAILS);
    return tell(walk, &call);
}

/* Of a block that the process wasn't seen to allocate. */
static enum outcome end_strange(struct walk *walk, const struct trace_event *event)
{
    const struct trace_call call = call_of(walk, event, TRACE_STRANGE);
    const enum outcome told = tell(walk, &call);
    return ((told == GO_ON) && (event->address != 0U)) ? allocate(walk, event) : told;
}

static enum outcome end_realloc(struct walk *walk, const struct trace_event *event)
{
    if (event->old == 0U) {
        return allocate(walk, event);
    }
    const uint32_t slot = pop_pending(walk, event);
    if (slot == NO_SLOT) {
        return end_strange(walk, event);
    }
    if (event->address == 0U) {
        const enum outcome told = tell_block(walk, event, TRACE_FREES, slot);
        give_slot(walk, slot);
        return told;
    }
    const enum outcome cleared = clear_address(walk, event);
    if (cleared != GO_ON) {
        return cleared;
    }
    if (!insert(walk, event->address, slot)) {
        return NO_MEMORY;
    }
    struct trace_call call = call_of(walk, event, TRACE_RESIZES);
    call.slot = slot;
    call.old_size = walk->blocks[slot].size;
    call.moved = event->address != event->old;
    walk->blocks[slot].size = event->size;
    return tell(walk, &call);
}

static enum outcome take(struct walk *walk, const struct trace_event *event)
{
    if (event->begins) {
        return begin_realloc(walk, event);
    }
    walk->totals->calls++;
    if (event->failed) {
        return fail(walk, event);
    }
    if (trace_is_realloc(event->op)) {
        return end_realloc(walk, event);
    }
    if (event->op != TRACE_FREE) {
        return allocate(walk, event);
    }
    if (event->old != 0U) {
        return release(walk, event);
    }
    const struct trace_call call = call_of(walk, event, TRACE_NOTHING);
    return tell(walk, &call);
}

bool trace_visit(const struct trace *trace, uint32_t process,
                 bool (*visit)(void *context, const struct trace_call *call), void *context,
                 struct trace_totals *totals, struct trace_error *error)
{
    struct walk walk = {.free_slots = NO_SLOT, .visit = visit, .context = context, .totals = totals};
    *totals = (struct trace_totals){0};
    error->text[0] = '\0';
    struct trace_cursor *const cursor = trace_cursor_open(trace, process, error);
    if (cursor == NULL) {
        return false;
    }
    enum outcome outcome = grow_entries(&walk) ? GO_ON : NO_MEMORY;
    struct trace_event event;
    while ((outcome == GO_ON) && trace_next(cursor, &event, error)) {
        outcome = take(&walk, &event);
        totals->last_time = event.time;
    }
    totals->unwritten = trace_unwritten(cursor);
    totals->slots = walk.slots;
    trace_cursor_close(cursor);
    free(walk.entries);
    free(walk.blocks);
    free(walk.pending);
    if (outcome == NO_MEMORY) {
        return trace_fail(error, "there is not enough memory to read it");
    }
    return (outcome == GO_ON) && (error->text[0] == '\0');
}
