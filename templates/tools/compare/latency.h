/* Latencies: a clock that costs little, and a histogram whose error is bounded. C11, gcc and clang.
 *
 * The histogram is log-linear, as in Tene's HdrHistogram: each power of two is cut into 32 buckets, so that what is read
 * from it is at most 1/32 off, at any magnitude, in a fixed 15 KiB. */
#ifndef COMPARE_LATENCY_H
#define COMPARE_LATENCY_H

#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define SUB_BITS 5U
#define SUB_BUCKETS (1U << SUB_BITS)
#define BUCKETS ((64U - SUB_BITS + 1U) * SUB_BUCKETS)

typedef struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t most; /* exact */
} histogram;

static inline size_t bucket_of(uint64_t value)
{
    if (value < SUB_BUCKETS) {
        return (size_t)value;
    }
    const unsigned magnitude = 63U - (unsigned)__builtin_clzll(value) - SUB_BITS; /* value >> magnitude is in [32, 64) */
    return (size_t)(magnitude + 1U) * SUB_BUCKETS + (size_t)((value >> magnitude) - SUB_BUCKETS);
}

/* The middle of a bucket. */
static inline double value_of(size_t bucket)
{
    if (bucket < SUB_BUCKETS) {
        return (double)bucket;
    }
    const unsigned magnitude = (unsigned)(bucket / SUB_BUCKETS) - 1U;
    const double width = (double)((uint64_t)1 << magnitude);
    return ((double)(bucket % SUB_BUCKETS + SUB_BUCKETS) + 0.5) * width - 0.5;
}

static inline void histogram_add(histogram *self, uint64_t value)
{
    self->counts[bucket_of(value)]++;
    if (value > self->most) {
        self->most = value;
    }
}

static inline uint64_t wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Ticks: of the processor's counter where there is one that can be read from a program, else nanoseconds. The fences
 * keep the call that is timed between the two readings. */
static inline uint64_t ticks(void)
{
#if defined(__x86_64__)
    _mm_lfence();
    const uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
#else
    return wall_ns();
#endif
}

/* How long a tick is, found by waiting 20 ms. */
static inline double ns_per_tick(void)
{
    const uint64_t ns = wall_ns();
    const uint64_t begin = ticks();
    uint64_t passed = 0;
    while ((passed = wall_ns() - ns) < 20000000U) {
    }
    return (double)passed / (double)(ticks() - begin);
}

#endif /* COMPARE_LATENCY_H */
