/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: the bytes of blocks. Filling with a pattern, proving that the pattern is still there, and
 * wiping so that the compiler can't take it back.
 *
 * A pattern is an 8-byte word that repeats: byte i of the block holds byte i % 8 of the word as the word lies in
 * memory. So a block whose size is no multiple of 8 ends in the word's leading bytes, on machines of either
 * byte order.
 *
 * Everything here is inline and works at any address, aligned or not. Where a size is a compile-time constant it
 * disappears into the code; elsewhere each function costs one pass over the block. Freestanding: calls nothing
 * but memset. Nothing here synchronizes: the block must belong to the calling thread.
 */
#ifndef LAMINA_BLOCK_H
#define LAMINA_BLOCK_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* Sixteen bytes at any address, allowed to alias whatever type the user keeps there. A machine without vector
 * registers gets the same meaning in plain words. */
typedef unsigned long long lamina_bytes16_ __attribute__((vector_size(16), aligned(1), may_alias));

#define LAMINA_VECTOR_BYTES_ 16U
#define LAMINA_UNROLLED_VECTORS_ 8U /* up to here straight-line code; beyond, a loop is smaller and as fast */
#define LAMINA_INLINE_MEMSET_VECTORS_ 4U /* up to here memset with a constant size is straight-line code too */

/* gcc unrolls a short constant loop at -O2 only when asked to; clang does it unasked. The count is spelled as a
 * literal because a pragma does not expand macros. */
#if defined(__clang__)
#define LAMINA_UNROLL_
#else
#define LAMINA_UNROLL_ _Pragma("GCC unroll 8")
#endif

#if defined(__i386__) && !defined(__SSE__)
/* How functions take and return vectors depends here on how the caller is compiled, so that these are no functions. */
#define lamina_load16_(from) (*(const lamina_bytes16_ *)(const void *)(from))
#define lamina_store16_(at, value) (*(lamina_bytes16_ *)(void *)(at) = (value))
#define lamina_splat16_(word) \
    __extension__({ \
        const uint64_t lamina_word_ = (word); \
        const lamina_bytes16_ lamina_words_ = {lamina_word_, lamina_word_}; \
        lamina_words_; \
    })
#else
LAMINA_INLINE lamina_bytes16_ lamina_load16_(const void *from)
{
    return *(const lamina_bytes16_ *)from;
}

LAMINA_INLINE void lamina_store16_(void *at, lamina_bytes16_ value)
{
    *(lamina_bytes16_ *)at = value;
}

LAMINA_INLINE lamina_bytes16_ lamina_splat16_(uint64_t word)
{
    const lamina_bytes16_ out = {word, word};
    return out;
}
#endif

/* The word as it is seen by a reader that starts `bytes` later: its bytes in memory rotated towards the front.
 * (Rotating towards the front of memory is a right shift where the first byte is the least significant.) */
LAMINA_INLINE uint64_t lamina_word_at_(uint64_t word, size_t bytes)
{
    const unsigned bits = (unsigned)(bytes % 8U) * 8U;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (word << bits) | (word >> ((64U - bits) & 63U));
#else
    return (word >> bits) | (word << ((64U - bits) & 63U));
#endif
}

/* Byte `at` of the pattern that the word makes: of the word as it lies in memory, on machines of either byte order. */
LAMINA_INLINE unsigned char lamina_pattern_byte(uint64_t word, size_t at)
{
    const unsigned bits = (unsigned)(at % 8U) * 8U;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (unsigned char)(word >> (56U - bits));
#else
    return (unsigned char)(word >> bits);
#endif
}

LAMINA_INLINE bool lamina_word_is_one_byte_(uint64_t word)
{
    return word == (word & 0xFFU) * UINT64_C(0x0101010101010101);
}

/* ------------------------------------------------- Filling ---------------------------------------------------- */

/* Writes the last bytes % 8 bytes of a pattern. */
LAMINA_INLINE void lamina_fill_tail_(unsigned char *at, size_t bytes, uint64_t word)
{
    unsigned char in_memory[8];
    size_t done = 0;
    __builtin_memcpy(in_memory, &word, sizeof in_memory);
    if ((bytes & 4U) != 0U) {
        __builtin_memcpy(at, in_memory, 4);
        done = 4;
    }
    if ((bytes & 2U) != 0U) {
        __builtin_memcpy(at + done, in_memory + done, 2);
        done += 2U;
    }
    if ((bytes & 1U) != 0U) {
        at[done] = in_memory[done];
    }
}

