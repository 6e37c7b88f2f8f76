/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: randomness. Keys and canaries come from the system; choices of placement, which need to be fast
 * and merely hard to foresee by accident, from a generator that was seeded so.
 */
#ifndef LAMINA_RANDOM_H
#define LAMINA_RANDOM_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* Fills `out` from the system's cryptographic generator (getrandom, getentropy, BCryptGenRandom), waiting at an early
 * boot until it is seeded. False, with the last OS error set, when it can't: there is no substitute, so a caller that
 * needs a key must then fail too. `out` is in an undefined state on failure. bytes of 0 and a null pointer are EINVAL.
 * One system call up to 256 bytes. Any thread. */
LAMINA_NODISCARD bool lamina_random_bytes(void *out, size_t bytes);

#if !__STDC_HOSTED__
/* Supplied by a freestanding program that has a source of randomness: a hardware generator, a seed kept over resets.
 * Fills all of `out` with bytes that can't be foreseen, or answers false. Optional: the reference is weak, and without
 * it lamina_random_bytes() fails (LAMINA_OS_ERROR_UNSUPPORTED), as it does where this answers false (5, EIO). */
bool lamina_port_random(void *out, size_t bytes);
#endif

/* The next of 2^64 numbers, each once per period: splitmix64, by G. Steele, D. Lea and C. Flood, "Fast Splittable
 * Pseudorandom Number Generators" (OOPSLA 2014), with the constants of S. Vigna's public-domain version. Any seed
 * will do, 0 included. Not for secrets: one output gives away the state. One thread at a time. */
LAMINA_INLINE uint64_t lamina_mix_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30U)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27U)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31U);
}

/* Maps a random number to 0 … n-1 without division, by its upper 32 bits (D. Lemire, "Fast Random Integer
 * Generation in an Interval", 2019, without the rejection step: no value is more than 2^-32 likelier than another).
 * n = 0 gives 0. */
LAMINA_INLINE uint32_t lamina_bounded(uint64_t random, uint32_t n)
{
    return (uint32_t)(((random >> 32U) * n) >> 32U);
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_RANDOM_H */
