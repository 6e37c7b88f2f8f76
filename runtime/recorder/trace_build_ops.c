/* SPDX-License-Identifier: MIT */
#include "trace_build_ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_SLOT UINT32_MAX

struct builder {
    const struct ops_options *options;
    struct ops_header header;
    struct ops_entry *entries;
    uint64_t *numbers; /* for each entry, the call that it stands for */
    size_t room;
    uint32_t *own_slots; /* by the trace's slot; those that are left out have none */
    size_t own_room;
    uint32_t *idle; /* own slots that are free */
    size_t idle_count, idle_room;
    uint64_t live_bytes, live_objects;
    bool no_memory;
};

static bool wanted(const struct builder *builder, uint64_t size)
{
    return (size >= builder->options->least) && (size <= builder->options->most);
}

static void *grown(struct builder *builder, void *array, size_t *room, size_t need, size_t entry)
{
    if (need <= *room) {
        return array;
    }
    const size_t more = 2U * need + 64U;
    void *const out = realloc(array, more * entry);
    if (out == NULL) {
        builder->no_memory = true;
        return array;
    }
    *room = more;
    return out;
}

static void append(struct builder *builder, uint64_t number, struct ops_entry entry)
{
    const size_t at = (size_t)builder->header.entries;
    size_t same = builder->room;
    builder->entries = grown(builder, builder->entries, &same, at + 1U, sizeof *builder->entries);
    if (same != builder->room) {
        uint64_t *const numbers = realloc(builder->numbers, same * sizeof *numbers);
        builder->no_memory = builder->no_memory || (numbers == NULL);
        builder->numbers = (numbers != NULL) ? numbers : builder->numbers;
        builder->room = (numbers != NULL) ? same : builder->room;
    }
    if (!builder->no_memory) {
        builder->entries[at] = entry;
        builder->numbers[at] = number;
        builder->header.entries++;
    }
}

static void note_live(struct builder *builder, const struct trace_call *call)
{
    struct ops_header *const header = &builder->header;
    if (builder->live_bytes > header->peak_bytes) {
        header->peak_bytes = builder->live_bytes;
        header->peak_objects = builder->live_objects;
    }
    if (call->size > header->largest) {
        header->largest = call->size;
        header->largest_call = call->number;
    }
}

static uint32_t take_slot(struct builder *builder)
{
    return (builder->idle_count != 0U) ? builder->idle[--builder->idle_count] : (uint32_t)builder->header.slots++;
}

static void give_slot(struct builder *builder, uint32_t slot)
{
    builder->idle = grown(builder, builder->idle, &builder->idle_room, builder->idle_count + 1U, sizeof *builder->idle);
    if (!builder->no_memory) {
        builder->idle[builder->idle_count++] = slot;
    }
}

static uint8_t log2_of(uint64_t align)
{
    return (uint8_t)((align > 1U) ? 63 - __builtin_clzll(align) : 0);
}

static void add_alloc(struct builder *builder, const struct trace_call *call)
{
    const uint32_t slot = take_slot(builder);
    builder->own_slots[call->slot] = slot;
    builder->header.allocs++;
    builder->live_bytes += call->size;
    builder->live_objects++;
    note_live(builder, call);
    append(builder, call->number,
           (struct ops_entry){.size = call->size, .slot = slot, .kind = OPS_ALLOC, .align_log2 = log2_of(call->align)});
}

static void add_free(struct builder *builder, const struct trace_call *call, uint64_t size)
{
    const uint32_t slot = builder->own_slots[call->slot];
    builder->own_slots[call->slot] = NO_SLOT;
    builder->header.frees++;
    builder->live_bytes -= size;
    builder->live_objects--;
    append(builder, call->number, (struct ops_entry){.size = size, .slot = slot, .kind = OPS_FREE});
    give_slot(builder, slot);
}

static void add_resize(struct builder *builder, const struct trace_call *call)
{
    const uint32_t slot = builder->own_slots[call->slot];
    builder->header.resizes++;
    builder->live_bytes += call->size - call->old_size;
    note_live(builder, call);
    append(builder, call->number, (struct ops_entry){.size = call->size, .slot = slot, .kind = OPS_RESIZE});
    append(builder, call->number, (struct ops_entry){.size = call->old_size, .slot = slot, .kind = OPS_OLD});
}

/* A block may come into the wanted sizes, or leave them, by a realloc. */
static void add_change(struct builder *builder, const struct trace_call *call)
{
    const bool before = builder->own_slots[call->slot] != NO_SLOT;
    const bool after = wanted(builder, call->size);
    if (before && after) {
        add_resize(builder, call);
    } else if (before) {
        add_free(builder, call, call->old_size);
    } else if (after) {
        add_alloc(builder, call);
    }
}

static bool visit(void *context, const struct trace_call *call)
{
    struct builder *const builder = context;
    if ((call->effect != TRACE_ALLOCATES) && (call->effect != TRACE_FREES) && (call->effect != TRACE_RESIZES) &&
        (call->effect != TRACE_REPLACES)) {
        return true;
    }
    builder->own_slots = grown(builder, builder->own_slots, &builder->own_room, (size_t)call->slot + 1U,
                               sizeof *builder->own_slots);
    if (builder->no_memory) {
        return false;
    }
    if (call->effect == TRACE_ALLOCATES) {
        builder->own_slots[call->slot] = NO_SLOT;
        if (wanted(builder, call->size)) {
            add_alloc(builder, call);
        }
    } else if (call->effect == TRACE_RESIZES) {
        add_change(builder, call);
    } else if (builder->own_slots[call->slot] != NO_SLOT) {
        add_free(builder, call, call->size);
    }
    return !builder->no_memory;
}

static bool write_file(const struct builder *builder, const char *path, struct trace_error *error)
{
    const size_t count = (size_t)builder->header.entries;
    FILE *const file = fopen(path, "wb");
    if (file == NULL) {
        return trace_fail(error, "%s: %s", path, strerror(errno));
    }
    const bool written = (fwrite(&builder->header, sizeof builder->header, 1, file) == 1U) &&
                         ((count == 0U) ||
                          ((fwrite(builder->entries, sizeof *builder->entries, count, file) == count) &&
                           (fwrite(builder->numbers, sizeof *builder->numbers, count, file) == count)));
    const int reason = errno;
    if ((fclose(file) != 0) || !written) {
        return trace_fail(error, "%s: %s", path, strerror(written ? errno : reason));
    }
    return true;
}

bool ops_write(const struct trace *trace, uint32_t process, const struct ops_options *options, const char *path,
               struct ops_header *header, struct trace_totals *totals, struct trace_error *error)
{
    struct builder builder = {.options = options, .header = {.magic = OPS_MAGIC}};
    bool done = trace_visit(trace, process, visit, &builder, totals, error);
    if (builder.no_memory) {
        done = trace_fail(error, "there is not enough memory to read it");
    }
    builder.header.live_at_end = builder.live_objects;
    done = done && write_file(&builder, path, error);
    *header = builder.header;
    free(builder.entries);
    free(builder.numbers);
    free(builder.own_slots);
    free(builder.idle);
    return done;
}
