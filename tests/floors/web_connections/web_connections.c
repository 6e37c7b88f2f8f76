/* SPDX-License-Identifier: MIT-0 */
#include "web_connections.h"

#include "../cold.h"
#include "lamina/os.h"

static floor_slab cold_view(const web_connections_t *self)
{
    const floor_slab out = {"web_connections", self->slab.base, self->slab.carved, WEB_CONNECTIONS_SLOT_COUNT,
                            WEB_CONNECTIONS_SLOT_BYTES};
    return out;
}

/* The next slots of the slab, or the heap once all are cut. */
void *web_connections_alloc_slow(web_connections_t *self)
{
    if (self->slab.carved == WEB_CONNECTIONS_SLOT_COUNT) {
        return lamina_os_heap_alloc(WEB_CONNECTIONS_PAYLOAD_BYTES, 16U);
    }
    unsigned char *const slot = self->slab.base + self->slab.carved * WEB_CONNECTIONS_SLOT_BYTES;
    self->slab.head = floor_link(slot + WEB_CONNECTIONS_SLOT_BYTES, WEB_CONNECTIONS_BATCH_SLOTS - 1U,
                                 WEB_CONNECTIONS_SLOT_BYTES, NULL);
    self->slab.carved += WEB_CONNECTIONS_BATCH_SLOTS;
    return slot;
}

/* What lies outside the slab is the heap's. */
void web_connections_free_stray(web_connections_t *self, void *ptr)
{
    if ((uintptr_t)ptr - (uintptr_t)self->slab.base >= WEB_CONNECTIONS_MAP_BYTES) {
        if (ptr != NULL) {
            lamina_os_heap_free(ptr);
        }
        return;
    }
    const floor_slab slab = cold_view(self);
    floor_report_stray(&slab, ptr);
}

void web_connections_free_missized(void *ptr, size_t size)
{
    floor_report_size("web_connections", ptr, WEB_CONNECTIONS_PAYLOAD_BYTES, size);
}

lamina_status web_connections_init(web_connections_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(WEB_CONNECTIONS_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->slab.base = base;
    self->slab.head = NULL;
    self->slab.carved = 0;
    return LAMINA_OK;
}

void web_connections_destroy(web_connections_t *self)
{
    (void)lamina_os_release(self->mmap.base, WEB_CONNECTIONS_MAP_BYTES);
    self->mmap.base = NULL;
}

bool web_connections_check(const web_connections_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t free_slots;
    return floor_carved_is_sane(&slab, event) &&
           floor_list_is_whole(&slab, self->slab.head, &free_slots, event);
}
