/* SPDX-License-Identifier: MIT */
#include "trace_summary.h"

#include <stdlib.h>

#define MOST_THREADS (1U << 20U) /* a number beyond is damage, not a thread */

struct block {
    uint64_t born_call, born_time;
    uint32_t thread;
    uint32_t exact; /* index of its size in `exact` */
};

struct maker {
    struct summary *summary;
    struct block *blocks; /* by slot */
    size_t block_room;
    size_t thread_room, exact_room;
    uint32_t *places; /* of sizes in `exact`, plus 1; open addressing */
    size_t mask;
    uint64_t span; /* nanoseconds of the whole process, at least 1 */
    size_t point;
    bool no_memory, too_many_threads;
};

static unsigned class_of(uint64_t value)
{
    return (value <= 1U) ? 0U : 64U - (unsigned)__builtin_clzll(value - 1U);
}

/* ------------------------------------------------------ Tables -----------------------------------------------------
 */

static void *grown(struct maker *maker, void *array, size_t *room, size_t need, size_t entry)
{
    if (need <= *room) {
        return array;
    }
    const size_t more = 2U * need + 64U;
    unsigned char *const out = realloc(array, more * entry);
    if (out == NULL) {
        maker->no_memory = true;
        return array;
    }
    memset(out + *room * entry, 0, (more - *room) * entry);
    *room = more;
    return out;
}

static size_t place_of(const struct maker *maker, uint64_t size)
{
    size_t at = (size_t)((size * UINT64_C(0x9E3779B97F4A7C15)) >> 24U) & maker->mask;
    while ((maker->places[at] != 0U) && (maker->summary->exact[maker->places[at] - 1U].size != size)) {
        at = (at + 1U) & maker->mask;
    }
    return at;
}

static void grow_places(struct maker *maker)
{
    const size_t more = (maker->places != NULL) ? 2U * (maker->mask + 1U) : 1024U;
    uint32_t *const places = calloc(more, sizeof *places);
    if (places == NULL) {
        maker->no_memory = true;
        return;
    }
    free(maker->places);
    maker->places = places;
    maker->mask = more - 1U;
    for (size_t i = 0; i < maker->summary->exact_count; i++) {
        maker->places[place_of(maker, maker->summary->exact[i].size)] = (uint32_t)(i + 1U);
    }
}

/* The entry of a size. */
static uint32_t exact_of(struct maker *maker, uint64_t size)
{
    struct summary *const summary = maker->summary;
    if ((maker->places == NULL) || (summary->exact_count >= maker->mask / 2U)) {
        grow_places(maker);
    }
    summary->exact = grown(maker, summary->exact, &maker->exact_room, summary->exact_count + 1U,
                           sizeof *summary->exact);
    if (maker->no_memory) {
        return 0;
    }
    const size_t at = place_of(maker, size);
    if (maker->places[at] == 0U) {
        summary->exact[summary->exact_count].size = size;
        maker->places[at] = (uint32_t)++summary->exact_count;
    }
    return maker->places[at] - 1U;
}

static struct summary_thread *thread_of(struct maker *maker, uint32_t thread)
{
    struct summary *const summary = maker->summary;
    if ((thread == 0U) || (thread > MOST_THREADS)) {
        maker->too_many_threads = true;
        return NULL;
    }
    summary->threads = grown(maker, summary->threads, &maker->thread_room, thread, sizeof *summary->threads);
    if (maker->no_memory) {
        return NULL;
    }
    summary->thread_count = (thread > summary->thread_count) ? thread : summary->thread_count;
    return &summary->threads[thread - 1U];
}

/* ------------------------------------------------- Blocks come and go ----------------------------------------------
 */

static void count_in(struct maker *maker, struct block *block, uint64_t size)
{
    struct summary *const summary = maker->summary;
    block->exact = exact_of(maker, size);
    if (maker->no_memory) {
        return;
    }
    struct summary_size *const exact = &summary->exact[block->exact];
    struct summary_class *const sizes = &summary->sizes[class_of(size)];
    exact->allocs++;
    exact->live++;
    exact->peak = (exact->live > exact->peak) ? exact->live : exact->peak;
    sizes->allocs++;
    sizes->bytes += size;
    sizes->live++;
    sizes->peak = (sizes->live > sizes->peak) ? sizes->live : sizes->peak;
    summary->bytes += size;
    summary->live_bytes += size;
    summary->live_objects++;
}

static void count_out(struct maker *maker, const struct block *block, uint64_t size)
{
    struct summary *const summary = maker->summary;
    summary->exact[block->exact].live--;
    summary->sizes[class_of(size)].live--;
    summary->live_bytes -= size;
    summary->live_objects--;
}

static void note_peak(struct maker *maker, const struct trace_call *call)
{
    struct summary *const summary = maker->summary;
    struct summary_point *const point = &summary->points[maker->point];
    if (summary->live_bytes > summary->peak_bytes) {
        summary->peak_bytes = summary->live_bytes;
        summary->peak_objects = summary->live_objects;
        summary->peak_call = call->number;
        summary->peak_time = call->time;
    }
    summary->most_objects = (summary->live_objects > summary->most_objects) ? summary->live_objects
                                                                            : summary->most_objects;
    point->most_bytes = (summary->live_bytes > point->most_bytes) ? summary->live_bytes : point->most_bytes;
}

