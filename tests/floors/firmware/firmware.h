/* SPDX-License-Identifier: MIT-0 */
/* 256 messages of 32 bytes in a static buffer, written by hand. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define FIRMWARE_SLOT_BYTES    32U
#define FIRMWARE_SLOT_SHIFT    5U
#define FIRMWARE_PAYLOAD_BYTES 32U
#define FIRMWARE_SLOT_COUNT    256U
#define FIRMWARE_BUFFER_BYTES  8192U
#define FIRMWARE_BATCH_SLOTS   128U
#define FIRMWARE_BYTES_FOR(n)  ((size_t)(n)*32U)

typedef struct firmware_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved; /* slots cut so far; the pages of the others were never touched */
    } slab;
} firmware_t;

LAMINA_NODISCARD lamina_status firmware_init(firmware_t *self);
void firmware_destroy(firmware_t *self);

bool firmware_refill(firmware_t *self) LAMINA_COLD;
void firmware_free_stray(firmware_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void firmware_free_missized(void *ptr, size_t size) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *firmware_alloc(firmware_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!firmware_refill(self)) {
            return NULL;
        }
        slot = self->slab.head;
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *firmware_alloc_zeroed(firmware_t *self)
{
    void *const out = firmware_alloc(self);
    return (out != NULL) ? memset(out, 0, FIRMWARE_PAYLOAD_BYTES) : NULL;
}

/* The low bits of an offset that isn't a multiple of the slot rotate to the top, so one comparison sees a
 * pointer from outside, one between two slots and one to a slot that was never handed out. */
LAMINA_INLINE void firmware_free(firmware_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, FIRMWARE_SLOT_SHIFT) >= self->slab.carved)) {
        firmware_free_stray(self, ptr);
        return;
    }
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void firmware_free_sized(firmware_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > FIRMWARE_PAYLOAD_BYTES)) {
        firmware_free_missized(ptr, size);
    }
    firmware_free(self, ptr);
}

void firmware_reset(firmware_t *self);
bool firmware_owns(const firmware_t *self, const void *ptr);
size_t firmware_usable_size(const firmware_t *self, const void *ptr);
size_t firmware_capacity(const firmware_t *self);
size_t firmware_in_use(const firmware_t *self);
bool firmware_check(const firmware_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* FIRMWARE_H */
