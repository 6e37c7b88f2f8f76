/* SPDX-License-Identifier: MIT-0 */
#include "db_scratch.h"

#include "lamina/os.h"

/* Makes the first `bytes` usable; the system is asked for whole steps. */
static bool commit(db_scratch_t *self, size_t bytes)
{
    if (bytes > self->mmap.committed) {
        const size_t end = lamina_round_up(bytes, DB_SCRATCH_COMMIT_STEP);
        if (!lamina_os_commit(self->mmap.base + self->mmap.committed, end - self->mmap.committed)) {
            return false;
        }
        self->mmap.committed = end;
    }
    return true;
}

/* Gives back what lies behind the first `keep` bytes, in whole pages; the limit moves there where something
 * did. */
static size_t give_back(db_scratch_t *self, size_t keep)
{
    const size_t end = lamina_round_up(keep, DB_SCRATCH_PAGE_BYTES);
    if ((self->mmap.committed <= end) ||
        !lamina_os_decommit(self->mmap.base + end, self->mmap.committed - end)) {
        return 0;
    }
    const size_t out = self->mmap.committed - end;
    self->mmap.committed = end;
    self->bump.limit = self->bump.base + end;
    return out;
}

/* Moves the limit a chunk up, or as far as `need` bytes of blocks take. */
static bool extend(db_scratch_t *self, size_t need)
{
    const size_t ready = (size_t)(self->bump.limit - self->bump.base);
    size_t end = ready + DB_SCRATCH_CHUNK_BYTES;
    end = (end < need) ? need : end;
    end = (end > DB_SCRATCH_CAPACITY_BYTES) ? DB_SCRATCH_CAPACITY_BYTES : end;
    if ((need > DB_SCRATCH_CAPACITY_BYTES) || !commit(self, end)) {
        return false;
    }
    self->bump.limit = self->bump.base + lamina_round_up(end, DB_SCRATCH_PAGE_BYTES);
    return true;
}

void *db_scratch_alloc_slow(db_scratch_t *self, size_t size, size_t align)
{
    if (!floor_is_request(size, align)) {
        return NULL;
    }
    const floor_place place = floor_next(&self->bump, size, align, DB_SCRATCH_CAPACITY_BYTES);
    if (!floor_fits(&self->bump, &place)) {
        /* The size as it was asked for: a chunk is committed for what is used of the last granule. */
        const size_t begin = place.begin - (uintptr_t)self->bump.base;
        if ((size > DB_SCRATCH_CAPACITY_BYTES) || (begin > DB_SCRATCH_CAPACITY_BYTES - size) ||
            !extend(self, begin + size)) {
            return NULL;
        }
    }
    self->bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

lamina_status db_scratch_init(db_scratch_t *self)
{
    const size_t page = lamina_os_page_size();
    if (page == 0U) {
        return LAMINA_ERR_OS;
    }
    if (page > DB_SCRATCH_PAGE_BYTES) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return LAMINA_ERR_PAGE_SIZE;
    }
    unsigned char *const base = (unsigned char *)lamina_os_reserve(DB_SCRATCH_MAP_BYTES);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->mmap.committed = 0;
    self->bump.base = base;
    self->bump.cursor = base;
    self->bump.limit = base;
    return LAMINA_OK;
}

void db_scratch_destroy(db_scratch_t *self)
{
    (void)lamina_os_release(self->mmap.base, DB_SCRATCH_MAP_BYTES);
    self->mmap.base = NULL;
}

void db_scratch_reset(db_scratch_t *self)
{
    self->bump.cursor = self->bump.base;
    (void)give_back(self, 0U);
}

size_t db_scratch_release_unused(db_scratch_t *self)
{
    return give_back(self, floor_used(&self->bump));
}

static bool more(void *self, size_t extra)
{
    db_scratch_t *const me = (db_scratch_t *)self;
    const size_t used = floor_used(&me->bump);
    return (extra <= DB_SCRATCH_CAPACITY_BYTES - used) && extend(me, used + extra);
}

bool db_scratch_resize(db_scratch_t *self, void *ptr, size_t old_size, size_t new_size)
{
    return floor_resize(&self->bump, ptr, old_size, new_size, more, self);
}

void *db_scratch_realloc(db_scratch_t *self, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    if ((ptr != NULL) && lamina_is_pow2(align) && lamina_is_aligned(ptr, align) &&
        db_scratch_resize(self, ptr, old_size, new_size)) {
        return ptr;
    }
    void *const out = db_scratch_alloc(self, new_size, align);
    if ((out != NULL) && (ptr != NULL)) {
        memcpy(out, ptr, (old_size < new_size) ? old_size : new_size);
    }
    return out;
}

bool db_scratch_owns(const db_scratch_t *self, const void *ptr)
{
    return floor_bump_owns(&self->bump, ptr);
}

size_t db_scratch_capacity(const db_scratch_t *self)
{
    (void)self;
    return DB_SCRATCH_CAPACITY_BYTES;
}

size_t db_scratch_in_use(const db_scratch_t *self)
{
    return floor_used(&self->bump);
}

bool db_scratch_check(const db_scratch_t *self, lamina_corruption *event)
{
    return floor_bump_is_whole(&self->bump, "db_scratch", DB_SCRATCH_CAPACITY_BYTES, event);
}
