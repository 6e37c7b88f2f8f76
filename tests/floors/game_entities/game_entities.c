/* SPDX-License-Identifier: MIT-0 */
#include "game_entities.h"

#include "../cold.h"
#include "lamina/os.h"

static floor_slab cold_view(const game_entities_t *self)
{
    const floor_slab out = {"game_entities", self->slab.base, self->slab.carved, GAME_ENTITIES_SLOT_COUNT,
                            GAME_ENTITIES_SLOT_BYTES};
    return out;
}

static bool is_live(const game_entities_t *self, size_t index)
{
    return ((*game_entities_word(self, index) >> (index % 64U)) & 1U) != 0U;
}

bool game_entities_refill(game_entities_t *self)
{
    const size_t left = GAME_ENTITIES_SLOT_COUNT - self->slab.carved;
    const size_t batch = (left < GAME_ENTITIES_BATCH_SLOTS) ? left : GAME_ENTITIES_BATCH_SLOTS;
    if (left == 0U) {
        return false;
    }
    self->slab.head = floor_link(self->slab.base + self->slab.carved * GAME_ENTITIES_SLOT_BYTES, batch,
                                 GAME_ENTITIES_SLOT_BYTES, NULL);
    self->slab.carved += batch;
    return true;
}

void game_entities_free_stray(game_entities_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr != NULL) {
        floor_report_stray(&slab, ptr);
    }
}

void game_entities_double_free(const void *ptr)
{
    floor_report("game_entities", "slab", "double free", ptr, 1, 0);
}

void game_entities_free_missized(void *ptr, size_t size)
{
    floor_report_size("game_entities", ptr, GAME_ENTITIES_PAYLOAD_BYTES, size);
}

lamina_status game_entities_init(game_entities_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(GAME_ENTITIES_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->slab.live = base;
    self->slab.base = base + GAME_ENTITIES_SLOTS_OFFSET;
    self->slab.head = NULL;
    self->slab.carved = 0;
    return LAMINA_OK;
}

void game_entities_destroy(game_entities_t *self)
{
    (void)lamina_os_release(self->mmap.base, GAME_ENTITIES_MAP_BYTES);
    self->mmap.base = NULL;
}

void game_entities_reset(game_entities_t *self)
{
    memset(self->slab.live, 0, GAME_ENTITIES_SLOTS_OFFSET);
    self->slab.head = NULL;
    self->slab.carved = 0;
}

bool game_entities_owns(const game_entities_t *self, const void *ptr)
{
    return game_entities_index(self, ptr) < self->slab.carved;
}

size_t game_entities_usable_size(const game_entities_t *self, const void *ptr)
{
    return game_entities_owns(self, ptr) ? GAME_ENTITIES_PAYLOAD_BYTES : 0U;
}

size_t game_entities_capacity(const game_entities_t *self)
{
    (void)self;
    return GAME_ENTITIES_SLOT_COUNT;
}

size_t game_entities_in_use(const game_entities_t *self)
{
    size_t out = 0;
    for (size_t index = 0; index < self->slab.carved; index += 64U) {
        out += lamina_popcount64(*game_entities_word(self, index));
    }
    return out;
}

bool game_entities_check(const game_entities_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t accounted;
    if (!floor_carved_is_sane(&slab, event) ||
        !floor_list_is_whole(&slab, self->slab.head, &accounted, event)) {
        return false;
    }
    for (const unsigned char *slot = self->slab.head; slot != NULL;
         slot = (const unsigned char *)lamina_load_ptr(slot)) {
        if (is_live(self, game_entities_index(self, slot))) {
            *event = floor_event("game_entities", "slab", "slot is free and in use", slot, 0, 1);
            return false;
        }
    }
    for (size_t index = 0; index < self->slab.carved; index++) {
        accounted += is_live(self, index) ? 1U : 0U;
    }
    if (accounted != self->slab.carved) {
        *event = floor_event("game_entities", "slab", "slots are neither free nor in use", self->slab.base,
                             self->slab.carved, accounted);
        return false;
    }
    return true;
}

size_t game_entities_walk(const game_entities_t *self, void (*visit)(void *context, void *ptr, size_t size),
                          void *context)
{
    size_t out = 0;
    for (size_t index = 0; index < self->slab.carved; index++) {
        if (is_live(self, index)) {
            visit(context, self->slab.base + index * GAME_ENTITIES_SLOT_BYTES, GAME_ENTITIES_PAYLOAD_BYTES);
            out++;
        }
    }
    return out;
}
