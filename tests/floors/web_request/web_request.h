/* SPDX-License-Identifier: MIT-0 */
/* 16 MiB for one request, committed in chunks that double; 256 KiB are kept for the next; written by hand. */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include "../bump.h"

LAMINA_EXTERN_C_BEGIN

#define WEB_REQUEST_MAP_BYTES         16777216U
#define WEB_REQUEST_CAPACITY_BYTES    16777216U
#define WEB_REQUEST_CHUNK_BYTES       65536U
#define WEB_REQUEST_RESET_LIMIT_BYTES 262144U
#define WEB_REQUEST_COMMIT_STEP       65536U
#define WEB_REQUEST_PAGE_BYTES        4096U
#define WEB_REQUEST_MIN_ALIGN         16U
#define WEB_REQUEST_BYTES_FOR(n)      lamina_round_up((size_t)(n), 16U)

typedef struct web_request_t {
    floor_bump bump;
    size_t chunk; /* bytes that the limit moves up next time */

    struct {
        unsigned char *base;
        size_t committed; /* bytes from base on that may be touched */
    } mmap;
} web_request_t;

LAMINA_NODISCARD lamina_status web_request_init(web_request_t *self);
void web_request_destroy(web_request_t *self);

void *web_request_alloc_slow(web_request_t *self, size_t size, size_t align) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *web_request_alloc(web_request_t *self, size_t size, size_t align)
{
    const floor_place place = floor_next(&self->bump, size, align, WEB_REQUEST_CAPACITY_BYTES);
    if (!floor_fits(&self->bump, &place)) {
        return web_request_alloc_slow(self, size, align);
    }
    self->bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

LAMINA_NODISCARD LAMINA_INLINE void *web_request_alloc_zeroed(web_request_t *self, size_t size, size_t align)
{
    void *const out = web_request_alloc(self, size, align);
    return (out != NULL) ? memset(out, 0, size) : NULL;
}

LAMINA_INLINE size_t web_request_mark(const web_request_t *self)
{
    return floor_used(&self->bump);
}

LAMINA_INLINE bool web_request_rewind(web_request_t *self, size_t mark)
{
    return floor_rewind(&self->bump, mark);
}

void web_request_reset(web_request_t *self);
bool web_request_resize(web_request_t *self, void *ptr, size_t old_size, size_t new_size);
LAMINA_NODISCARD void *web_request_realloc(web_request_t *self, void *ptr, size_t old_size, size_t new_size,
                                           size_t align);
bool web_request_owns(const web_request_t *self, const void *ptr);
size_t web_request_capacity(const web_request_t *self);
size_t web_request_in_use(const web_request_t *self);
size_t web_request_release_unused(web_request_t *self);
bool web_request_check(const web_request_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* WEB_REQUEST_H */
