/* SPDX-License-Identifier: MIT-0 */
#include "game_messages.h"

#include "../cold.h"
#include "lamina/os.h"

static floor_slab cold_view(const game_messages_t *self)
{
    const floor_slab out = {"game_messages", self->slab.base,
                            lamina_atomic_load_size_relaxed(&self->slab.carved), GAME_MESSAGES_SLOT_COUNT,
                            GAME_MESSAGES_SLOT_BYTES};
    return out;
}

/* Takes all that other threads freed at once, and frees it. A message that waits holds the complement of the
 * next one's address, the last one of the list's own. Where a message was freed twice, the owner wrote an
 * address of its free list over that, or NULL, whose complement is neither; so is what somebody writes who
 * still uses it. */
static void collect(game_messages_t *self)
{
    unsigned char *ptr = (unsigned char *)lamina_atomic_exchange_ptr_acquire(&self->owner.remote,
                                                                             &self->owner.remote);
    const unsigned char *const end = (const unsigned char *)&self->owner.remote;
    while (ptr != end) {
        unsigned char *const next = (unsigned char *)~lamina_load_size(ptr);
        const size_t offset = (size_t)((uintptr_t)next - (uintptr_t)self->slab.base);
        if (LAMINA_UNLIKELY((next != end) &&
                            (lamina_rotr(offset, GAME_MESSAGES_SLOT_SHIFT) >= self->slab.carved))) {
            floor_report("game_messages", "owner", "written after another thread freed it, or freed twice",
                         ptr, 0, 0);
        }
        game_messages_free_here(self, ptr);
        ptr = next;
    }
}

bool game_messages_refill(game_messages_t *self)
{
    collect(self);
    if (self->slab.head == NULL) {
        if (self->slab.carved == GAME_MESSAGES_SLOT_COUNT) {
            return false;
        }
        self->slab.head = floor_link(self->slab.base + self->slab.carved * GAME_MESSAGES_SLOT_BYTES,
                                     GAME_MESSAGES_BATCH_SLOTS, GAME_MESSAGES_SLOT_BYTES, NULL);
        lamina_atomic_store_size_relaxed(&self->slab.carved, self->slab.carved + GAME_MESSAGES_BATCH_SLOTS);
    }
    return true;
}

/* Publishes the link with the slot: the owner's exchange acquires what this releases. */
void game_messages_free_remote(game_messages_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (lamina_rotr(offset, GAME_MESSAGES_SLOT_SHIFT) >=
        lamina_atomic_load_size_relaxed(&self->slab.carved)) {
        game_messages_free_stray(self, ptr);
        return;
    }
    void *first = lamina_atomic_load_ptr_relaxed(&self->owner.remote);
    do {
        lamina_store_size(ptr, ~(uintptr_t)first);
    } while (!lamina_atomic_cas_ptr_weak_release(&self->owner.remote, &first, ptr));
}

void game_messages_free_stray(game_messages_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr != NULL) {
        floor_report_stray(&slab, ptr);
    }
}

void game_messages_free_missized(void *ptr, size_t size)
{
    floor_report_size("game_messages", ptr, GAME_MESSAGES_PAYLOAD_BYTES, size);
}

lamina_status game_messages_init(game_messages_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(GAME_MESSAGES_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->mmap.base = base;
    self->slab.base = base;
    self->slab.head = NULL;
    lamina_atomic_store_size_relaxed(&self->slab.carved, 0);
    self->owner.thread = lamina_thread_id();
    lamina_atomic_store_ptr_relaxed(&self->owner.remote, &self->owner.remote);
    return LAMINA_OK;
}

void game_messages_destroy(game_messages_t *self)
{
    collect(self); /* frees of other threads are checked like any */
    (void)lamina_os_release(self->mmap.base, GAME_MESSAGES_MAP_BYTES);
    self->mmap.base = NULL;
}

void game_messages_reset(game_messages_t *self)
{
    (void)lamina_atomic_exchange_ptr_acquire(&self->owner.remote, &self->owner.remote);
    self->slab.head = NULL;
    lamina_atomic_store_size_relaxed(&self->slab.carved, 0);
}

bool game_messages_owns(game_messages_t *self, const void *ptr)
{
    const floor_slab slab = cold_view(self);
    return floor_index(&slab, ptr) < slab.carved;
}

size_t game_messages_usable_size(game_messages_t *self, const void *ptr)
{
    return game_messages_owns(self, ptr) ? GAME_MESSAGES_PAYLOAD_BYTES : 0U;
}

size_t game_messages_capacity(game_messages_t *self)
{
    (void)self;
    return GAME_MESSAGES_SLOT_COUNT;
}

size_t game_messages_in_use(game_messages_t *self)
{
    collect(self);
    const floor_slab slab = cold_view(self);
    return self->slab.carved - floor_list_length(&slab, self->slab.head);
}

bool game_messages_check(game_messages_t *self, lamina_corruption *event)
{
    collect(self);
    const floor_slab slab = cold_view(self);
    size_t free_slots;
    return floor_carved_is_sane(&slab, event) &&
           floor_list_is_whole(&slab, self->slab.head, &free_slots, event);
}