static void add_alloc(struct maker *maker, struct summary_thread *thread, const struct trace_call *call)
{
    struct block *const block = &maker->blocks[call->slot];
    *block = (struct block){.born_call = call->number, .born_time = call->time, .thread = call->thread};
    maker->summary->allocs++;
    thread->allocs++;
    thread->bytes += call->size;
    maker->summary->points[maker->point].allocs++;
    if (call->align != 0U) {
        maker->summary->aligned[class_of(call->align)]++;
    }
    count_in(maker, block, call->size);
    note_peak(maker, call);
}

/* A block that an unseen free took lived nobody knows how long. */
static void add_end(struct maker *maker, const struct trace_call *call)
{
    const struct block *const block = &maker->blocks[call->slot];
    if (call->effect == TRACE_FREES) {
        maker->summary->lives_calls[class_of(call->number - block->born_call)]++;
        maker->summary->lives_time[class_of(call->time - block->born_time)]++;
    }
    count_out(maker, block, call->size);
}

static void add_free(struct maker *maker, struct summary_thread *thread, const struct trace_call *call)
{
    maker->summary->frees++;
    thread->frees++;
    thread->foreign_frees += (maker->blocks[call->slot].thread != call->thread) ? 1U : 0U;
    maker->summary->points[maker->point].frees++;
    add_end(maker, call);
}

static void add_resize(struct maker *maker, struct summary_thread *thread, const struct trace_call *call)
{
    struct summary *const summary = maker->summary;
    struct block *const block = &maker->blocks[call->slot];
    summary->resizes++;
    summary->grown += (call->size > call->old_size) ? 1U : 0U;
    summary->shrunk += (call->size < call->old_size) ? 1U : 0U;
    summary->moved += call->moved ? 1U : 0U;
    summary->points[maker->point].resizes++;
    thread->bytes += call->size;
    count_out(maker, block, call->old_size);
    count_in(maker, block, call->size);
    note_peak(maker, call);
}

/* -------------------------------------------------------- Time -----------------------------------------------------
 */

/* Goes on to the interval of this time; what lives is carried over those between. */
static void go_to(struct maker *maker, uint64_t time)
{
    struct summary *const summary = maker->summary;
    const uint64_t since = (time > summary->first_time) ? time - summary->first_time : 0U;
    const double part = (double)since / (double)maker->span;
    const size_t wanted = (size_t)(part * (double)SUMMARY_POINTS);
    const size_t last = (wanted < SUMMARY_POINTS) ? wanted : SUMMARY_POINTS - 1U;
    summary->points[maker->point].bytes = summary->live_bytes;
    summary->points[maker->point].objects = summary->live_objects;
    while (maker->point < last) {
        struct summary_point *const point = &summary->points[++maker->point];
        point->bytes = point->most_bytes = summary->live_bytes;
        point->objects = summary->live_objects;
    }
}

static bool take(void *context, const struct trace_call *call)
{
    struct maker *const maker = context;
    struct summary *const summary = maker->summary;
    maker->blocks = grown(maker, maker->blocks, &maker->block_room, (size_t)call->slot + 1U, sizeof *maker->blocks);
    struct summary_thread *const thread = thread_of(maker, call->thread);
    if (maker->no_memory || (thread == NULL)) {
        return false;
    }
    go_to(maker, call->time);
    switch (call->effect) {
    case TRACE_ALLOCATES:
        add_alloc(maker, thread, call);
        break;
    case TRACE_FREES:
        add_free(maker, thread, call);
        break;
    case TRACE_RESIZES:
        add_resize(maker, thread, call);
        break;
    case TRACE_REPLACES:
        summary->replaced++;
        add_end(maker, call);
        return !maker->no_memory; /* no call of its own */
    case TRACE_NOTHING:
        summary->nothing++;
        break;
    case TRACE_FAILS:
        summary->failed++;
        break;
    case TRACE_STRANGE:
    default:
        summary->strange++;
        if (call->op != TRACE_FREE) {
            return true; /* its allocation follows, and is the call */
        }
        break;
    }
    summary->by_op[call->op]++;
    thread->calls++;
    return !maker->no_memory;
}

static bool nothing(void *context, const struct trace_call *call)
{
    struct summary *const summary = context;
    if (call->number == 1U) {
        summary->first_time = call->time;
    }
    return true;
}

static int by_requests(const void *a, const void *b)
{
    const struct summary_size *const left = a;
    const struct summary_size *const right = b;
    if (left->allocs != right->allocs) {
        return (left->allocs < right->allocs) ? 1 : -1;
    }
    return (left->size > right->size) - (left->size < right->size);
}

bool summary_make(struct summary *summary, const struct trace *trace, uint32_t process, struct trace_error *error)
{
    memset(summary, 0, sizeof *summary);
    /* Once for how long it took, once for what happened when. */
    if (!trace_visit(trace, process, nothing, summary, &summary->totals, error)) {
        return false;
    }
    struct maker maker = {.summary = summary, .span = summary->totals.last_time - summary->first_time + 1U};
    bool done = trace_visit(trace, process, take, &maker, &summary->totals, error);
    if (maker.no_memory) {
        done = trace_fail(error, "there is not enough memory to read it");
    } else if (maker.too_many_threads) {
        done = trace_fail(error, "it is damaged: a thread has a number that can't be");
    }
    if (done) {
        go_to(&maker, summary->totals.last_time);
        if (summary->exact_count != 0U) {
            qsort(summary->exact, summary->exact_count, sizeof *summary->exact, by_requests);
        }
    }
    free(maker.blocks);
    free(maker.places);
    if (!done) {
        summary_free(summary);
    }
    return done;
}

void summary_free(struct summary *summary)
{
    free(summary->threads);
    free(summary->exact);
    summary->threads = NULL;
    summary->exact = NULL;
}
