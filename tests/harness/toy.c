/* The toy allocators of toy.h. `broken(self, FAULT)` marks each place where a switch can break something. */
#include "toy.h"

#include <signal.h>
#include <string.h>

#include "lamina/block.h"
#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/thread.h"

toy_fault toy_fault_now = TOY_CORRECT;
toy_fault toy_twin_fault_now = TOY_CORRECT;

static size_t smaller(size_t a, size_t b)
{
    return (a < b) ? a : b;
}
static size_t larger(size_t a, size_t b)
{
    return (a > b) ? a : b;
}

/* ---------------------------------------------------- counters --------------------------------------------------- */

static void count_alloc(lamina_subject_stats *stats, size_t bytes, bool forget_peak)
{
    stats->allocs++;
    stats->live++;
    stats->bytes += bytes;
    if (!forget_peak) {
        stats->peak = larger(stats->peak, stats->live);
        stats->peak_bytes = larger(stats->peak_bytes, stats->bytes);
    }
}

static void count_free(lamina_subject_stats *stats, size_t bytes)
{
    stats->frees++;
    stats->live--;
    stats->bytes -= bytes;
}

static void count_reset(lamina_subject_stats *stats)
{
    stats->frees += stats->live;
    stats->live = 0;
    stats->bytes = 0;
}

/* ------------------------------------------------------ slab ----------------------------------------------------- */

enum { CANARY = 0xC5, CANARY_BYTES = 8 };
enum { FRESH, LIVE, FREE, HELD };

/* [ payload 48 ][ canary 8 ][ unused 8 ]; a free slot: [ link 8 ][ poison 40 ]. States lie apart, out of reach. */
typedef struct toy_slab {
    unsigned char *base;
    size_t bytes;
    size_t count;
    size_t fresh; /* slots below this have been handed out at least once */
    size_t committed;
    unsigned char *free_list;
    size_t in_use;
    unsigned char *state;
    unsigned char own_state[TOY_CAPACITY + 1];
    void *held[TOY_QUARANTINE];
    size_t held_count;
    size_t frees;
    lamina_subject_stats stats;
    lamina_corruption_handler handler;
    void *context;
    lamina_mutex_t lock;
    uintptr_t owner;
    void *remote;
    toy_fault fault;
    unsigned flags;
    bool mapped, quarantine, with_lock, with_owner;
} toy_slab;

static bool broken(const toy_slab *self, toy_fault fault)
{
    return self->fault == fault;
}

static size_t slab_shared_in_use; /* for TOY_STATE_SHARED */

static void enter(toy_slab *self)
{
    if (self->with_lock && !broken(self, TOY_LOCK_FORGOTTEN)) {
        lamina_mutex_lock(&self->lock);
    }
}

static void leave(toy_slab *self)
{
    if (self->with_lock && !broken(self, TOY_LOCK_FORGOTTEN)) {
        lamina_mutex_unlock(&self->lock);
    }
}

static const char *slab_name(const toy_slab *self)
{
    return broken(self, TOY_REPORT_WRONG_STACK) ? "slab" : "toy_slab";
}

static lamina_corruption finding(const toy_slab *self, const char *layer, const char *what, const void *address)
{
    const lamina_corruption out = {slab_name(self), layer, what, address, 0, 0, 0};
    return out;
}

static void report(toy_slab *self, lamina_corruption event)
{
    if (broken(self, TOY_REPORT_WRONG_ADDRESS)) {
        event.address = self;
    }
    if (self->handler != NULL) {
        self->handler(self->context, &event);
    } else {
        lamina_corruption_abort(&event);
    }
}

static size_t stride(const toy_slab *self)
{
    return broken(self, TOY_OVERLAPPING_SLOTS) ? TOY_SLOT - 32U : TOY_SLOT;
}

static size_t limit(const toy_slab *self)
{
    size_t out = self->count;
    out += broken(self, TOY_ONE_TOO_MANY) ? 1U : 0U;
    out -= broken(self, TOY_ONE_TOO_FEW) ? 1U : 0U;
    return out;
}

/* Where the slots begin: one slot into the reservation, so that there is something below them that isn't ours. */
static unsigned char *slot_at(const toy_slab *self, size_t index)
{
    return self->base + index * stride(self) + (broken(self, TOY_MISALIGNED_SLOTS) ? 8U : 0U);
}

static size_t index_of(const toy_slab *self, const void *ptr)
{
    return (size_t)((uintptr_t)ptr - (uintptr_t)slot_at(self, 0)) / stride(self);
}

