/* SPDX-License-Identifier: MIT-0 */
/* 4,096 entities of 192 bytes, with a bit for each that is in use; written by hand. */
#ifndef GAME_ENTITIES_H
#define GAME_ENTITIES_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define GAME_ENTITIES_MAP_BYTES     790528U /* 512 bytes of bits, the slots, rounded up to pages */
#define GAME_ENTITIES_SLOTS_OFFSET  512U
#define GAME_ENTITIES_SLOT_BYTES    192U
#define GAME_ENTITIES_PAYLOAD_BYTES 192U
#define GAME_ENTITIES_SLOT_COUNT    4096U
#define GAME_ENTITIES_BATCH_SLOTS   21U
#define GAME_ENTITIES_BYTES_FOR(n)  (lamina_round_up(((size_t)(n) + 63U) / 64U * 8U, 16U) + (size_t)(n)*192U)

typedef struct game_entities_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved;
        unsigned char
            *live; /* 64 bits of 64 slots in a word, set while in use; the mapping begins with them */
    } slab;

    struct {
        unsigned char *base;
    } mmap;
} game_entities_t;

LAMINA_NODISCARD lamina_status game_entities_init(game_entities_t *self);
void game_entities_destroy(game_entities_t *self);

bool game_entities_refill(game_entities_t *self) LAMINA_COLD;
void game_entities_free_stray(game_entities_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void game_entities_double_free(const void *ptr) LAMINA_COLD;
LAMINA_NORETURN void game_entities_free_missized(void *ptr, size_t size) LAMINA_COLD;

/* 192 is 3 << 6. Times the inverse of 3, what is a multiple of 3 becomes its third; rotated by 6, what is a
 * multiple of 64 becomes its 64th. All else becomes a number that no slot has. */
LAMINA_INLINE size_t game_entities_index(const game_entities_t *self, const void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    return lamina_rotr(offset * (size_t)UINT64_C(0xaaaaaaaaaaaaaaab), 6U);
}

/* The word of the slot's bit. */
LAMINA_INLINE uint64_t *game_entities_word(const game_entities_t *self, size_t index)
{
    return (uint64_t *)(void *)self->slab.live + index / 64U;
}

LAMINA_NODISCARD LAMINA_INLINE void *game_entities_alloc(game_entities_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!game_entities_refill(self)) {
            return NULL;
        }
        slot = self->slab.head;
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    const size_t index = game_entities_index(self, slot);
    *game_entities_word(self, index) |= UINT64_C(1) << (index % 64U);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *game_entities_alloc_zeroed(game_entities_t *self)
{
    void *const out = game_entities_alloc(self);
    return (out != NULL) ? memset(out, 0, GAME_ENTITIES_PAYLOAD_BYTES) : NULL;
}

LAMINA_INLINE void game_entities_free(game_entities_t *self, void *ptr)
{
    const size_t index = game_entities_index(self, ptr);
    if (LAMINA_UNLIKELY(index >= self->slab.carved)) {
        game_entities_free_stray(self, ptr);
        return;
    }
    uint64_t *const word = game_entities_word(self, index);
    const uint64_t live = *word;
    if (LAMINA_UNLIKELY(((live >> (index % 64U)) & 1U) == 0U)) {
        game_entities_double_free(ptr);
    }
    *word = live & ~(UINT64_C(1) << (index % 64U));
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void game_entities_free_sized(game_entities_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > GAME_ENTITIES_PAYLOAD_BYTES)) {
        game_entities_free_missized(ptr, size);
    }
    game_entities_free(self, ptr);
}

void game_entities_reset(game_entities_t *self);
bool game_entities_owns(const game_entities_t *self, const void *ptr);
size_t game_entities_usable_size(const game_entities_t *self, const void *ptr);
size_t game_entities_capacity(const game_entities_t *self);
size_t game_entities_in_use(const game_entities_t *self);
size_t game_entities_walk(const game_entities_t *self, void (*visit)(void *context, void *ptr, size_t size),
                          void *context);
bool game_entities_check(const game_entities_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* GAME_ENTITIES_H */
