/* SPDX-License-Identifier: MIT-0 */
/* 1,024 tokens of 64 bytes; a freed one rests for 16 frees, use is counted and watched; written by hand. */
#ifndef AUTH_SERVICE_H
#define AUTH_SERVICE_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define AUTH_SERVICE_MAP_BYTES        65536U
#define AUTH_SERVICE_SLOT_BYTES       64U
#define AUTH_SERVICE_SLOT_SHIFT       6U
#define AUTH_SERVICE_PAYLOAD_BYTES    64U
#define AUTH_SERVICE_SLOT_COUNT       1024U
#define AUTH_SERVICE_BATCH_SLOTS      64U
#define AUTH_SERVICE_QUARANTINE_SLOTS 16U
#define AUTH_SERVICE_WATERMARK_LEVELS 2U
#define AUTH_SERVICE_BYTES_FOR(n)     ((size_t)(n)*64U)

typedef void (*auth_service_watermark_handler)(void *context, size_t level, size_t use, bool rising);

typedef struct auth_service_stats_t {
    size_t allocs;
    size_t failures;
    size_t frees;
    size_t live;
    size_t peak;
    size_t bytes;
    size_t peak_bytes;
} auth_service_stats_t;

typedef struct auth_service_t {
    struct {
        unsigned char
            *head; /* the free slot to hand out next, NULL if all that were cut are resting or in use */
        unsigned char *base;
        size_t carved;
    } slab;

    struct {
        unsigned char *base;
    } mmap;

    struct {
        unsigned char *held[AUTH_SERVICE_QUARANTINE_SLOTS]; /* NULL: empty */
        size_t next;                                        /* the oldest, which leaves next */
    } quarantine;

    /* One count of what is in use serves both the watermark and the statistics: frees are allocs - live. */
    struct {
        size_t live;
        size_t allocs;
        size_t failures;
        size_t peak;
        size_t upper; /* as many in use reach the next level; SIZE_MAX above the last */
        size_t lower; /* fewer in use are below the level reached; 0 below the first */
        size_t level;
        auth_service_watermark_handler handler;
        void *context;
    } use;
} auth_service_t;

LAMINA_NODISCARD lamina_status auth_service_init(auth_service_t *self);
void auth_service_destroy(auth_service_t *self);

bool auth_service_refill(auth_service_t *self) LAMINA_COLD;
void auth_service_level_changed(auth_service_t *self) LAMINA_COLD;
void auth_service_free_stray(auth_service_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void auth_service_written_at_rest(const unsigned char *slot) LAMINA_COLD;
LAMINA_NORETURN void auth_service_free_missized(void *ptr, size_t size) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *auth_service_alloc(auth_service_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!auth_service_refill(self)) {
            self->use.failures++;
            return NULL;
        }
        slot = self->slab.head;
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    const size_t live = ++self->use.live;
    if (LAMINA_UNLIKELY(
            live >=
            self->use.upper)) { /* first: were it last, gcc 12 would hold the caller's loop for cold */
        auth_service_level_changed(self);
    }
    self->use.allocs++;
    if (live > self->use.peak) {
        self->use.peak = live;
    }
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *auth_service_alloc_zeroed(auth_service_t *self)
{
    void *const out = auth_service_alloc(self);
    return (out != NULL) ? memset(out, 0, AUTH_SERVICE_PAYLOAD_BYTES) : NULL;
}

LAMINA_INLINE void auth_service_free(auth_service_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, AUTH_SERVICE_SLOT_SHIFT) >= self->slab.carved)) {
        auth_service_free_stray(self, ptr);
        return;
    }
    if (LAMINA_UNLIKELY(--self->use.live < self->use.lower)) {
        auth_service_level_changed(self);
    }
    /* Its own address is written into a block that rests: nobody else has a reason to write that there. */
    lamina_store_ptr(ptr, ptr);
    const size_t place = self->quarantine.next;
    unsigned char *const leaves = self->quarantine.held[place];
    self->quarantine.held[place] = (unsigned char *)ptr;
    self->quarantine.next = (place + 1U) % AUTH_SERVICE_QUARANTINE_SLOTS;
    if (LAMINA_LIKELY(leaves != NULL)) {
        if (LAMINA_UNLIKELY(lamina_load_ptr(leaves) != leaves)) {
            auth_service_written_at_rest(leaves);
        }
        lamina_store_ptr(leaves, self->slab.head);
        self->slab.head = leaves;
    }
}

LAMINA_INLINE void auth_service_free_sized(auth_service_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > AUTH_SERVICE_PAYLOAD_BYTES)) {
        auth_service_free_missized(ptr, size);
    }
    auth_service_free(self, ptr);
}

void auth_service_reset(auth_service_t *self);
bool auth_service_owns(const auth_service_t *self, const void *ptr);
size_t auth_service_usable_size(const auth_service_t *self, const void *ptr);
size_t auth_service_capacity(const auth_service_t *self);
size_t auth_service_in_use(const auth_service_t *self);
auth_service_stats_t auth_service_stats(const auth_service_t *self);
void auth_service_set_watermark_handler(auth_service_t *self, auth_service_watermark_handler handler,
                                        void *context);
bool auth_service_check(const auth_service_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* AUTH_SERVICE_H */
