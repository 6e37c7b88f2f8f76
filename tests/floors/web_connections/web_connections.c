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

bool web_connections_refill(web_connections_t *self)
{
    if (self->slab.carved == WEB_CONNECTIONS_SLOT_COUNT) {
        return false;
    }
    self->slab.head = floor_link(self->slab.base + self->slab.carved * WEB_CONNECTIONS_SLOT_BYTES,
                                 WEB_CONNECTIONS_BATCH_SLOTS, WEB_CONNECTIONS_SLOT_BYTES, NULL);
    self->slab.carved += WEB_CONNECTIONS_BATCH_SLOTS;
    return true;
}

void web_connections_free_stray(web_connections_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr == NULL) {
        return;
    }
    if (!floor_inside(&slab, ptr)) {
        lamina_os_heap_free(ptr);
        return;
    }
    floor_report_stray(&slab, ptr);
}

void web_connections_free_missized(void *ptr, size_t size)
{
    floor_report_size("web_connections", ptr, WEB_CONNECTIONS_PAYLOAD_BYTES, size);
}

void *web_connections_from_heap(void)
{
    return lamina_os_heap_alloc(WEB_CONNECTIONS_PAYLOAD_BYTES, 16U);
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
    return floor_list_is_whole(&slab, self->slab.head, &free_slots, event) &&
           floor_carved_is_sane(&slab, event);
}
