/* SPDX-License-Identifier: MIT-0 */
#include "numa_slab.h"

#include "../cold.h"
#include "lamina/numa.h"
#include "lamina/os.h"

static floor_slab cold_view(const numa_slab_t *self)
{
    const floor_slab out = {"numa_slab", self->slab.base, self->slab.carved, NUMA_SLAB_SLOT_COUNT,
                            NUMA_SLAB_SLOT_BYTES};
    return out;
}

static lamina_corruption found_in(const unsigned char *slot)
{
    const size_t at = 8U + lamina_first_mismatch(slot + 8, NUMA_SLAB_SLOT_BYTES - 8U, NUMA_SLAB_POISON_WORD);
    lamina_corruption event = floor_event("numa_slab", "poison", "written after free", slot, 0xDEU, slot[at]);
    event.offset = (ptrdiff_t)at;
    return event;
}

void numa_slab_written_after_free(const unsigned char *slot)
{
    const lamina_corruption event = found_in(slot);
    lamina_corruption_abort(&event);
}

bool numa_slab_refill(numa_slab_t *self)
{
    const size_t begin = self->slab.carved * NUMA_SLAB_SLOT_BYTES;
    if (begin == NUMA_SLAB_MAP_BYTES) {
        return false;
    }
    const size_t batch_end = begin + NUMA_SLAB_BATCH_SLOTS * NUMA_SLAB_SLOT_BYTES;
    if (batch_end > self->mmap.committed) {
        const size_t end = lamina_round_up(batch_end, NUMA_SLAB_COMMIT_STEP);
        if (!lamina_os_commit(self->mmap.base + self->mmap.committed, end - self->mmap.committed)) {
            return false;
        }
        self->mmap.committed = end;
    }
    for (size_t i = 0; i < NUMA_SLAB_BATCH_SLOTS; i++) {
        numa_slab_poison(self->slab.base + begin + i * NUMA_SLAB_SLOT_BYTES);
    }
    self->slab.head = floor_link(self->slab.base + begin, NUMA_SLAB_BATCH_SLOTS, NUMA_SLAB_SLOT_BYTES, NULL);
    self->slab.carved += NUMA_SLAB_BATCH_SLOTS;
    return true;
}

void numa_slab_free_stray(numa_slab_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr != NULL) {
        floor_report_stray(&slab, ptr);
    }
}

void numa_slab_free_missized(void *ptr, size_t size)
{
    floor_report_size("numa_slab", ptr, NUMA_SLAB_PAYLOAD_BYTES, size);
}

lamina_status numa_slab_init(numa_slab_t *self)
{
    static const uint16_t nodes[] = {0};
    const size_t page = lamina_os_page_size();
    if (page == 0U) {
        return LAMINA_ERR_OS;
    }
    if (page > NUMA_SLAB_PAGE_BYTES) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return LAMINA_ERR_PAGE_SIZE;
    }
    unsigned char *const base = (unsigned char *)lamina_os_reserve(NUMA_SLAB_MAP_BYTES);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    if (!lamina_numa_apply(base, NUMA_SLAB_MAP_BYTES, LAMINA_NUMA_BIND, nodes, 1U)) {
        (void)lamina_os_release(base, NUMA_SLAB_MAP_BYTES);
        self->mmap.base = NULL;
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->mmap.committed = 0;
    self->slab.base = base;
    self->slab.head = NULL;
    self->slab.carved = 0;
    return LAMINA_OK;
}

void numa_slab_destroy(numa_slab_t *self)
{
    (void)lamina_os_release(self->mmap.base, NUMA_SLAB_MAP_BYTES);
    self->mmap.base = NULL;
}

size_t numa_slab_release_unused(numa_slab_t *self)
{
    const size_t keep = lamina_round_up(self->slab.carved * NUMA_SLAB_SLOT_BYTES, NUMA_SLAB_PAGE_BYTES);
    const size_t unused = (self->mmap.committed > keep) ? self->mmap.committed - keep : 0U;
    if ((unused == 0U) || !lamina_os_decommit(self->mmap.base + keep, unused)) {
        return 0;
    }
    self->mmap.committed = keep;
    return unused;
}

void numa_slab_reset(numa_slab_t *self)
{
    self->slab.head = NULL;
    self->slab.carved = 0;
}

bool numa_slab_owns(const numa_slab_t *self, const void *ptr)
{
    const floor_slab slab = cold_view(self);
    return floor_index(&slab, ptr) < self->slab.carved;
}

size_t numa_slab_usable_size(const numa_slab_t *self, const void *ptr)
{
    return numa_slab_owns(self, ptr) ? NUMA_SLAB_PAYLOAD_BYTES : 0U;
}

size_t numa_slab_capacity(const numa_slab_t *self)
{
    (void)self;
    return NUMA_SLAB_SLOT_COUNT;
}

size_t numa_slab_in_use(const numa_slab_t *self)
{
    const floor_slab slab = cold_view(self);
    return self->slab.carved - floor_list_length(&slab, self->slab.head);
}

bool numa_slab_check(const numa_slab_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t free_slots;
    if (!floor_carved_is_sane(&slab, event) ||
        !floor_list_is_whole(&slab, self->slab.head, &free_slots, event)) {
        return false;
    }
    for (const unsigned char *slot = self->slab.head; slot != NULL;
         slot = (const unsigned char *)lamina_load_ptr(slot)) {
        if (!numa_slab_is_poisoned(slot)) {
            *event = found_in(slot);
            return false;
        }
    }
    return true;
}