/* Fills `bytes` bytes at `p` with the repeating word. bytes may be 0. From 16 bytes on, what is no multiple of 16
 * ends in one more vector that overlaps the one before it, as in lamina_holds_word() below. One constant byte
 * repeated becomes memset where that is no worse: for a constant size both compilers then choose the widest stores
 * the machine has. Above 64 bytes gcc turns memset into a string instruction, which starts slowly. */
LAMINA_UNWATCHED void lamina_fill_word(void *p, size_t bytes, uint64_t word)
{
    LAMINA_UNWATCHED_BEGIN_;
    LAMINA_UNWATCHED_HIDE_(word);
    unsigned char *const at = (unsigned char *)p;
    const size_t vectors = bytes / LAMINA_VECTOR_BYTES_;
    const bool unrolled = __builtin_constant_p(bytes) && (vectors <= LAMINA_UNROLLED_VECTORS_);
    const bool overlaps = (bytes % LAMINA_VECTOR_BYTES_) != 0U;
    if (__builtin_constant_p(word) && lamina_word_is_one_byte_(word) &&
        !(unrolled && (vectors != 0U) && (overlaps || (vectors > LAMINA_INLINE_MEMSET_VECTORS_)))) {
        __builtin_memset(p, (int)(word & 0xFFU), bytes);
    } else if (bytes >= LAMINA_VECTOR_BYTES_) {
        const lamina_bytes16_ pattern = lamina_splat16_(word);
        if (unrolled) {
            LAMINA_UNROLL_
            for (size_t i = 0; i < vectors; i++) {
                lamina_store16_(at + i * LAMINA_VECTOR_BYTES_, pattern);
            }
        } else {
            for (size_t i = 0; i < vectors; i++) {
                lamina_store16_(at + i * LAMINA_VECTOR_BYTES_, pattern);
            }
        }
        if (overlaps) {
            lamina_store16_(at + (bytes - LAMINA_VECTOR_BYTES_), lamina_splat16_(lamina_word_at_(word, bytes)));
        }
    } else {
        if (bytes >= 8U) {
            lamina_store_u64(at, word);
        }
        lamina_fill_tail_(at + (bytes & 8U), bytes % 8U, word);
    }
    LAMINA_UNWATCHED_END_;
}

/* Zeroes `bytes` bytes at `p`, and really does: the empty assembler statement is told that it reads them, so the
 * stores stay although the block is freed next and nobody looks again. To gcc it claims to read these bytes only,
 * so that the caller's state may stay in registers across it. bytes may be 0. */
LAMINA_INLINE void lamina_zero(void *p, size_t bytes)
{
    lamina_fill_word(p, bytes, 0U);
#if defined(__clang__) /* which refuses an operand of unknown size */
    __asm__ volatile("" : : "r"(p) : "memory");
#else
    __asm__ volatile("" : : "r"(p), "m"(*(const unsigned char(*)[])p));
#endif
}

/* ------------------------------------------------- Checking --------------------------------------------------- */

/* The differences of up to 7 bytes with the pattern's beginning, or-ed together: 0 when they are equal. */
LAMINA_INLINE uint64_t lamina_differs_tail_(const unsigned char *at, size_t bytes, uint64_t word)
{
    unsigned char in_memory[8];
    uint64_t differs = 0;
    size_t done = 0;
    __builtin_memcpy(in_memory, &word, sizeof in_memory);
    if ((bytes & 4U) != 0U) {
        differs |= lamina_load_u32(at) ^ lamina_load_u32(in_memory);
        done = 4;
    }
    if ((bytes & 2U) != 0U) {
        differs |= (uint64_t)(lamina_load_u16(at + done) ^ lamina_load_u16(in_memory + done));
        done += 2U;
    }
    if ((bytes & 1U) != 0U) {
        differs |= (uint64_t)(at[done] ^ in_memory[done]);
    }
    return differs;
}

/* True when no bit of the gathered differences is set. With SSE2: compare with zero, move the 16 answers into one
 * register, test. The two halves of the vector then need not be moved apart. */
