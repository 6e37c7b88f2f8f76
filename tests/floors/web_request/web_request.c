/* SPDX-License-Identifier: MIT-0 */
#include "web_request.h"

#include "lamina/os.h"

/* Makes the first `bytes` usable; the system is asked for whole steps. */
static bool commit(web_request_t *self, size_t bytes)
{
    if (bytes > self->mmap.committed) {
        const size_t end = lamina_round_up(bytes, WEB_REQUEST_COMMIT_STEP);
        if (!lamina_os_commit(self->mmap.base + self->mmap.committed, end - self->mmap.committed)) {
            return false;
        }
        self->mmap.committed = end;
    }
    return true;
}

/* Gives back what lies behind the first `keep` bytes, in whole pages; the limit moves there where something
 * did. */
static size_t give_back(web_request_t *self, size_t keep)
{
    const size_t end = lamina_round_up(keep, WEB_REQUEST_PAGE_BYTES);
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
static bool extend(web_request_t *self, size_t need)
{
    const size_t ready = (size_t)(self->bump.limit - self->bump.base);
    size_t end = ready + self->chunk;
    end = (end < need) ? need : end;
    end = (end > WEB_REQUEST_CAPACITY_BYTES) ? WEB_REQUEST_CAPACITY_BYTES : end;
    if ((need > WEB_REQUEST_CAPACITY_BYTES) || !commit(self, end)) {
        return false;
    }
    self->bump.limit = self->bump.base + lamina_round_up(end, WEB_REQUEST_PAGE_BYTES);
    self->chunk = (self->chunk < WEB_REQUEST_CAPACITY_BYTES / 2U) ? self->chunk * 2U
                                                                  : WEB_REQUEST_CAPACITY_BYTES;
    return true;
}

void *web_request_alloc_slow(web_request_t *self, size_t size, size_t align)
{
    if (!floor_is_request(size, align)) {
        return NULL;
    }
    const floor_place place = floor_next(&self->bump, size, align, WEB_REQUEST_CAPACITY_BYTES);
    if (!floor_fits(&self->bump, &place)) {
        /* The size as it was asked for: a chunk is committed for what is used of the last granule. */
        const size_t begin = place.begin - (uintptr_t)self->bump.base;
        if ((size > WEB_REQUEST_CAPACITY_BYTES) || (begin > WEB_REQUEST_CAPACITY_BYTES - size) ||
            !extend(self, begin + size)) {
            return NULL;
        }
    }
    self->bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

lamina_status web_request_init(web_request_t *self)
{
    const size_t page = lamina_os_page_size();
    if (page == 0U) {
        return LAMINA_ERR_OS;
    }
    if (page > WEB_REQUEST_PAGE_BYTES) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return LAMINA_ERR_PAGE_SIZE;
    }
    unsigned char *const base = (unsigned char *)lamina_os_reserve(WEB_REQUEST_MAP_BYTES);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->mmap.committed = 0;
    self->bump.base = base;
    self->bump.cursor = base;
    self->bump.limit = base;
    self->chunk = WEB_REQUEST_CHUNK_BYTES;
    return LAMINA_OK;
}

void web_request_destroy(web_request_t *self)
{
    (void)lamina_os_release(self->mmap.base, WEB_REQUEST_MAP_BYTES);
    self->mmap.base = NULL;
}

void web_request_reset(web_request_t *self)
{
    self->bump.cursor = self->bump.base;
    (void)give_back(self, WEB_REQUEST_RESET_LIMIT_BYTES);
    self->chunk = WEB_REQUEST_CHUNK_BYTES;
}

size_t web_request_release_unused(web_request_t *self)
{
    return give_back(self, floor_used(&self->bump));
}

static bool more(void *self, size_t extra)
{
    web_request_t *const me = (web_request_t *)self;
    const size_t used = floor_used(&me->bump);
    return (extra <= WEB_REQUEST_CAPACITY_BYTES - used) && extend(me, used + extra);
}

bool web_request_resize(web_request_t *self, void *ptr, size_t old_size, size_t new_size)
{
    return floor_resize(&self->bump, ptr, old_size, new_size, more, self);
}

void *web_request_realloc(web_request_t *self, void *ptr, size_t old_size, size_t new_size, size_t align)
{
    if ((ptr != NULL) && lamina_is_pow2(align) && lamina_is_aligned(ptr, align) &&
        web_request_resize(self, ptr, old_size, new_size)) {
        return ptr;
    }
    void *const out = web_request_alloc(self, new_size, align);
    if ((out != NULL) && (ptr != NULL)) {
        memcpy(out, ptr, (old_size < new_size) ? old_size : new_size);
    }
    return out;
}

bool web_request_owns(const web_request_t *self, const void *ptr)
{
    return floor_bump_owns(&self->bump, ptr);
}

size_t web_request_capacity(const web_request_t *self)
{
    (void)self;
    return WEB_REQUEST_CAPACITY_BYTES;
}

size_t web_request_in_use(const web_request_t *self)
{
    return floor_used(&self->bump);
}

bool web_request_check(const web_request_t *self, lamina_corruption *event)
{
    return floor_bump_is_whole(&self->bump, "web_request", WEB_REQUEST_CAPACITY_BYTES, event);
}
