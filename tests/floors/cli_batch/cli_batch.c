/* SPDX-License-Identifier: MIT-0 */
#include "cli_batch.h"

cli_batch_t cli_batch_instance;

static LAMINA_ALIGNED(64) unsigned char buffer[CLI_BATCH_BUFFER_BYTES];
static bool ready; /* between init and destroy */

void *cli_batch_alloc_slow(size_t size, size_t align)
{
    (void)floor_is_request(size, align);
    return NULL;
}

lamina_status cli_batch_init(void)
{
    if (ready) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return LAMINA_ERR_BUSY;
    }
    ready = true;
    cli_batch_instance.bump.base = buffer;
    cli_batch_instance.bump.cursor = buffer;
    cli_batch_instance.bump.limit = buffer + CLI_BATCH_CAPACITY_BYTES;
    return LAMINA_OK;
}

void cli_batch_destroy(void)
{
    ready = false;
}

void cli_batch_reset(void)
{
    cli_batch_instance.bump.cursor = cli_batch_instance.bump.base;
}

bool cli_batch_resize(void *ptr, size_t old_size, size_t new_size)
{
    return floor_resize(&cli_batch_instance.bump, ptr, old_size, new_size, NULL, NULL);
}

void *cli_batch_realloc(void *ptr, size_t old_size, size_t new_size, size_t align)
{
    if ((ptr != NULL) && lamina_is_pow2(align) && lamina_is_aligned(ptr, align) &&
        cli_batch_resize(ptr, old_size, new_size)) {
        return ptr;
    }
    void *const out = cli_batch_alloc(new_size, align);
    if ((out != NULL) && (ptr != NULL)) {
        memcpy(out, ptr, (old_size < new_size) ? old_size : new_size);
    }
    return out;
}

bool cli_batch_owns(const void *ptr)
{
    return floor_bump_owns(&cli_batch_instance.bump, ptr);
}

size_t cli_batch_capacity(void)
{
    return CLI_BATCH_CAPACITY_BYTES;
}

size_t cli_batch_in_use(void)
{
    return floor_used(&cli_batch_instance.bump);
}

bool cli_batch_check(lamina_corruption *event)
{
    return floor_bump_is_whole(&cli_batch_instance.bump, "cli_batch", CLI_BATCH_CAPACITY_BYTES, event);
}
