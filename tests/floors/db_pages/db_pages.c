/* SPDX-License-Identifier: MIT-0 */
#include "db_pages.h"

#include "../cold.h"
#include "lamina/os.h"

static floor_slab cold_view(const db_pages_t *self)
{
    const floor_slab out = {"db_pages", self->slab.base, self->slab.carved, DB_PAGES_SLOT_COUNT,
                            DB_PAGES_SLOT_BYTES};
    return out;
}

bool db_pages_refill(db_pages_t *self)
{
    if (self->slab.carved == DB_PAGES_SLOT_COUNT) {
        return false;
    }
    self->slab.head = floor_link(self->slab.base + self->slab.carved * DB_PAGES_SLOT_BYTES,
                                 DB_PAGES_BATCH_SLOTS, DB_PAGES_SLOT_BYTES, NULL);
    self->slab.carved += DB_PAGES_BATCH_SLOTS;
    return true;
}

void db_pages_free_stray(db_pages_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr == NULL) {
        return;
    }
    floor_report_stray(&slab, ptr);
}

void db_pages_free_missized(void *ptr, size_t size)
{
    floor_report_size("db_pages", ptr, DB_PAGES_PAYLOAD_BYTES, size);
}

lamina_status db_pages_init(db_pages_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(DB_PAGES_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->slab.base = base;
    self->slab.head = NULL;
    self->slab.carved = 0;
    return LAMINA_OK;
}

void db_pages_destroy(db_pages_t *self)
{
    (void)lamina_os_release(self->mmap.base, DB_PAGES_MAP_BYTES);
    self->mmap.base = NULL;
}

void db_pages_reset(db_pages_t *self)
{
    self->slab.head = NULL;
    self->slab.carved = 0;
}

bool db_pages_owns(const db_pages_t *self, const void *ptr)
{
    const floor_slab slab = cold_view(self);
    return floor_index(&slab, ptr) < self->slab.carved;
}

size_t db_pages_usable_size(const db_pages_t *self, const void *ptr)
{
    return db_pages_owns(self, ptr) ? DB_PAGES_PAYLOAD_BYTES : 0U;
}

size_t db_pages_capacity(const db_pages_t *self)
{
    (void)self;
    return DB_PAGES_SLOT_COUNT;
}

size_t db_pages_in_use(const db_pages_t *self)
{
    const floor_slab slab = cold_view(self);
    return self->slab.carved - floor_list_length(&slab, self->slab.head);
}

bool db_pages_check(const db_pages_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t free_slots;
    return floor_carved_is_sane(&slab, event) &&
           floor_list_is_whole(&slab, self->slab.head, &free_slots, event);
}
