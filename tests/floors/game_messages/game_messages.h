/* SPDX-License-Identifier: MIT-0 */
/* 4,096 messages of 16 bytes: one thread allocates, any thread frees; written by hand. */
#ifndef GAME_MESSAGES_H
#define GAME_MESSAGES_H

#include "lamina/core.h"
#include "lamina/report.h"
#include "lamina/thread.h"

LAMINA_EXTERN_C_BEGIN

#define GAME_MESSAGES_MAP_BYTES     65536U
#define GAME_MESSAGES_SLOT_BYTES    16U
#define GAME_MESSAGES_SLOT_SHIFT    4U
#define GAME_MESSAGES_PAYLOAD_BYTES 16U
#define GAME_MESSAGES_SLOT_COUNT    4096U
#define GAME_MESSAGES_BATCH_SLOTS   256U
#define GAME_MESSAGES_BYTES_FOR(n)  ((size_t)(n)*16U)

typedef struct game_messages_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved; /* written by the owner, read by all */
    } slab;

    struct {
        unsigned char *base;
    } mmap;

    struct {
        uintptr_t thread; /* who called init */
        /* The others' frees, linked through their first word: in a cache line of its own, as others write it.
         */
        LAMINA_ALIGNED(64) void *remote;
    } owner;
} game_messages_t;

LAMINA_NODISCARD lamina_status game_messages_init(game_messages_t *self);
void game_messages_destroy(game_messages_t *self);

bool game_messages_refill(game_messages_t *self) LAMINA_COLD;
void game_messages_free_remote(game_messages_t *self, void *ptr);
void game_messages_free_stray(game_messages_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void game_messages_free_missized(void *ptr, size_t size) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *game_messages_alloc(game_messages_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!game_messages_refill(self)) {
            return NULL;
        }
        slot = self->slab.head;
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *game_messages_alloc_zeroed(game_messages_t *self)
{
    void *const out = game_messages_alloc(self);
    return (out != NULL) ? memset(out, 0, GAME_MESSAGES_PAYLOAD_BYTES) : NULL;
}

LAMINA_INLINE void game_messages_free_here(game_messages_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, GAME_MESSAGES_SLOT_SHIFT) >= self->slab.carved)) {
        game_messages_free_stray(self, ptr);
        return;
    }
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void game_messages_free(game_messages_t *self, void *ptr)
{
    if (LAMINA_LIKELY(lamina_thread_id() == self->owner.thread)) {
        game_messages_free_here(self, ptr);
    } else {
        game_messages_free_remote(self, ptr);
    }
}

LAMINA_INLINE void game_messages_free_sized(game_messages_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > GAME_MESSAGES_PAYLOAD_BYTES)) {
        game_messages_free_missized(ptr, size);
    }
    game_messages_free(self, ptr);
}

void game_messages_reset(game_messages_t *self);
bool game_messages_owns(game_messages_t *self, const void *ptr);
size_t game_messages_usable_size(game_messages_t *self, const void *ptr);
size_t game_messages_capacity(game_messages_t *self);
size_t game_messages_in_use(game_messages_t *self);
bool game_messages_check(game_messages_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* GAME_MESSAGES_H */
