/* SPDX-License-Identifier: MIT-0 */
/* 1 MiB for what one frame allocates; written by hand. */
#ifndef GAME_FRAME_H
#define GAME_FRAME_H

#include "../bump.h"

LAMINA_EXTERN_C_BEGIN

#define GAME_FRAME_MAP_BYTES      1048576U
#define GAME_FRAME_CAPACITY_BYTES 1048576U
#define GAME_FRAME_MIN_ALIGN      16U
#define GAME_FRAME_BYTES_FOR(n)   lamina_round_up((size_t)(n), 16U)

typedef struct game_frame_t {
    floor_bump bump;

    struct {
        unsigned char *base;
    } mmap;
} game_frame_t;

LAMINA_NODISCARD lamina_status game_frame_init(game_frame_t *self);
void game_frame_destroy(game_frame_t *self);

void *game_frame_alloc_slow(game_frame_t *self, size_t size, size_t align) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *game_frame_alloc(game_frame_t *self, size_t size, size_t align)
{
    const floor_place place = floor_next(&self->bump, size, align, GAME_FRAME_CAPACITY_BYTES);
    if (!floor_fits(&self->bump, &place)) {
        return game_frame_alloc_slow(self, size, align);
    }
    self->bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

LAMINA_NODISCARD LAMINA_INLINE void *game_frame_alloc_zeroed(game_frame_t *self, size_t size, size_t align)
{
    void *const out = game_frame_alloc(self, size, align);
    return (out != NULL) ? memset(out, 0, size) : NULL;
}

LAMINA_INLINE size_t game_frame_mark(const game_frame_t *self)
{
    return floor_used(&self->bump);
}

LAMINA_INLINE bool game_frame_rewind(game_frame_t *self, size_t mark)
{
    return floor_rewind(&self->bump, mark);
}

void game_frame_reset(game_frame_t *self);
bool game_frame_resize(game_frame_t *self, void *ptr, size_t old_size, size_t new_size);
LAMINA_NODISCARD void *game_frame_realloc(game_frame_t *self, void *ptr, size_t old_size, size_t new_size,
                                          size_t align);
bool game_frame_owns(const game_frame_t *self, const void *ptr);
size_t game_frame_capacity(const game_frame_t *self);
size_t game_frame_in_use(const game_frame_t *self);
size_t game_frame_release_unused(game_frame_t *self);
bool game_frame_check(const game_frame_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* GAME_FRAME_H */