static bool poison_holds(const toy_slab *self, const unsigned char *slot, size_t *at)
{
    (void)self;
    for (*at = TOY_LINK; *at < TOY_PAYLOAD; ++*at) {
        if (slot[*at] != TOY_POISON) {
            return false;
        }
    }
    return true;
}

static bool canary_holds(const unsigned char *slot)
{
    for (size_t i = 0; i < CANARY_BYTES; i++) {
        if (slot[TOY_PAYLOAD + i] != CANARY) {
            return false;
        }
    }
    return true;
}

static void slab_empty(toy_slab *self)
{
    self->fresh = 0;
    self->free_list = NULL;
    self->in_use = 0;
    self->held_count = 0;
    memset(self->state, FRESH, self->count + 1U);
}

static void slab_begin(toy_slab *self, toy_fault fault)
{
    if (fault != TOY_INIT_TRUSTS_ZEROS) {
        memset(self, 0, sizeof *self);
    } else {
        const size_t frees = self->frees;
        memset(self, 0, sizeof *self);
        self->frees = frees;
        self->stats.failures = frees;
    }
    self->fault = fault;
    self->owner = lamina_thread_id();
    lamina_mutex_init(&self->lock);
}

static lamina_status slab_map(toy_slab *self, toy_fault fault)
{
    static const uint16_t node = 0;
    slab_begin(self, fault);
    self->mapped = true;
    self->count = TOY_CAPACITY;
    self->state = self->own_state;
    self->bytes = lamina_round_up((self->count + 1U) * TOY_SLOT, TOY_STEP);
    self->base = lamina_os_reserve(self->bytes);
    if (self->base == NULL) {
        return LAMINA_ERR_OS;
    }
    if (!lamina_numa_apply(self->base, self->bytes, LAMINA_NUMA_BIND, &node, 1) &&
        !broken(self, TOY_BIND_FAILURE_IGNORED)) {
        if (!broken(self, TOY_LEAK_ON_FAILED_INIT)) {
            (void)lamina_os_release(self->base, self->bytes);
        }
        return LAMINA_ERR_OS;
    }
    if (broken(self, TOY_COMMIT_EAGER) && lamina_os_commit(self->base, self->bytes)) {
        self->committed = self->bytes;
    }
    unsigned char *const kept = self->free_list;
    slab_empty(self);
    if (broken(self, TOY_DESTROY_LEAVES_LIST)) {
        self->free_list = kept;
    }
    return LAMINA_OK;
}

static lamina_status slab_init(void *handle)
{
    return slab_map(handle, toy_fault_now);
}
static lamina_status slab_twin_init(void *handle)
{
    return slab_map(handle, toy_twin_fault_now);
}

static lamina_status slab_init_quarantine(void *handle)
{
    const lamina_status status = slab_map(handle, toy_fault_now);
    ((toy_slab *)handle)->quarantine = true;
    return status;
}

static lamina_status slab_init_lock(void *handle)
{
    const lamina_status status = slab_map(handle, toy_fault_now);
    ((toy_slab *)handle)->with_lock = true;
    return status;
}

static lamina_status slab_init_owner(void *handle)
{
    const lamina_status status = slab_map(handle, toy_fault_now);
    ((toy_slab *)handle)->with_owner = true;
    return status;
}

/* n slots, and a state byte for each behind them. */
static size_t slab_bytes_for(size_t objects)
{
    return objects * TOY_SLOT + objects + 1U;
}

static lamina_status slab_init_with(void *handle, void *buffer, size_t bytes)
{
    toy_slab *const self = handle;
    const bool one_less = toy_fault_now == TOY_BUMP_BYTE_LESS_ACCEPTED;
    const size_t enough = bytes + (one_less ? 1U : 0U);
    if (buffer == NULL) {
        return LAMINA_ERR_ARGUMENT;
    }
    if (!lamina_is_aligned(buffer, 16) && (toy_fault_now != TOY_BUMP_MISALIGNED_ACCEPTED)) {
        return LAMINA_ERR_MISALIGNED;
    }
    if (enough < slab_bytes_for(1)) {
        return LAMINA_ERR_TOO_SMALL;
    }
    slab_begin(self, toy_fault_now);
    self->base = buffer;
    self->count = (enough - 1U) / (TOY_SLOT + 1U);
    self->bytes = self->count * TOY_SLOT;
    self->committed = self->bytes;
    self->state = self->base + self->bytes;
    slab_empty(self);
    return LAMINA_OK;
}

static void slab_destroy(void *handle)
{
    toy_slab *const self = handle;
    if (self->mapped && !broken(self, TOY_LEAK_ON_DESTROY)) {
        (void)lamina_os_release(self->base, self->bytes);
    }
}

