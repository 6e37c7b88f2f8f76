/* SPDX-License-Identifier: MIT-0 */
/* 64 pages of 8 KiB in one mapping, written by hand. */
#ifndef DB_PAGES_H
#define DB_PAGES_H

#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define DB_PAGES_MAP_BYTES     524288U
#define DB_PAGES_SLOT_BYTES    8192U
#define DB_PAGES_SLOT_SHIFT    13U
#define DB_PAGES_PAYLOAD_BYTES 8192U
#define DB_PAGES_SLOT_COUNT    64U
#define DB_PAGES_BATCH_SLOTS   1U /* a refill never touches a page that isn't asked for */
#define DB_PAGES_BYTES_FOR(n)  ((size_t)(n)*8192U)

typedef struct db_pages_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved; /* slots cut so far; the pages of the others were never touched */
    } slab;

    struct {
        unsigned char *base;
    } mmap;
} db_pages_t;

LAMINA_NODISCARD lamina_status db_pages_init(db_pages_t *self);
void db_pages_destroy(db_pages_t *self);

bool db_pages_refill(db_pages_t *self) LAMINA_COLD;
void db_pages_free_stray(db_pages_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void db_pages_free_missized(void *ptr, size_t size) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *db_pages_alloc(db_pages_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!db_pages_refill(self)) {
            return NULL;
        }
        slot = self->slab.head;
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *db_pages_alloc_zeroed(db_pages_t *self)
{
    void *const out = db_pages_alloc(self);
    return (out != NULL) ? memset(out, 0, DB_PAGES_PAYLOAD_BYTES) : NULL;
}

/* The low bits of an offset that isn't a multiple of the slot rotate to the top, so one comparison sees a
 * pointer from outside, one between two slots and one to a slot that was never handed out. */
LAMINA_INLINE void db_pages_free(db_pages_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, DB_PAGES_SLOT_SHIFT) >= self->slab.carved)) {
        db_pages_free_stray(self, ptr);
        return;
    }
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void db_pages_free_sized(db_pages_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > DB_PAGES_PAYLOAD_BYTES)) {
        db_pages_free_missized(ptr, size);
    }
    db_pages_free(self, ptr);
}

void db_pages_reset(db_pages_t *self);
bool db_pages_owns(const db_pages_t *self, const void *ptr);
size_t db_pages_usable_size(const db_pages_t *self, const void *ptr);
size_t db_pages_capacity(const db_pages_t *self);
size_t db_pages_in_use(const db_pages_t *self);
bool db_pages_check(const db_pages_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* DB_PAGES_H */
