/* SPDX-License-Identifier: MIT-0 */
/* Up to 1,048,576 objects of 64 bytes on memory node 0, committed as they are needed; written to after free
 * is noticed. Written by hand. */
#ifndef NUMA_SLAB_H
#define NUMA_SLAB_H

#include "lamina/block.h"
#include "lamina/core.h"
#include "lamina/report.h"

LAMINA_EXTERN_C_BEGIN

#define NUMA_SLAB_MAP_BYTES     67108864U
#define NUMA_SLAB_COMMIT_STEP   65536U
#define NUMA_SLAB_PAGE_BYTES    4096U
#define NUMA_SLAB_SLOT_BYTES    64U
#define NUMA_SLAB_SLOT_SHIFT    6U
#define NUMA_SLAB_PAYLOAD_BYTES 64U
#define NUMA_SLAB_SLOT_COUNT    1048576U
#define NUMA_SLAB_BATCH_SLOTS   64U
#define NUMA_SLAB_POISON_WORD   UINT64_C(0xdededededededede)
#define NUMA_SLAB_BYTES_FOR(n)  ((size_t)(n)*64U)

typedef struct numa_slab_t {
    struct {
        unsigned char *head; /* the free slot to hand out next, NULL if all that were cut are in use */
        unsigned char *base;
        size_t carved;
    } slab;

    struct {
        unsigned char *base;
        size_t committed; /* bytes from base on that may be touched */
    } mmap;
} numa_slab_t;

LAMINA_NODISCARD lamina_status numa_slab_init(numa_slab_t *self);
void numa_slab_destroy(numa_slab_t *self);

bool numa_slab_refill(numa_slab_t *self) LAMINA_COLD;
void numa_slab_free_stray(numa_slab_t *self, void *ptr) LAMINA_COLD;
LAMINA_NORETURN void numa_slab_free_missized(void *ptr, size_t size) LAMINA_COLD;
LAMINA_NORETURN void numa_slab_written_after_free(const unsigned char *slot) LAMINA_COLD;

/* A free slot: [ link 8 ][ poison 56 ]. Slots are 64 bytes and lie at multiples of 64, so three of the four
 * looks are at whole aligned vectors and the first is at one word. */
typedef unsigned long long numa_slab_vector __attribute__((vector_size(16), may_alias));

LAMINA_INLINE void numa_slab_poison(unsigned char *slot)
{
    const numa_slab_vector poison = {NUMA_SLAB_POISON_WORD, NUMA_SLAB_POISON_WORD};
    numa_slab_vector *const at = (numa_slab_vector *)(void *)slot;
    lamina_store_u64(slot + 8, NUMA_SLAB_POISON_WORD);
    at[1] = poison;
    at[2] = poison;
    at[3] = poison;
}

LAMINA_INLINE bool numa_slab_is_poisoned(const unsigned char *slot)
{
    const numa_slab_vector poison = {NUMA_SLAB_POISON_WORD, NUMA_SLAB_POISON_WORD};
    const numa_slab_vector *const at = (const numa_slab_vector *)(const void *)slot;
    const numa_slab_vector differs = (at[1] ^ poison) | (at[2] ^ poison) | (at[3] ^ poison);
    return (lamina_load_u64(slot + 8) == NUMA_SLAB_POISON_WORD) &&
           lamina_no_difference_((lamina_bytes16_)differs);
}

LAMINA_NODISCARD LAMINA_INLINE void *numa_slab_alloc(numa_slab_t *self)
{
    unsigned char *slot = self->slab.head;
    if (LAMINA_UNLIKELY(slot == NULL)) {
        if (!numa_slab_refill(self)) {
            return NULL;
        }
        slot = self->slab.head;
    }
    if (LAMINA_UNLIKELY(!numa_slab_is_poisoned(slot))) {
        numa_slab_written_after_free(slot);
    }
    self->slab.head = (unsigned char *)lamina_load_ptr(slot);
    return slot;
}

LAMINA_NODISCARD LAMINA_INLINE void *numa_slab_alloc_zeroed(numa_slab_t *self)
{
    void *const out = numa_slab_alloc(self);
    return (out != NULL) ? memset(out, 0, NUMA_SLAB_PAYLOAD_BYTES) : NULL;
}

LAMINA_INLINE void numa_slab_free(numa_slab_t *self, void *ptr)
{
    const size_t offset = (size_t)((uintptr_t)ptr - (uintptr_t)self->slab.base);
    if (LAMINA_UNLIKELY(lamina_rotr(offset, NUMA_SLAB_SLOT_SHIFT) >= self->slab.carved)) {
        numa_slab_free_stray(self, ptr);
        return;
    }
    numa_slab_poison((unsigned char *)ptr);
    lamina_store_ptr(ptr, self->slab.head);
    self->slab.head = (unsigned char *)ptr;
}

LAMINA_INLINE void numa_slab_free_sized(numa_slab_t *self, void *ptr, size_t size)
{
    if (LAMINA_UNLIKELY(size > NUMA_SLAB_PAYLOAD_BYTES)) {
        numa_slab_free_missized(ptr, size);
    }
    numa_slab_free(self, ptr);
}

void numa_slab_reset(numa_slab_t *self);
bool numa_slab_owns(const numa_slab_t *self, const void *ptr);
size_t numa_slab_usable_size(const numa_slab_t *self, const void *ptr);
size_t numa_slab_capacity(const numa_slab_t *self);
size_t numa_slab_in_use(const numa_slab_t *self);
size_t numa_slab_release_unused(numa_slab_t *self);
bool numa_slab_check(const numa_slab_t *self, lamina_corruption *event);

LAMINA_EXTERN_C_END

#endif /* NUMA_SLAB_H */
