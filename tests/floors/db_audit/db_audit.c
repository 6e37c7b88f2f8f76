/* SPDX-License-Identifier: MIT-0 */
#include "db_audit.h"

#include "../cold.h"
#include "lamina/os.h"
#include "lamina/random.h"

#define METADATA_MAP_BYTES (DB_AUDIT_PAGE_BYTES + DB_AUDIT_METADATA_BYTES + DB_AUDIT_PAGE_BYTES)

static lamina_corruption event_at(const char *layer, const char *what, const void *at, uint64_t expected,
                                  uint64_t found)
{
    return floor_event("db_audit", layer, what, at, expected, found);
}

static bool is_live(const db_audit_t *self, size_t index)
{
    return ((*db_audit_word(self, index) >> (index % 64U)) & 1U) != 0U;
}

/* Which canary byte of the slot is wrong, counted from the object between the canaries. */
static lamina_corruption found_beside(const db_audit_t *self, const unsigned char *slot)
{
    const uint64_t canary = self->canary.secret ^ (uint64_t)(uintptr_t)slot;
    const bool before = lamina_load_u64(slot) != canary;
    const size_t begin = before ? 0U : DB_AUDIT_CANARY_AFTER_OFFSET;
    const size_t at = lamina_first_mismatch(slot + begin, DB_AUDIT_CANARY_BYTES, canary);
    lamina_corruption event = event_at(
        "canary",
        before ? "canary before the payload was written over" : "canary behind the payload was written over",
        slot + DB_AUDIT_PAYLOAD_OFFSET, (unsigned char)(canary >> (at * 8U)), slot[begin + at]);
    event.offset = (ptrdiff_t)(begin + at) - (ptrdiff_t)DB_AUDIT_PAYLOAD_OFFSET;
    return event;
}

void db_audit_written_beside(const db_audit_t *self, const unsigned char *slot)
{
    const lamina_corruption event = found_beside(self, slot);
    lamina_corruption_abort(&event);
}

void db_audit_forged_link(const unsigned char *slot)
{
    floor_report("db_audit", "slab", "free-list link was written over", slot + DB_AUDIT_PAYLOAD_OFFSET, 0, 0);
}

void db_audit_double_free(const void *ptr)
{
    floor_report("db_audit", "slab", "double free", ptr, 1, 0);
}

void db_audit_free_missized(void *ptr, size_t size)
{
    floor_report_size("db_audit", ptr, DB_AUDIT_PAYLOAD_BYTES, size);
}

void db_audit_free_stray(db_audit_t *self, void *ptr)
{
    const unsigned char *const slot = (const unsigned char *)((uintptr_t)ptr - DB_AUDIT_PAYLOAD_OFFSET);
    const char *what = "free of a pointer from elsewhere";
    if (ptr == NULL) {
        return;
    }
    if ((uintptr_t)slot - (uintptr_t)self->slab.base < DB_AUDIT_GUARDED_BYTES) {
        what = (db_audit_index(self, slot) < DB_AUDIT_SLOT_COUNT) ? "free of a slot that was never handed out"
                                                                  : "free of a pointer that starts no slot";
    }
    floor_report("db_audit", "slab", what, ptr, 0, 0);
}

/* A group of slots. The highest is linked first, so that they are handed out upwards. */
bool db_audit_refill(db_audit_t *self)
{
    const uint32_t first = (uint32_t)self->slab.carved;
    if (first == DB_AUDIT_SLOT_COUNT) {
        return false;
    }
    uint32_t next = UINT32_MAX; /* refill is called with an empty list */
    for (uint32_t index = first + DB_AUDIT_BATCH_SLOTS; index-- > first;) {
        unsigned char *const slot = db_audit_slot(self, index);
        unsigned char *const link = db_audit_link(self, index);
        const uint64_t canary = self->canary.secret ^ (uint64_t)(uintptr_t)slot;
        lamina_store_u64(slot, canary);
        lamina_store_u64(slot + DB_AUDIT_CANARY_AFTER_OFFSET, canary);
        lamina_store_u64(link, db_audit_mac(self, index, next));
        lamina_store_u32(link + 8, next);
        next = index;
    }
    self->slab.head = next;
    self->slab.carved += DB_AUDIT_BATCH_SLOTS;
    return true;
}

/* Reserved memory can't be touched, so what isn't committed is a guard. */
static bool commit_groups(unsigned char *base)
{
    for (size_t group = 0; group < DB_AUDIT_GROUP_COUNT; group++) {
        if (!lamina_os_commit(base + group * DB_AUDIT_GROUP_STRIDE, DB_AUDIT_GROUP_BYTES)) {
            return false;
        }
    }
    return true;
}

static bool draw_secrets(db_audit_t *self)
{
    if (!lamina_random_bytes(self->slab.key, 16U) ||
        !lamina_random_bytes(&self->canary.secret, sizeof self->canary.secret)) {
        return false;
    }
    lamina_siphash_start(self->slab.key);
    return true;
}

static void release(db_audit_t *self)
{
    if (self->split_metadata.guarded != NULL) {
        (void)lamina_os_release(self->split_metadata.guarded, METADATA_MAP_BYTES);
    }
    (void)lamina_os_release(self->mmap.base, DB_AUDIT_MAP_BYTES);
    self->split_metadata.guarded = NULL;
    self->mmap.base = NULL;
}

