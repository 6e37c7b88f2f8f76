/* SPDX-License-Identifier: MIT-0 */
#include "game_frame.h"

#include "lamina/os.h"

void *game_frame_alloc_slow(game_frame_t *self, size_t size, size_t align)
{
    (void)self;
    (void)floor_is_request(size, align);
    return NULL;
}

lamina_status game_frame_init(game_frame_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(GAME_FRAME_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->bump.base = base;
    self->bump.cursor = base;
    self->bump.limit = base + GAME_FRAME_CAPACITY_BYTES;
    return LAMINA_OK;
}

void game_frame_destroy(game_frame_t *self)
{
    (void)lamina_os_release(self->mmap.base, GAME_FRAME_MAP_BYTES);
    self->mmap.base = NULL;
}

void game_frame_reset(game_frame_t *self)
{
    self->bump.cursor = self->bump.base;
}

size_t game_frame_release_unused(game_frame_t *self)
{
    const size_t keep = lamina_round_up(floor_used(&self->bump), lamina_os_page_size());
    const size_t unused = GAME_FRAME_MAP_BYTES - keep;
    return ((unused != 0U) && lamina_os_discard(self->mmap.base + keep, unused)) ? unused : 0U;
}

bool game_frame_resize(game_frame_t *self, void *ptr, size_t old_size, size_t new_size)
{
    return floor_resize(&self->bump, ptr, old_size, new_size, NULL, NULL);
}

void *game_frame_realloc(game_frame_t *self, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    if ((ptr != NULL) && lamina_is_pow2(align) && lamina_is_aligned(ptr, align) &&
        game_frame_resize(self, ptr, old_size, new_size)) {
        return ptr;
    }
    void *const out = game_frame_alloc(self, new_size, align);
    if ((out != NULL) && (ptr != NULL)) {
        memcpy(out, ptr, (old_size < new_size) ? old_size : new_size);
    }
    return out;
}

bool game_frame_owns(const game_frame_t *self, const void *ptr)
{
    return floor_bump_owns(&self->bump, ptr);
}

size_t game_frame_capacity(const game_frame_t *self)
{
    (void)self;
    return GAME_FRAME_CAPACITY_BYTES;
}

size_t game_frame_in_use(const game_frame_t *self)
{
    return floor_used(&self->bump);
}

bool game_frame_check(const game_frame_t *self, lamina_corruption *event)
{
    return floor_bump_is_whole(&self->bump, "game_frame", GAME_FRAME_CAPACITY_BYTES, event);
}
