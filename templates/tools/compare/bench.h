/* What every pattern stands on: the plan it follows, and where the driver looks on. C11.
 *
 * A pattern is one file in patterns/. It is compiled three times, by variant.h: bare, touching what it allocates, and
 * observed, where each call is timed. It has two functions:
 *
 *     NAME(lifo_prepare)(self, plan)       what comes before; sets plan->per_turn, the objects that one turn allocates
 *     NAME(lifo_run)(self, plan, turns)    what is measured
 *
 * and says nothing about how it is measured. */
#ifndef COMPARE_BENCH_H
#define COMPARE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Told nothing about the values, the compiler can't shorten what is measured, nor leave out malloc with its free. */
#define OPAQUE(pointer) __asm__ volatile("" : "+r"(pointer))
#define USED(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")
#define APART __attribute__((noinline, unused))
#define EXPECT(condition) __builtin_expect(!!(condition), 1)

#define OBJECTS 20000U /* most that are live at once */
#define PICKS 8192U   /* random choices that are made before; a power of two */

/* Sizes of the requests, where the stack takes any; the same sequence for every allocator. */
#define SIZES 4096U /* a power of two */
#define LEAST 16U
#define MOST 256U

typedef struct plan {
    size_t live;           /* objects of a batch, or that live at once */
    size_t per_turn;       /* objects that a turn allocates */
    const uint32_t *order; /* in which a batch is freed: a permutation of 0 to live - 1 */
    const uint32_t *picks; /* PICKS random numbers below `live` */
    void **objects;        /* OBJECTS places */
    bool lockstep;         /* two threads take turns, so that neither ever waits actively and counts are exact */
} plan;

extern const uint16_t *compare_sizes;

#if SUBJECT_SIZED
#define SIZE_OF(i) ((size_t)compare_sizes[(i) & (SIZES - 1U)])
#else
#define SIZE_OF(i) ((void)(i), SUBJECT_PAYLOAD)
#endif

/* End the program: no number is better than a wrong one. */
__attribute__((cold, noinline, noreturn)) void compare_exhausted(size_t object);
__attribute__((cold, noinline, noreturn)) void compare_damaged(size_t object);

/* The observed variant's: called around each call, and where the most objects are live. */
uint64_t compare_now(void);
void compare_took(uint64_t begin, uint64_t end);
void compare_gave(uint64_t begin, uint64_t end);
void compare_peak(size_t live);

/* Writes one word into each cache line of the object. */
static inline void touch(void *object, size_t size, size_t stamp)
{
    unsigned char *const bytes = object;
    if (size < sizeof stamp) {
        bytes[0] = (unsigned char)stamp;
        return;
    }
    for (size_t at = 0; at + sizeof stamp <= size; at += 64U) {
        __builtin_memcpy(bytes + at, &stamp, sizeof stamp);
    }
}

/* Whether the first word is what was written. */
static inline bool untouched(const void *object, size_t size, size_t stamp)
{
    size_t found = stamp;
    if (size < sizeof stamp) {
        return *(const unsigned char *)object == (unsigned char)stamp;
    }
    __builtin_memcpy(&found, object, sizeof found);
    return found == stamp;
}

#endif /* COMPARE_BENCH_H */
