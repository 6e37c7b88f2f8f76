/* SPDX-License-Identifier: MIT-0 */
/* 64 KiB for all that one run of a command line tool allocates; written by hand. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "../bump.h"

LAMINA_EXTERN_C_BEGIN

#define CLI_BATCH_BUFFER_BYTES   65536U
#define CLI_BATCH_CAPACITY_BYTES 65536U
#define CLI_BATCH_MIN_ALIGN      16U
#define CLI_BATCH_BYTES_FOR(n)   lamina_round_up((size_t)(n), 16U)

typedef struct cli_batch_t {
    floor_bump bump;
} cli_batch_t;

extern cli_batch_t cli_batch_instance;

LAMINA_NODISCARD lamina_status cli_batch_init(void);
void cli_batch_destroy(void);

void *cli_batch_alloc_slow(size_t size, size_t align) LAMINA_COLD;

LAMINA_NODISCARD LAMINA_INLINE void *cli_batch_alloc(size_t size, size_t align)
{
    const floor_place place = floor_next(&cli_batch_instance.bump, size, align, CLI_BATCH_CAPACITY_BYTES);
    if (!floor_fits(&cli_batch_instance.bump, &place)) {
        return cli_batch_alloc_slow(size, align);
    }
    cli_batch_instance.bump.cursor = (unsigned char *)place.end;
    return (void *)place.begin;
}

LAMINA_NODISCARD LAMINA_INLINE void *cli_batch_alloc_zeroed(size_t size, size_t align)
{
    void *const out = cli_batch_alloc(size, align);
    return (out != NULL) ? memset(out, 0, size) : NULL;
}

LAMINA_INLINE size_t cli_batch_mark(void)
{
    return floor_used(&cli_batch_instance.bump);
}

LAMINA_INLINE bool cli_batch_rewind(size_t mark)
{
    return floor_rewind(&cli_batch_instance.bump, mark);
}

void cli_batch_reset(void);
bool cli_batch_resize(void *ptr, size_t old_size, size_t new_size);
LAMINA_NODISCARD void *cli_batch_realloc(void *ptr, size_t old_size, size_t new_size, size_t align);
bool cli_batch_owns(const void *ptr);
size_t cli_batch_capacity(void);
size_t cli_batch_in_use(void);
bool cli_batch_check(lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* CLI_BATCH_H */
