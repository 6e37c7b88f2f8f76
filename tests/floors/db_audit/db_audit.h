/* SPDX-License-Identifier: MIT-0 */
/* 1,024 audit records of 112 bytes: guard pages, signed links apart from the records, canaries, nothing left
 * behind; written by hand. */
#ifndef DB_AUDIT_H
#define DB_AUDIT_H

#include "lamina/block.h"
#include "lamina/core.h"
#include "lamina/report.h"
#include "lamina/siphash.h"

LAMINA_EXTERN_C_BEGIN

/* Records:  [ guard ] [ 32 slots ][ guard ] [ 32 slots ][ guard ] …     a slot: [ canary 8 ][ record 112 ][
 * canary 8 ] Metadata: [ guard ] [ 1,024 links ][ 1,024 bits ] [ guard ]           a link: [ MAC 8 ][ index
 * of the next 4 ][ 4 ] */
#define DB_AUDIT_PAGE_BYTES          4096U
#define DB_AUDIT_MAP_BYTES           270336U
#define DB_AUDIT_HEAD_GUARD_BYTES    4096U
#define DB_AUDIT_GUARDED_BYTES       262144U
#define DB_AUDIT_METADATA_BYTES      20480U
#define DB_AUDIT_LIVE_OFFSET         16384U
#define DB_AUDIT_SLOT_BYTES          128U
#define DB_AUDIT_PAYLOAD_OFFSET      8U
#define DB_AUDIT_PAYLOAD_BYTES       112U
#define DB_AUDIT_CANARY_BYTES        8U
#define DB_AUDIT_CANARY_AFTER_OFFSET 120U
#define DB_AUDIT_SLOT_COUNT          1024U
#define DB_AUDIT_GROUP_SLOTS         32U
#define DB_AUDIT_GROUP_STRIDE        8192U
#define DB_AUDIT_GROUP_BYTES         4096U
#define DB_AUDIT_GROUP_COUNT         32U
#define DB_AUDIT_BATCH_SLOTS         32U
#define DB_AUDIT_BYTES_FOR(n)        (((size_t)(n) + 31U) / 32U * 8192U)

typedef struct db_audit_t {
    struct {
        uint32_t head; /* the free slot to hand out next; UINT32_MAX if all that were cut are in use */
        unsigned char *base;
        size_t carved;
        uint64_t key[4]; /* of the MACs, as lamina_siphash24_from() takes it */
        unsigned char *links;
        unsigned char *live; /* 64 bits of 64 slots in a word, set while in use */
    } slab;

    struct {
        unsigned char *base;
    } mmap;

    struct {
        unsigned char *base; /* behind the first guard */
    } guard;

    struct {
        unsigned char *guarded;
    } split_metadata;

    struct {
        uint64_t secret; /* xored with the slot's address it is the slot's canary */
    } canary;
} db_audit_t;

LAMINA_NODISCARD lamina_status db_audit_init(db_audit_t *self);
void db_audit_destroy(db_audit_t *self);

