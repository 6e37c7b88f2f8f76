/* SPDX-License-Identifier: MIT */
/* Everything of the runtime that a program without an operating system can use, used once. */
#include "lamina/block.h"
#include "lamina/core.h"
#include "lamina/random.h"
#include "lamina/report.h"
#include "lamina/siphash.h"
#include "lamina/thread.h"

int freestanding_main(size_t n);

/* SUPPLIED is 1 in a program that has what the runtime may ask for: see freestanding_start.c. */
#if SUPPLIED
extern unsigned yields;
#endif

/* `n` is 64, which the compiler is not told. Returns the number of the first check that fails; doesn't return when
 * none does, because the last of them is a corruption. */
int freestanding_main(size_t n)
{
    static unsigned char block[64];
    uint64_t state = 0;
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

    lamina_fill_word(block, n, UINT64_C(0x0123456789ABCDEF));
    if (!lamina_holds_word(block, n, UINT64_C(0x0123456789ABCDEF))) {
        return 1;
    }
    lamina_fill_word(block, 61, UINT64_C(0xDEDEDEDEDEDEDEDE));
    if (!lamina_holds_word(block, 61, UINT64_C(0xDEDEDEDEDEDEDEDE)) ||
        lamina_holds_word(block, 62, UINT64_C(0xDEDEDEDEDEDEDEDE))) {
        return 2;
    }
    block[3] ^= 1U;
    const size_t offset = lamina_first_mismatch(block, 61, UINT64_C(0xDEDEDEDEDEDEDEDE));
    const uint64_t found = lamina_peek_word(block + offset, 1);
    lamina_zero(block, n);
    if (!lamina_holds_word(block, n, 0) || (offset != 3U)) {
        return 3;
    }
    if ((lamina_siphash24_u64(key, UINT64_C(0x0706050403020100)) != UINT64_C(0x93f5f5799a932462)) ||
        (lamina_mix_next(&state) != UINT64_C(0xe220a8397b1dcdaf)) || (lamina_bounded(UINT64_MAX, 7U) != 6U)) {
        return 4;
    }
    lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    if ((lamina_last_os_error() != LAMINA_OS_ERROR_INVALID) ||
        (lamina_status_text(LAMINA_ERR_ARGUMENT)[0] != 'i') || (lamina_popcount64(0xFFU) != 8U) ||
        (lamina_ctz(n) != 6U)) {
        return 5;
    }
    /* What the program doesn't supply isn't there; what it does supply is asked. */
    const bool supplied = SUPPLIED;
    lamina_set_last_os_error(0);
    const bool random = lamina_random_bytes(block, 16U);
    if ((random != supplied) || (lamina_last_os_error() != (supplied ? 0 : LAMINA_OS_ERROR_UNSUPPORTED)) ||
        (supplied && (block[15] != 0x5AU)) || lamina_random_bytes(block, 0U) ||
        (lamina_last_os_error() != LAMINA_OS_ERROR_INVALID)) {
        return 6;
    }
    lamina_mutex_t mutex = LAMINA_MUTEX_INIT;
    lamina_spinlock_t spin = LAMINA_SPINLOCK_INIT;
    lamina_mutex_lock(&mutex);
    lamina_spinlock_lock(&spin);
    if (lamina_mutex_try_lock(&mutex) || lamina_spinlock_try_lock(&spin) ||
        (lamina_thread_id() != (supplied ? 7U : 1U)) || (lamina_thread_index() != (supplied ? 3U : 0U))) {
        return 7;
    }
    lamina_spinlock_unlock(&spin);
    /* Two waiters' state, as if another thread slept: waking needs nobody, and waiting only looks again. */
    mutex.state = 2U;
    lamina_thread_wait_(&mutex.state, 2U);
    lamina_mutex_unlock(&mutex);
    lamina_thread_yield();
#if SUPPLIED
    if (yields != 2U) {
        return 8;
    }
#endif
    LAMINA_DEBUG_ASSERT(n == 64U, "the caller passes 64");
    const lamina_corruption event = {
        "firmware", "poison", "poison overwritten", (const void *)(uintptr_t)0x20, (ptrdiff_t)offset, 0xDE, found};
    lamina_corruption_abort(&event);
}
