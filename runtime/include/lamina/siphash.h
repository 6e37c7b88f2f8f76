/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: SipHash-2-4 of one 8-byte message, the keyed checksum of freelist links.
 *
 * J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF" (INDOCRYPT 2012). Exactly that function for
 * a message of 8 bytes, so that its analysis holds and its published vectors test it: two compression rounds for
 * the message word, two for the length block (a constant, as the length is), four to finish. Straight-line code, no
 * table, and time that depends on neither key nor message.
 */
#ifndef LAMINA_SIPHASH_H
#define LAMINA_SIPHASH_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

typedef struct lamina_siphash_state_ {
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
} lamina_siphash_state_;

LAMINA_INLINE uint64_t lamina_rotl64_(uint64_t value, unsigned n)
{
    return (value << n) | (value >> (64U - n));
}

LAMINA_INLINE void lamina_sipround_(lamina_siphash_state_ *s)
{
    s->v0 += s->v1;
    s->v1 = lamina_rotl64_(s->v1, 13U);
    s->v1 ^= s->v0;
    s->v0 = lamina_rotl64_(s->v0, 32U);
    s->v2 += s->v3;
    s->v3 = lamina_rotl64_(s->v3, 16U);
    s->v3 ^= s->v2;
    s->v0 += s->v3;
    s->v3 = lamina_rotl64_(s->v3, 21U);
    s->v3 ^= s->v0;
    s->v2 += s->v1;
    s->v1 = lamina_rotl64_(s->v1, 17U);
    s->v1 ^= s->v2;
    s->v2 = lamina_rotl64_(s->v2, 32U);
}

/* What the function does with a key before it sees a message, in place: on entry the first two words are the
 * little-endian halves of the 16-byte key, on return all four are the state to start from. Keep that for a key that
 * is used often, and as secret as the key, which each half of it gives away. */
LAMINA_INLINE void lamina_siphash_start(uint64_t start[4])
{
    start[2] = start[0] ^ UINT64_C(0x6C7967656E657261);
    start[3] = start[1] ^ UINT64_C(0x7465646279746573);
    start[0] ^= UINT64_C(0x736F6D6570736575);
    start[1] ^= UINT64_C(0x646F72616E646F6D);
}

/* The 64-bit SipHash-2-4 of the 8 bytes that `message` is in little-endian order, under the key that `start` was made
 * from by lamina_siphash_start(). */
LAMINA_INLINE uint64_t lamina_siphash24_from(const uint64_t start[4], uint64_t message)
{
    const uint64_t length_block = UINT64_C(8) << 56U;
    lamina_siphash_state_ s = {start[0], start[1], start[2], start[3]};

    s.v3 ^= message;
    lamina_sipround_(&s);
    lamina_sipround_(&s);
    s.v0 ^= message;

    s.v3 ^= length_block;
    lamina_sipround_(&s);
    lamina_sipround_(&s);
    s.v0 ^= length_block;

    s.v2 ^= 0xFFU;
    lamina_sipround_(&s);
    lamina_sipround_(&s);
    lamina_sipround_(&s);
    lamina_sipround_(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

/* The same under the 16-byte key whose little-endian halves are key[0] and key[1]. */
LAMINA_INLINE uint64_t lamina_siphash24_u64(const uint64_t key[2], uint64_t message)
{
    uint64_t start[4] = {key[0], key[1], 0U, 0U};
    lamina_siphash_start(start);
    return lamina_siphash24_from(start, message);
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_SIPHASH_H */