#if defined(__i386__) && !defined(__SSE__)
#define lamina_no_difference_(differs) (((differs)[0] | (differs)[1]) == 0U)
#else
LAMINA_INLINE bool lamina_no_difference_(lamina_bytes16_ differs)
{
#if defined(__SSE2__)
    typedef char chars16 __attribute__((vector_size(16)));
    const chars16 zero = (chars16)lamina_splat16_(0U);
    return __builtin_ia32_pmovmskb128((chars16)((chars16)differs == zero)) == 0xFFFF;
#else
    return (differs[0] | differs[1]) == 0U;
#endif
}
#endif

/* True when all `bytes` bytes at `p` hold the repeating word. bytes may be 0, which is true.
 *
 * Without a branch until the end: differences are gathered and looked at once, so a constant size costs one test
 * however large it is. From 16 bytes on, the tail is one more vector that overlaps the one before it, compared with
 * the word turned to the phase in which it lies there:
 *
 *     [ 16 ][ 16 ][ 16 ][ 8 ]          56 bytes
 *                   [   16  ]          the last look, 40..55; 40 % 8 == 0, so the word needs no turning
 */
LAMINA_UNWATCHED bool lamina_holds_word(const void *p, size_t bytes, uint64_t word)
{
    LAMINA_UNWATCHED_BEGIN_;
    const unsigned char *const at = (const unsigned char *)p;
    bool out;
    if (bytes >= LAMINA_VECTOR_BYTES_) {
        const size_t vectors = bytes / LAMINA_VECTOR_BYTES_;
        const lamina_bytes16_ pattern = lamina_splat16_(word);
        lamina_bytes16_ differs = {0, 0};
        if (__builtin_constant_p(bytes) && (vectors <= LAMINA_UNROLLED_VECTORS_)) {
            LAMINA_UNROLL_
            for (size_t i = 0; i < vectors; i++) {
                differs |= lamina_load16_(at + i * LAMINA_VECTOR_BYTES_) ^ pattern;
            }
        } else {
            for (size_t i = 0; i < vectors; i++) {
                differs |= lamina_load16_(at + i * LAMINA_VECTOR_BYTES_) ^ pattern;
            }
        }
        if ((bytes % LAMINA_VECTOR_BYTES_) != 0U) {
            const lamina_bytes16_ turned = lamina_splat16_(lamina_word_at_(word, bytes));
            differs |= lamina_load16_(at + (bytes - LAMINA_VECTOR_BYTES_)) ^ turned;
        }
        out = lamina_no_difference_(differs);
    } else {
        uint64_t differs = (bytes >= 8U) ? (lamina_load_u64(at) ^ word) : 0U;
        differs |= lamina_differs_tail_(at + (bytes & 8U), bytes % 8U, word);
        out = differs == 0U;
    }
    LAMINA_UNWATCHED_END_;
    return out;
}

/* Where the pattern breaks first: the offset of the first byte that differs, or `bytes` when none does. For
 * reports, when lamina_holds_word() has said no; costs one step a byte. */
LAMINA_COLD_UNWATCHED size_t lamina_first_mismatch(const void *p, size_t bytes, uint64_t word)
{
    LAMINA_UNWATCHED_BEGIN_;
    const unsigned char *const at = (const unsigned char *)p;
    unsigned char in_memory[8];
    size_t out = 0;
    __builtin_memcpy(in_memory, &word, sizeof in_memory);
    while ((out < bytes) && (at[out] == in_memory[out % 8U])) {
        out++;
    }
    LAMINA_UNWATCHED_END_;
    return out;
}

/* Reads up to 8 bytes of a block as a report shows them: the bytes at `p`, the missing ones zero. */
LAMINA_COLD_UNWATCHED uint64_t lamina_peek_word(const void *p, size_t bytes)
{
    LAMINA_UNWATCHED_BEGIN_;
    const volatile unsigned char *const at = (const volatile unsigned char *)p; /* or it would become memcpy */
    unsigned char in_memory[8] = {0};
    for (size_t i = 0; (i < bytes) && (i < sizeof in_memory); i++) {
        in_memory[i] = at[i];
    }
    LAMINA_UNWATCHED_END_;
    return lamina_load_u64(in_memory);
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_BLOCK_H */
