/* SPDX-License-Identifier: MIT-0 */
/* 64 MiB of scratch memory for one query, committed by the MiB, given back when it is done; written by hand.
 */
#ifndef DB_SCRATCH_H
#define DB_SCRATCH_H

#include "../bump.h"

LAMINA_EXTERN_C_BEGIN

#define DB_SCRATCH_MAP_BYTES      67108864U
#define DB_SCRATCH_CAPACITY_BYTES 67108864U
#define DB_SCRATCH_CHUNK_BYTES    1048576U
#define DB_SCRATCH_COMMIT_STEP    1048576U
#define DB_SCRATCH_PAGE_BYTES     4096U
#define DB_SCRATCH_MIN_ALIGN      16U
#define DB_SCRATCH_BYTES_FOR(n)   lamina_round_up((size_t)(n), 16U)

typedef struct db_scratch_t {
    floor_bump bump;

    struct {
        unsigned char *base;
        size_t committed; /* bytes from base on that may be touched */
    } mmap;
} db_scratch_t;

LAMINA_NODISCARD lamina_status db_scratch_init(db_scratch_t *self);
void db_scratch_destroy(db_scratch_t *self);

void *db_scratch_alloc_slow(db_scratch_t *self, size_t size, size_t align) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *db_scratch_alloc(db_scratch_t *self, size_t size, size_t align)
{
    const floor_place place = floor_next(&self->bump, size, align, DB_SCRATCH_CAPACITY_BYTES);
    if (!floor_fits(&self->bump, &place)) {
        return db_scratch_alloc_slow(self, size, align);
    }
    self->bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

LAMINA_NODISCARD LAMINA_INLINE void *db_scratch_alloc_zeroed(db_scratch_t *self, size_t size, size_t align)
{
    void *const out = db_scratch_alloc(self, size, align);
    return (out != NULL) ? memset(out, 0, size) : NULL;
}

LAMINA_INLINE size_t db_scratch_mark(const db_scratch_t *self)
{
    return floor_used(&self->bump);
}

LAMINA_INLINE bool db_scratch_rewind(db_scratch_t *self, size_t mark)
{
    return floor_rewind(&self->bump, mark);
}

void db_scratch_reset(db_scratch_t *self);
bool db_scratch_resize(db_scratch_t *self, void *ptr, size_t old_size, size_t new_size);
LAMINA_NODISCARD void *db_scratch_realloc(db_scratch_t *self, void *ptr, size_t old_size, size_t new_size,
                                          size_t align);
bool db_scratch_owns(const db_scratch_t *self, const void *ptr);
size_t db_scratch_capacity(const db_scratch_t *self);
size_t db_scratch_in_use(const db_scratch_t *self);
size_t db_scratch_release_unused(db_scratch_t *self);
bool db_scratch_check(const db_scratch_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* DB_SCRATCH_H */
