/* SPDX-License-Identifier: MIT */
/* A slot of thread-local storage that is had when first asked for. Private to runtime/platform/windows. */
#ifndef LAMINA_PLATFORM_WINDOWS_SLOT_H
#define LAMINA_PLATFORM_WINDOWS_SLOT_H

/* All zero: not asked for yet. Atomic: 0, or the key plus one. */
typedef struct lamina_thread_slot {
    uint32_t key_plus_one;
} lamina_thread_slot;

/* The slot's key, or TLS_OUT_OF_INDEXES when the process has none left. Of two threads that ask at the same time one
 * finds the other's and gives its own back. */
static inline unsigned long lamina_thread_slot_key(lamina_thread_slot *slot)
{
    uint32_t known = __atomic_load_n(&slot->key_plus_one, __ATOMIC_ACQUIRE);
    if (known == 0U) {
        const DWORD before = GetLastError();
        const unsigned long key = PLATFORM(tls_alloc)();
        if (key == TLS_OUT_OF_INDEXES) {
            return key;
        }
        if (__atomic_compare_exchange_n(&slot->key_plus_one, &known, (uint32_t)key + 1U, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            known = (uint32_t)key + 1U;
        } else {
            (void)TlsFree(key);
        }
        SetLastError(before);
    }
    return known - 1U;
}

#endif /* LAMINA_PLATFORM_WINDOWS_SLOT_H */
