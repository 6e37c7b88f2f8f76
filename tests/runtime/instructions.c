/* SPDX-License-Identifier: MIT */
/* Small functions around the inline ones, for instructions.sh to look at. */
#include "lamina/block.h"
#include "lamina/core.h"
#include "lamina/siphash.h"
#include "lamina/thread.h"

#define POISON UINT64_C(0xDEDEDEDEDEDEDEDE)
#define MIXED UINT64_C(0x0123456789ABCDEF)

void damaged(void);

void holds_56(const void *p)
{
    if (LAMINA_UNLIKELY(!lamina_holds_word(p, 56, POISON))) {
        damaged();
    }
}

void holds_48(const void *p)
{
    if (LAMINA_UNLIKELY(!lamina_holds_word(p, 48, POISON))) {
        damaged();
    }
}

void holds_8(const void *p)
{
    if (LAMINA_UNLIKELY(!lamina_holds_word(p, 8, POISON))) {
        damaged();
    }
}

void fill_56(void *p)
{
    lamina_fill_word(p, 56, POISON);
}

void fill_64(void *p)
{
    lamina_fill_word(p, 64, POISON);
}

void memset_64(void *p)
{
    memset(p, 0xDE, 64);
}

void fill_16(void *p)
{
    lamina_fill_word(p, 16, POISON);
}

void memset_16(void *p)
{
    memset(p, 0xDE, 16);
}

void fill_64_mixed(void *p)
{
    lamina_fill_word(p, 64, MIXED);
}

void zero_64(void *p)
{
    lamina_zero(p, 64);
}

uintptr_t thread_id(void)
{
    return lamina_thread_id();
}

unsigned thread_index(void)
{
    return lamina_thread_index();
}

uint64_t siphash(const uint64_t *key, uint64_t message)
{
    return lamina_siphash24_u64(key, message);
}

void load_store_ptr(void *to, const void *from)
{
    lamina_store_ptr(to, lamina_load_ptr(from));
}

void mutex_pair(lamina_mutex_t *mutex)
{
    lamina_mutex_lock(mutex);
    lamina_mutex_unlock(mutex);
}