static bool slab_commit_for(toy_slab *self, const unsigned char *end)
{
    const size_t needed = (size_t)(end - self->base);
    bool out = true;
    if (self->mapped && (needed > self->committed)) {
        const size_t upto = smaller(lamina_round_up(needed, TOY_STEP), self->bytes);
        out = broken(self, TOY_COMMIT_SKIPPED) ||
              lamina_os_commit(self->base + self->committed, upto - self->committed);
        if (!out && broken(self, TOY_ERROR_LOST)) {
            lamina_set_last_os_error(0);
        }
        if (!out && broken(self, TOY_WATERMARK_MOVES_ON_FAILURE)) {
            self->fresh++;
        }
        out = out || broken(self, TOY_COMMIT_FAILURE_IGNORED);
        if (out) {
            self->committed = upto;
        }
    }
    return out;
}

static void slab_push(toy_slab *self, unsigned char *slot)
{
    self->state[index_of(self, slot)] = FREE;
    if (broken(self, TOY_NOT_LIFO) && (self->free_list != NULL)) {
        lamina_store_ptr(slot, lamina_load_ptr(self->free_list));
        lamina_store_ptr(self->free_list, slot);
    } else {
        lamina_store_ptr(slot, self->free_list);
        self->free_list = slot;
    }
}

static void slab_poison(toy_slab *self, unsigned char *slot)
{
    if (!broken(self, TOY_POISON_NOT_WRITTEN)) {
        memset(slot + TOY_LINK, TOY_POISON, TOY_PAYLOAD - TOY_LINK);
    }
    if (broken(self, TOY_POISON_TOO_LONG) && (index_of(self, slot) + 1U < self->fresh)) {
        slot[TOY_SLOT] = TOY_POISON; /* the next slot's first byte */
    }
}

static bool slab_verify(toy_slab *self, unsigned char *slot)
{
    size_t at = 0;
    if (broken(self, TOY_POISON_UNVERIFIED) || poison_holds(self, slot, &at)) {
        return true;
    }
    lamina_corruption event = finding(self, "poison", "poison overwritten", slot);
    event.offset = (ptrdiff_t)at;
    event.expected = TOY_POISON;
    event.found = slot[at];
    report(self, event);
    return false;
}

/* The rest of a good free, by the owner. */
static void slab_take_back(toy_slab *self, unsigned char *slot)
{
    self->frees++;
    count_free(&self->stats, TOY_PAYLOAD);
    self->in_use -= broken(self, TOY_FREE_FORGETS_IN_USE) && (self->frees % 16U == 0U) ? 0U : 1U;
    slab_shared_in_use--;
    slab_poison(self, slot);
    if (broken(self, TOY_FREE_LOSES_SOME) && (self->frees % 7U == 0U)) {
        self->state[index_of(self, slot)] = FREE;
        return;
    }
    if (self->quarantine) {
        const size_t length = broken(self, TOY_QUARANTINE_TOO_SHORT) ? TOY_QUARANTINE - 1U : TOY_QUARANTINE;
        self->state[index_of(self, slot)] = HELD;
        if (self->held_count == length) {
            unsigned char *const oldest = self->held[0];
            memmove(&self->held[0], &self->held[1], (length - 1U) * sizeof self->held[0]);
            self->held_count--;
            if (slab_verify(self, oldest) && !broken(self, TOY_QUARANTINE_LEAKS)) {
                slab_push(self, oldest);
            }
        }
        self->held[self->held_count++] = slot;
    } else {
        slab_push(self, slot);
    }
}

static void slab_drain(toy_slab *self)
{
    unsigned char *slot = lamina_atomic_exchange_ptr_acquire(&self->remote, NULL);
    while (slot != NULL) {
        unsigned char *const next = lamina_load_ptr(slot);
        slab_take_back(self, slot);
        slot = next;
    }
}

