/* SPDX-License-Identifier: MIT-0 */
#include "firmware.h"

#include "../cold.h"

static LAMINA_ALIGNED(32) unsigned char buffer[FIRMWARE_BUFFER_BYTES];
static const firmware_t *holder; /* the one instance that may cut the buffer up */

static floor_slab cold_view(const firmware_t *self)
{
    const floor_slab out = {"firmware", self->slab.base, self->slab.carved, FIRMWARE_SLOT_COUNT,
                            FIRMWARE_SLOT_BYTES};
    return out;
}

bool firmware_refill(firmware_t *self)
{
    if (self->slab.carved == FIRMWARE_SLOT_COUNT) {
        return false;
    }
    self->slab.head = floor_link(self->slab.base + self->slab.carved * FIRMWARE_SLOT_BYTES,
                                 FIRMWARE_BATCH_SLOTS, FIRMWARE_SLOT_BYTES, NULL);
    self->slab.carved += FIRMWARE_BATCH_SLOTS;
    return true;
}

void firmware_free_stray(firmware_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr == NULL) {
        return;
    }
    floor_report_stray(&slab, ptr);
}

void firmware_free_missized(void *ptr, size_t size)
{
    floor_report_size("firmware", ptr, FIRMWARE_PAYLOAD_BYTES, size);
}

lamina_status firmware_init(firmware_t *self)
{
    if (holder != NULL) {
        return LAMINA_ERR_BUSY;
    }
    holder = self;
    self->slab.base = buffer;
    self->slab.head = NULL;
    self->slab.carved = 0;
    return LAMINA_OK;
}

void firmware_destroy(firmware_t *self)
{
    if (holder == self) { /* an instance that is destroyed twice gives away nobody's buffer */
        holder = NULL;
    }
}

void firmware_reset(firmware_t *self)
{
    self->slab.head = NULL;
    self->slab.carved = 0;
}

bool firmware_owns(const firmware_t *self, const void *ptr)
{
    const floor_slab slab = cold_view(self);
    return floor_index(&slab, ptr) < self->slab.carved;
}

size_t firmware_usable_size(const firmware_t *self, const void *ptr)
{
    return firmware_owns(self, ptr) ? FIRMWARE_PAYLOAD_BYTES : 0U;
}

size_t firmware_capacity(const firmware_t *self)
{
    (void)self;
    return FIRMWARE_SLOT_COUNT;
}

size_t firmware_in_use(const firmware_t *self)
{
    const floor_slab slab = cold_view(self);
    return self->slab.carved - floor_list_length(&slab, self->slab.head);
}

bool firmware_check(const firmware_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t free_slots;
    return floor_carved_is_sane(&slab, event) &&
           floor_list_is_whole(&slab, self->slab.head, &free_slots, event);
}