lamina_status db_audit_init(db_audit_t *self)
{
    const size_t page = lamina_os_page_size();
    if (page == 0U) {
        return LAMINA_ERR_OS;
    }
    if (page > DB_AUDIT_PAGE_BYTES) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return LAMINA_ERR_PAGE_SIZE;
    }
    memset(self, 0, sizeof *self);
    self->mmap.base = (unsigned char *)lamina_os_reserve(DB_AUDIT_MAP_BYTES);
    if (self->mmap.base == NULL) {
        return LAMINA_ERR_OS;
    }
    self->guard.base = self->mmap.base + DB_AUDIT_HEAD_GUARD_BYTES;
    self->slab.base = self->guard.base;
    self->slab.head = UINT32_MAX;
    if (!commit_groups(self->slab.base)) {
        release(self);
        return LAMINA_ERR_OS;
    }
    unsigned char *const guarded = (unsigned char *)lamina_os_reserve(METADATA_MAP_BYTES);
    self->split_metadata.guarded = guarded;
    if ((guarded == NULL) || !lamina_os_commit(guarded + DB_AUDIT_PAGE_BYTES, DB_AUDIT_METADATA_BYTES) ||
        !draw_secrets(self)) {
        release(self);
        return LAMINA_ERR_OS;
    }
    self->slab.links = guarded + DB_AUDIT_PAGE_BYTES;
    self->slab.live = self->slab.links + DB_AUDIT_LIVE_OFFSET;
    return LAMINA_OK;
}

static void erase(db_audit_t *self)
{
    for (uint32_t index = 0; index < self->slab.carved; index++) {
        lamina_zero(db_audit_slot(self, index), DB_AUDIT_SLOT_BYTES);
    }
}

void db_audit_destroy(db_audit_t *self)
{
    erase(self);
    release(self);
}

void db_audit_reset(db_audit_t *self)
{
    erase(self);
    memset(self->slab.live, 0, DB_AUDIT_SLOT_COUNT / 8U);
    self->slab.head = UINT32_MAX;
    self->slab.carved = 0;
}

bool db_audit_owns(const db_audit_t *self, const void *ptr)
{
    return db_audit_index(self, (const void *)((uintptr_t)ptr - DB_AUDIT_PAYLOAD_OFFSET)) < self->slab.carved;
}

size_t db_audit_usable_size(const db_audit_t *self, const void *ptr)
{
    return db_audit_owns(self, ptr) ? DB_AUDIT_PAYLOAD_BYTES : 0U;
}

size_t db_audit_capacity(const db_audit_t *self)
{
    (void)self;
    return DB_AUDIT_SLOT_COUNT;
}

size_t db_audit_in_use(const db_audit_t *self)
{
    size_t out = 0;
    for (size_t index = 0; index < self->slab.carved; index += 64U) {
        out += lamina_popcount64(*db_audit_word(self, index));
    }
    return out;
}

static bool list_is_whole(const db_audit_t *self, size_t *length, lamina_corruption *event)
{
    *length = 0;
    for (uint32_t index = self->slab.head, next; index != UINT32_MAX; index = next) {
        if (index >= self->slab.carved) {
            *event = event_at("slab", "free list leaves the slab", self->slab.base, self->slab.carved, index);
            return false;
        }
        const unsigned char *const object = db_audit_slot(self, index) + DB_AUDIT_PAYLOAD_OFFSET;
        const unsigned char *const link = db_audit_link(self, index);
        next = lamina_load_u32(link + 8);
        if (lamina_load_u64(link) != db_audit_mac(self, index, next)) {
            *event = event_at("slab", "free-list link was written over", object, 0, next);
            return false;
        }
        if (is_live(self, index)) {
            *event = event_at("slab", "slot is free and in use", object, 0, 1);
            return false;
        }
        if (++*length > self->slab.carved) {
            *event = event_at("slab", "free list runs in a circle", object, self->slab.carved, *length);
            return false;
        }
    }
    return true;
}

bool db_audit_check(const db_audit_t *self, lamina_corruption *event)
{
    size_t accounted;
    if (self->slab.carved > DB_AUDIT_SLOT_COUNT) {
        *event = event_at("slab", "more slots are cut than there are", self->slab.base, DB_AUDIT_SLOT_COUNT,
                          self->slab.carved);
        return false;
    }
    if (!list_is_whole(self, &accounted, event)) {
        return false;
    }
    for (size_t index = 0; index < self->slab.carved; index++) {
        accounted += is_live(self, index) ? 1U : 0U;
    }
    if (accounted != self->slab.carved) {
        *event = event_at("slab", "slots are neither free nor in use", self->slab.base, self->slab.carved,
                          accounted);
        return false;
    }
    for (uint32_t index = 0; index < self->slab.carved; index++) {
        const unsigned char *const slot = db_audit_slot(self, index);
        if (!db_audit_is_intact(self, slot)) {
            *event = found_beside(self, slot);
            return false;
        }
    }
    return true;
}

size_t db_audit_walk(const db_audit_t *self, void (*visit)(void *context, void *ptr, size_t size),
                     void *context)
{
    size_t out = 0;
    for (uint32_t index = 0; index < self->slab.carved; index++) {
        if (is_live(self, index)) {
            visit(context, db_audit_slot(self, index) + DB_AUDIT_PAYLOAD_OFFSET, DB_AUDIT_PAYLOAD_BYTES);
            out++;
        }
    }
    return out;
}