static void *slab_alloc_inside(toy_slab *self)
{
    unsigned char *out = NULL;
    if (self->with_owner) {
        slab_drain(self);
    }
    while (broken(self, TOY_HANGS) && (self->in_use == 3U)) {
        lamina_spin_hint();
    }
    while ((out == NULL) && (self->free_list != NULL)) {
        out = self->free_list;
        if (broken(self, TOY_LOCK_FORGOTTEN) && (self->stats.allocs % 64U == 0U)) {
            lamina_thread_yield(); /* so that two threads meet here on any machine */
        }
        self->free_list = lamina_load_ptr(out);
        if (!slab_verify(self, out)) {
            out = NULL; /* damaged: out of use for good */
        }
    }
    if ((out == NULL) && (self->fresh < limit(self)) &&
        (slab_commit_for(self,
                         slot_at(self, self->fresh) + TOY_SLOT - (broken(self, TOY_COMMIT_LATE) ? TOY_SLOT : 0U)))) {
        out = slot_at(self, self->fresh++);
        memset(out + TOY_PAYLOAD, CANARY, CANARY_BYTES);
    }
    if (out != NULL) {
        self->in_use++;
        slab_shared_in_use++;
        count_alloc(&self->stats, TOY_PAYLOAD, broken(self, TOY_PEAK_FORGOTTEN));
        self->state[index_of(self, out)] = LIVE;
        if (!broken(self, TOY_CANARY_NOT_WRITTEN_ON_REUSE)) {
            memset(out + TOY_PAYLOAD, CANARY, CANARY_BYTES);
        } else if (self->frees != 0U) {
            out[TOY_PAYLOAD] = 0;
        }
    } else {
        self->stats.failures += broken(self, TOY_FAILURES_NOT_COUNTED) ? 0U : 1U;
        self->in_use += broken(self, TOY_REFUSAL_COUNTS_AS_USE) ? 1U : 0U;
    }
    return out;
}

static void *slab_alloc(void *handle, size_t size, size_t align)
{
    (void)size;
    (void)align;
    enter(handle);
    void *const out = slab_alloc_inside(handle);
    leave(handle);
    return out;
}

static void *slab_alloc_zeroed(void *handle, size_t size, size_t align)
{
    void *const out = slab_alloc(handle, size, align);
    if ((out != NULL) && !broken(handle, TOY_ZEROING_FORGOTTEN)) {
        memset(out, 0, TOY_PAYLOAD);
    }
    return out;
}

/* Whether the pointer is one of ours, by range and alignment. */
static const char *slab_refusal(const toy_slab *self, const void *ptr)
{
    const uintptr_t offset = (uintptr_t)ptr - (uintptr_t)slot_at(self, 0);
    const size_t end = (self->count + (broken(self, TOY_END_IS_INSIDE) ? 1U : 0U)) * stride(self);
    if ((offset >= end) && !broken(self, TOY_RANGE_UNCHECKED)) {
        return "foreign pointer";
    }
    if ((offset % stride(self) != 0U) && !broken(self, TOY_ALIGNMENT_UNCHECKED)) {
        return "misaligned pointer";
    }
    return NULL;
}

static void slab_free_inside(toy_slab *self, void *ptr)
{
    const char *const refusal = slab_refusal(self, ptr);
    if (refusal != NULL) {
        report(self, finding(self, "slab", refusal, ptr));
        return;
    }
    const size_t index = index_of(self, ptr);
    if ((index >= self->count)) {
        return; /* unchecked by a switch: at least don't touch what isn't ours */
    }
    ptr = slot_at(self, index);
    if (broken(self, TOY_CRASHES_RARELY) && (index % 8U == 3U) && (self->state[index - 2U] == FREE) &&
        (self->state[index - 1U] == LIVE)) {
        (void)raise(SIGSEGV);
    }
    if ((self->state[index] != LIVE) && !broken(self, TOY_DOUBLE_FREE_UNNOTICED)) {
        report(self, finding(self, "slab", "double free", ptr));
        if (!broken(self, TOY_HANDLER_THEN_FREED_ANYWAY)) {
            return;
        }
    }
    if (!canary_holds(ptr) && !broken(self, TOY_CANARY_UNCHECKED_ON_FREE)) {
        report(self, finding(self, "canary", "canary overwritten", ptr));
        self->state[index] = HELD;
        self->in_use--;
        count_free(&self->stats, TOY_PAYLOAD);
        return;
    }
    slab_take_back(self, ptr);
}