bool db_audit_refill(db_audit_t *self) LAMINA_COLD;
void db_audit_free_stray(db_audit_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void db_audit_forged_link(const unsigned char *slot) LAMINA_COLD;
LAMINA_NORETURN void db_audit_written_beside(const db_audit_t *self, const unsigned char *slot) LAMINA_COLD;
LAMINA_NORETURN void db_audit_double_free(const void *ptr) LAMINA_COLD;
LAMINA_NORETURN void db_audit_free_missized(void *ptr, size_t size) LAMINA_COLD;

LAMINA_INLINE unsigned char *db_audit_slot(const db_audit_t *self, uint32_t index)
{
    return self->slab.base + (size_t)(index / DB_AUDIT_GROUP_SLOTS) * DB_AUDIT_GROUP_STRIDE +
           (size_t)(index % DB_AUDIT_GROUP_SLOTS) * DB_AUDIT_SLOT_BYTES;
}

/* The bits of an offset: [ group … ][ 0 in slots, 1 in a guard ][ slot 5 ][ 0 at a start 7 ]. */
LAMINA_INLINE size_t db_audit_index(const db_audit_t *self, const void *slot)
{
    const size_t offset = (size_t)((uintptr_t)slot - (uintptr_t)self->slab.base);
    const size_t group = offset / DB_AUDIT_GROUP_STRIDE;
    const size_t place = lamina_rotr(offset % DB_AUDIT_GROUP_STRIDE, 7U);
    return (place < DB_AUDIT_GROUP_SLOTS) ? group * DB_AUDIT_GROUP_SLOTS + place : SIZE_MAX;
}

LAMINA_INLINE uint64_t *db_audit_word(const db_audit_t *self, size_t index)
{
    return (uint64_t *)(void *)self->slab.live + index / 64U;
}

LAMINA_INLINE unsigned char *db_audit_link(const db_audit_t *self, size_t index)
{
    return self->slab.links + index * 16U;
}

LAMINA_INLINE uint64_t db_audit_mac(const db_audit_t *self, uint32_t index, uint32_t next)
{
    return lamina_siphash24_from(self->slab.key, ((uint64_t)index << 32U) | next);
}

LAMINA_INLINE bool db_audit_is_intact(const db_audit_t *self, const unsigned char *slot)
{
    const uint64_t canary = self->canary.secret ^ (uint64_t)(uintptr_t)slot;
    return (lamina_load_u64(slot) == canary) &&
           (lamina_load_u64(slot + DB_AUDIT_CANARY_AFTER_OFFSET) == canary);
}

LAMINA_NODISCARD LAMINA_INLINE void *db_audit_alloc(db_audit_t *self)
{
    uint32_t index = self->slab.head;
    if (LAMINA_UNLIKELY(index == UINT32_MAX)) {
        if (!db_audit_refill(self)) {
            return NULL;
        }
        index = self->slab.head;
    }
    unsigned char *const slot = db_audit_slot(self, index);
    const unsigned char *const link = db_audit_link(self, index);
    const uint32_t next = lamina_load_u32(link + 8);
    if (LAMINA_UNLIKELY(lamina_load_u64(link) != db_audit_mac(self, index, next))) {
        db_audit_forged_link(slot);
    }
    if (LAMINA_UNLIKELY(!db_audit_is_intact(self, slot))) {
        db_audit_written_beside(self, slot);
    }
    self->slab.head = next;
    *db_audit_word(self, index) |= UINT64_C(1) << (index % 64U);
    return slot + DB_AUDIT_PAYLOAD_OFFSET;
}

LAMINA_NODISCARD LAMINA_INLINE void *db_audit_alloc_zeroed(db_audit_t *self)
{
    void *const out = db_audit_alloc(self);
    return (out != NULL) ? memset(out, 0, DB_AUDIT_PAYLOAD_BYTES) : NULL;
}

LAMINA_INLINE void db_audit_free(db_audit_t *self, void *ptr)
{
    unsigned char *const slot = (unsigned char *)((uintptr_t)ptr - DB_AUDIT_PAYLOAD_OFFSET);
    const size_t index = db_audit_index(self, slot);
    if (LAMINA_UNLIKELY(index >= self->slab.carved)) {
        db_audit_free_stray(self, ptr);
        return;
    }
    uint64_t *const word = db_audit_word(self, index);
    const uint64_t live = *word;
    if (LAMINA_UNLIKELY(((live >> (index % 64U)) & 1U) == 0U)) {
        db_audit_double_free(ptr);
    }
    if (LAMINA_UNLIKELY(!db_audit_is_intact(self, slot))) {
        db_audit_written_beside(self, slot);
    }
    *word = live & ~(UINT64_C(1) << (index % 64U));
    lamina_zero(ptr, DB_AUDIT_PAYLOAD_BYTES);
    unsigned char *const link = db_audit_link(self, index);
    const uint32_t next = self->slab.head;
    lamina_store_u64(link, db_audit_mac(self, (uint32_t)index, next));
    lamina_store_u32(link + 8, next);
    self->slab.head = (uint32_t)index;
}

LAMINA_INLINE void db_audit_free_sized(db_audit_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > DB_AUDIT_PAYLOAD_BYTES)) {
        db_audit_free_missized(ptr, size);
    }
    db_audit_free(self, ptr);
}

void db_audit_reset(db_audit_t *self);
bool db_audit_owns(const db_audit_t *self, const void *ptr);
size_t db_audit_usable_size(const db_audit_t *self, const void *ptr);
size_t db_audit_capacity(const db_audit_t *self);
size_t db_audit_in_use(const db_audit_t *self);
size_t db_audit_walk(const db_audit_t *self, void (*visit)(void *context, void *ptr, size_t size),
                     void *context);
bool db_audit_check(const db_audit_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* DB_AUDIT_H */
