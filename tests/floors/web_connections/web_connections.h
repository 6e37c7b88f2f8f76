/* SPDX-License-Identifier: MIT-0 */
/* 1,024 connections of 256 bytes in one mapping, any more from the system's heap, written by hand. */
#ifndef WEB_CONNECTIONS_H
#define WEB_CONNECTIONS_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define WEB_CONNECTIONS_MAP_BYTES     262144U
#define WEB_CONNECTIONS_SLOT_BYTES    256U
#define WEB_CONNECTIONS_SLOT_SHIFT    8U
#define WEB_CONNECTIONS_PAYLOAD_BYTES 256U
#define WEB_CONNECTIONS_SLOT_COUNT    1024U
#define WEB_CONNECTIONS_BATCH_SLOTS   16U

typedef struct web_connections_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved; /* slots cut so far; the pages of the others were never touched */
    } slab;

    struct {
        unsigned char *base;
    } mmap;
} web_connections_t;

LAMINA_NODISCARD lamina_status web_connections_init(web_connections_t *self);
void web_connections_destroy(web_connections_t *self);

void web_connections_free_stray(web_connections_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void web_connections_free_missized(void *ptr, size_t size) LAMINA_COLD;
void *web_connections_alloc_slow(web_connections_t *self) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *web_connections_alloc(web_connections_t *self)
{
    unsigned char *const slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        return web_connections_alloc_slow(self);
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *web_connections_alloc_zeroed(web_connections_t *self)
{
    void *const out = web_connections_alloc(self);
    return (out != NULL) ? memset(out, 0, WEB_CONNECTIONS_PAYLOAD_BYTES) : NULL;
}

/* The low bits of an offset that isn't a multiple of the slot rotate to the top, so one comparison sees a
 * pointer from outside, one between two slots and one to a slot that was never handed out. */
LAMINA_INLINE void web_connections_free(web_connections_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, WEB_CONNECTIONS_SLOT_SHIFT) >= self->slab.carved)) {
        web_connections_free_stray(self, ptr);
        return;
    }
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void web_connections_free_sized(web_connections_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > WEB_CONNECTIONS_PAYLOAD_BYTES)) {
        web_connections_free_missized(ptr, size);
    }
    web_connections_free(self, ptr);
}

bool web_connections_check(const web_connections_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* WEB_CONNECTIONS_H */