/* By a thread that isn't the owner: the block is its to give back if it can turn the state from live. */
static bool slab_claim(toy_slab *self, void *ptr)
{
    unsigned char live = LIVE;
    const char *refusal = slab_refusal(self, ptr);
    if ((refusal == NULL) && !__atomic_compare_exchange_n(&self->state[index_of(self, ptr)], &live, (unsigned char)HELD,
                                                          false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        refusal = "double free";
    }
    if (refusal != NULL) {
        report(self, finding(self, "owner", refusal, ptr));
    }
    return refusal == NULL;
}

static void slab_free(void *handle, void *ptr)
{
    toy_slab *const self = handle;
    if (ptr == NULL) {
        if (broken(self, TOY_FREE_NULL_REPORTED)) {
            report(self, finding(self, "slab", "foreign pointer", ptr));
        }
    } else if (self->with_owner && (lamina_thread_id() != self->owner)) {
        static size_t lost; /* for TOY_REMOTE_FREE_LOST; counted by whoever, exactness doesn't matter */
        if (broken(self, TOY_REMOTE_FREE_LOST) && (lamina_atomic_fetch_add_size_relaxed(&lost, 1) % 50U == 0U)) {
            return;
        }
        if (!broken(self, TOY_REMOTE_FREE_UNCHECKED) && !slab_claim(self, ptr)) {
            return;
        }
        void *head = lamina_atomic_load_ptr_relaxed(&self->remote);
        do {
            lamina_store_ptr(ptr, head);
        } while (!lamina_atomic_cas_ptr_weak_release(&self->remote, &head, ptr));
        while (broken(self, TOY_REMOTE_FREE_WAITS) && (lamina_atomic_load_ptr_acquire(&self->remote) != NULL)) {
            lamina_thread_yield();
        }
    } else {
        enter(self);
        if (self->with_owner) {
            slab_drain(self);
        }
        slab_free_inside(self, ptr);
        leave(self);
    }
}

static void slab_free_sized(void *handle, void *ptr, size_t size)
{
    (void)size;
    slab_free(handle, ptr);
}

static void slab_reset(void *handle)
{
    toy_slab *const self = handle;
    const size_t in_use = self->in_use;
    unsigned char *const list = self->free_list;
    slab_empty(self);
    count_reset(&self->stats);
    if (broken(self, TOY_RESET_INCOMPLETE) && (in_use != 0U)) {
        self->free_list = list; /* slots that are fresh again are on the list, too */
    }
}

static bool slab_owns(const void *handle, const void *ptr)
{
    const toy_slab *const self = handle;
    const uintptr_t offset = (uintptr_t)ptr - (uintptr_t)self->base;
    const size_t last = (self->count - 1U) * TOY_SLOT;
    if (broken(self, TOY_OWNS_NOT_LAST) && (offset >= last)) {
        return false;
    }
    return offset < self->bytes + (broken(self, TOY_OWNS_END) ? 1U : 0U);
}

static size_t slab_usable_size(const void *handle, const void *ptr)
{
    (void)ptr;
    return TOY_PAYLOAD + (broken(handle, TOY_USABLE_TOO_LARGE) ? 8U : 0U);
}

static size_t slab_capacity(const void *handle)
{
    return ((const toy_slab *)handle)->count;
}

static size_t slab_in_use(const void *handle)
{
    const toy_slab *const self = handle;
    return broken(self, TOY_STATE_SHARED) ? slab_shared_in_use : self->in_use;
}

static size_t slab_release_unused(void *handle)
{
    toy_slab *const self = handle;
    size_t out = 0;
    if (self->with_owner) {
        slab_drain(self);
    }
    const bool empty = (self->in_use == 0U) || (broken(self, TOY_RELEASE_TAKES_LIVE) && (self->in_use == 1U));
    if (empty && (self->committed != 0U)) {
        slab_empty(self); /* first: a decommit that is refused may have taken the contents all the same */
        if (lamina_os_decommit(self->base, self->committed)) {
            out = self->committed;
            self->committed = 0;
            if (broken(self, TOY_RELEASE_LOSES_OBJECTS)) {
                self->count--;
            }
        }
    }
    return out;
}

static void slab_stats(const void *handle, lamina_subject_stats *out)
{
    *out = ((const toy_slab *)handle)->stats;
}

static bool slab_check(void *handle, lamina_corruption *first)
{
    toy_slab *const self = handle;
    size_t listed = 0;
    size_t live = 0;
    size_t at = 0;
    if (self->with_owner) {
        slab_drain(self);
    }
    for (unsigned char *slot = self->free_list; slot != NULL; slot = lamina_load_ptr(slot)) {
        if ((slab_refusal(self, slot) != NULL) || (self->state[index_of(self, slot)] != FREE) ||
            (++listed > self->count)) {
            *first = finding(self, "slab", "freelist link overwritten", slot);
            return false;
        }
    }
    for (size_t i = 0; i < smaller(self->fresh, self->count); i++) {
        unsigned char *const slot = slot_at(self, i);
        if (self->state[i] == LIVE) {
            live++;
            if (!canary_holds(slot) && !broken(self, TOY_CANARY_UNCHECKED_BY_CHECK)) {
                *first = finding(self, "canary", "canary overwritten", slot);
                return false;
            }
        } else if (!broken(self, TOY_POISON_UNVERIFIED) && !poison_holds(self, slot, &at)) {
            *first = finding(self, "poison", "poison overwritten", slot);
            return false;
        }
    }
    (void)live;
    return true;
}

static size_t slab_walk(void *handle, void (*visit)(void *context, void *ptr, size_t size), void *context)
{
    toy_slab *const self = handle;
    size_t count = 0;
    if (self->with_owner) {
        slab_drain(self);
    }
    const size_t end = smaller(self->fresh, self->count) -
                       (broken(self, TOY_WALK_MISSES_ONE) && self->fresh != 0U ? 1U : 0U);
    for (size_t i = 0; i < end; i++) {
        if ((self->state[i] == LIVE) || (broken(self, TOY_WALK_VISITS_FREE) && (self->state[i] == FREE))) {
            visit(context, slot_at(self, i), TOY_PAYLOAD);
            count++;
        }
    }
    return count;
}

static void slab_set_handler(void *handle, lamina_corruption_handler handler, void *context)
{
    toy_slab *const self = handle;
    self->handler = handler;
    self->context = context;
}

static lamina_subject_memory slab_memory(const void *handle)
{
    const toy_slab *const self = handle;
    const lamina_subject_memory out = {self->base, self->bytes, self->committed};
    return out;
}

#define SLAB_DETECTS                                                                                                   \
    (LAMINA_SUBJECT_DETECTS_DOUBLE_FREE | LAMINA_SUBJECT_DETECTS_FOREIGN | LAMINA_SUBJECT_VERIFIES_POISON |            \
     LAMINA_SUBJECT_CANARY)

#define SLAB_OPERATIONS                                                                                                \
    .stack = "toy_slab", .handle_bytes = sizeof(toy_slab), .handle_align = _Alignof(toy_slab), .payload = TOY_PAYLOAD, \
    .align = 16, .destroy = slab_destroy, .alloc = slab_alloc, .alloc_zeroed = slab_alloc_zeroed, .free = slab_free,   \
    .free_sized = slab_free_sized, .owns = slab_owns, .usable_size = slab_usable_size, .capacity_now = slab_capacity,  \
    .in_use = slab_in_use, .stats = slab_stats, .check = slab_check, .walk = slab_walk, .memory = slab_memory

const lamina_subject toy_slab_flat_subject = {
    SLAB_OPERATIONS,
    .form = "flat",
    .capacity = TOY_CAPACITY,
    .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO,
    .init = slab_init,
    .reset = slab_reset,
    .release_unused = slab_release_unused,
};

const lamina_subject toy_slab_generic_subject = {
    SLAB_OPERATIONS,
    .form = "generic",
    .capacity = TOY_CAPACITY,
    .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO,
    .init = slab_twin_init,
    .reset = slab_reset,
    .release_unused = slab_release_unused,
};

const lamina_subject toy_callback_flat_subject = {
    SLAB_OPERATIONS,
    .form = "flat",
    .capacity = TOY_CAPACITY,
    .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_CALLBACK,
    .init = slab_init,
    .reset = slab_reset,
    .set_corruption_handler = slab_set_handler,
};

const lamina_subject toy_quarantine_flat_subject = {
    SLAB_OPERATIONS,          .form = "flat",
    .capacity = TOY_CAPACITY, .held = TOY_QUARANTINE,
    .flags = SLAB_DETECTS,    .init = slab_init_quarantine,
    .reset = slab_reset,      .release_unused = slab_release_unused,
};

const lamina_subject toy_buffer_flat_subject = {
    SLAB_OPERATIONS,
    .form = "flat",
    .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_CALLER_BUFFER,
    .init_with = slab_init_with,
    .bytes_for = slab_bytes_for,
    .reset = slab_reset,
};

const lamina_subject toy_shared_flat_subject = {
    SLAB_OPERATIONS,          .form = "flat",
    .capacity = TOY_CAPACITY, .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_THREADS_ANY,
    .init = slab_init_lock,
};

const lamina_subject toy_remote_flat_subject = {
    SLAB_OPERATIONS,          .form = "flat",
    .capacity = TOY_CAPACITY, .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_THREADS_FREE,
    .init = slab_init_owner,
};

static void *fallback_alloc(void *handle, size_t size, size_t align)
{
    toy_slab *const self = handle;
    void *out = slab_alloc(handle, size, align);
    if ((out == NULL) && !broken(self, TOY_FALLBACK_MISSING)) {
        out = lamina_os_heap_alloc(TOY_PAYLOAD, 16);
    }
    return out;
}

static void fallback_free(void *handle, void *ptr)
{
    if ((ptr == NULL) || slab_owns(handle, ptr)) {
        slab_free(handle, ptr);
    } else if (!broken(handle, TOY_FALLBACK_LEAKS)) {
        lamina_os_heap_free(ptr);
    }
}

const lamina_subject toy_fallback_flat_subject = {
    .stack = "toy_slab",
    .form = "flat",
    .handle_bytes = sizeof(toy_slab),
    .handle_align = _Alignof(toy_slab),
    .payload = TOY_PAYLOAD,
    .align = 16,
    .flags = SLAB_DETECTS | LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_UNBOUNDED,
    .init = slab_init,
    .destroy = slab_destroy,
    .alloc = fallback_alloc,
    .free = fallback_free,
    .owns = slab_owns,
    .check = slab_check,
    .memory = slab_memory,
};

/* ------------------------------------------------------ bump ----------------------------------------------------- */

enum { BUMP_BYTES = 4096, GRANULE = 8 };

typedef struct toy_bump {
    unsigned char *base;
    size_t cursor;
    lamina_subject_stats stats;
    toy_fault fault;
} toy_bump;

static bool bump_broken(const toy_bump *self, toy_fault fault)
{
    return self->fault == fault;
}

static size_t bump_bytes_for(size_t bytes)
{
    return lamina_round_up(bytes, GRANULE);
}

static lamina_status bump_start(toy_bump *self, void *buffer, size_t bytes, toy_fault fault)
{
    const size_t enough = bytes + ((fault == TOY_BUMP_BYTE_LESS_ACCEPTED) ? 1U : 0U);
    if (buffer == NULL) {
        return LAMINA_ERR_ARGUMENT;
    }
    if (!lamina_is_aligned(buffer, 16) && (fault != TOY_BUMP_MISALIGNED_ACCEPTED)) {
        return LAMINA_ERR_MISALIGNED;
    }
    if (enough < BUMP_BYTES) {
        return LAMINA_ERR_TOO_SMALL;
    }
    memset(self, 0, sizeof *self);
    self->fault = fault;
    self->base = buffer;
    return LAMINA_OK;
}

static lamina_status bump_init_with(void *handle, void *buffer, size_t bytes)
{
    return bump_start(handle, buffer, bytes, toy_fault_now);
}

static lamina_status bump_twin_init_with(void *handle, void *buffer, size_t bytes)
{
    return bump_start(handle, buffer, bytes, toy_twin_fault_now);
}

static void bump_destroy(void *handle)
{
    (void)handle;
}

static void *bump_alloc(void *handle, size_t size, size_t align)
{
    toy_bump *const self = handle;
    const bool any_align = bump_broken(self, TOY_BUMP_ANY_ALIGNMENT);
    const size_t granule = bump_broken(self, TOY_BUMP_GRANULE_DROPPED) ? 1U : GRANULE;
    const size_t total = BUMP_BYTES + (bump_broken(self, TOY_BUMP_ONE_TOO_MANY) ? 1U : 0U);
    void *out = NULL;
    if (((size != 0U) || bump_broken(self, TOY_BUMP_ZERO_SIZE)) &&
        (lamina_is_pow2(align) || (any_align && (align != 0U)))) {
        const size_t wanted = larger(align, granule);
        const uintptr_t at = bump_broken(self, TOY_BUMP_OFFSET_ALIGNED) ? self->cursor
                                                                        : (uintptr_t)self->base + self->cursor;
        const size_t start = self->cursor + (size_t)((wanted - at % wanted) % wanted);
        const bool wraps = bump_broken(self, TOY_BUMP_SIZE_WRAPS);
        if (wraps ? (start + size <= total) : ((start <= total) && (size <= total - start))) {
            out = self->base + start;
            self->cursor = start + size;
            if (bump_broken(self, TOY_BUMP_WRITES_BEYOND)) {
                self->base[self->cursor] = 0;
            }
            if (bump_broken(self, TOY_BUMP_WASTES) && (self->stats.allocs % 8U == 7U)) {
                self->cursor = smaller(self->cursor + GRANULE, BUMP_BYTES);
            }
        } else if (bump_broken(self, TOY_BUMP_REFUSAL_MOVES_CURSOR) && (start <= total)) {
            self->cursor = start;
        }
    }
    if (out != NULL) {
        count_alloc(&self->stats, size, false);
    } else {
        self->stats.failures++;
    }
    return out;
}

static void *bump_alloc_zeroed(void *handle, size_t size, size_t align)
{
    void *const out = bump_alloc(handle, size, align);
    if ((out != NULL) && !bump_broken(handle, TOY_BUMP_ZEROING_FORGOTTEN)) {
        memset(out, 0, bump_broken(handle, TOY_BUMP_SIZE_WRAPS) ? 1U : size);
    }
    return out;
}

static bool bump_resize(void *handle, void *ptr, size_t old_size, size_t new_size)
{
    toy_bump *const self = handle;
    const size_t start = (size_t)((unsigned char *)ptr - self->base);
    const bool last = (start + old_size == self->cursor) || bump_broken(self, TOY_BUMP_RESIZES_ANY);
    const bool over_end = bump_broken(self, TOY_BUMP_RESIZES_OVER_END) && (new_size < BUMP_BYTES + GRANULE);
    const bool out = (last || (new_size <= old_size)) && ((new_size <= BUMP_BYTES - start) || over_end);
    if (out && (start + old_size == self->cursor) && !bump_broken(self, TOY_BUMP_RESIZE_KEEPS_CURSOR)) {
        self->cursor = start + new_size;
    }
    return out;
}

static void *bump_realloc(void *handle, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    toy_bump *const self = handle;
    if (lamina_is_aligned(ptr, align) && bump_resize(handle, ptr, old_size, new_size)) {
        return ptr;
    }
    void *const out = bump_alloc(handle, new_size, align);
    if ((out != NULL) && !bump_broken(self, TOY_BUMP_REALLOC_FORGETS)) {
        memcpy(out, ptr, smaller(old_size, new_size));
    }
    if ((out == NULL) && bump_broken(self, TOY_BUMP_REALLOC_KEEPS_NOTHING_ON_FAILURE)) {
        memset(ptr, 0, old_size);
    }
    return out;
}

static void bump_reset(void *handle)
{
    toy_bump *const self = handle;
    count_reset(&self->stats);
    if (!bump_broken(self, TOY_BUMP_RESET_IGNORED)) {
        self->cursor = 0;
    }
}

static size_t bump_mark(void *handle)
{
    return ((toy_bump *)handle)->cursor;
}

static bool bump_rewind(void *handle, size_t mark)
{
    toy_bump *const self = handle;
    const bool out = (mark <= self->cursor) || (bump_broken(self, TOY_BUMP_REWINDS_UP) && (mark <= BUMP_BYTES));
    if (out && !bump_broken(self, TOY_BUMP_REWIND_IGNORED)) {
        self->cursor = mark;
        self->stats.live = (mark == 0U) ? 0U : self->stats.live;
        self->stats.bytes = (mark == 0U) ? 0U : self->stats.bytes;
    }
    return out;
}

static bool bump_owns(const void *handle, const void *ptr)
{
    return (uintptr_t)ptr - (uintptr_t)((const toy_bump *)handle)->base < BUMP_BYTES;
}

static size_t bump_capacity(const void *handle)
{
    (void)handle;
    return BUMP_BYTES;
}

static size_t bump_in_use(const void *handle)
{
    return ((const toy_bump *)handle)->cursor;
}
static void bump_stats(const void *handle, lamina_subject_stats *out)
{
    *out = ((const toy_bump *)handle)->stats;
}

static bool bump_check(void *handle, lamina_corruption *first)
{
    const toy_bump *const self = handle;
    const bool out = self->cursor <= BUMP_BYTES;
    if (!out) {
        const lamina_corruption event = {"toy_bump", "bump", "cursor beyond the end", self->base, 0, 0, 0};
        *first = event;
    }
    return out;
}

static lamina_subject_memory bump_memory(const void *handle)
{
    const lamina_subject_memory out = {((const toy_bump *)handle)->base, BUMP_BYTES, BUMP_BYTES};
    return out;
}

#define BUMP_OPERATIONS                                                                                                \
    .stack = "toy_bump", .handle_bytes = sizeof(toy_bump), .handle_align = _Alignof(toy_bump), .align = GRANULE,       \
    .capacity = BUMP_BYTES, .min_align = GRANULE, .flags = LAMINA_SUBJECT_BUMP | LAMINA_SUBJECT_CALLER_BUFFER,         \
    .bytes_for = bump_bytes_for, .destroy = bump_destroy, .alloc = bump_alloc, .alloc_zeroed = bump_alloc_zeroed,      \
    .resize = bump_resize, .realloc = bump_realloc, .reset = bump_reset, .mark = bump_mark, .rewind = bump_rewind,     \
    .owns = bump_owns, .capacity_now = bump_capacity, .in_use = bump_in_use, .stats = bump_stats, .check = bump_check, \
    .memory = bump_memory, .buffer_align = 16

const lamina_subject toy_bump_flat_subject = {
    BUMP_OPERATIONS,
    .form = "flat",
    .init_with = bump_init_with,
};

const lamina_subject toy_bump_generic_subject = {
    BUMP_OPERATIONS,
    .form = "generic",
    .init_with = bump_twin_init_with,
};
