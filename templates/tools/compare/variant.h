/* One variant of all patterns. Defined before: NAME(word), a name of this variant's; TOUCHES; OBSERVED. No include
 * guard: it is included once for each variant. */

static inline void *NAME(take)(subject_t *self, size_t number, size_t stamp)
{
    const size_t size = SIZE_OF(number);
#if OBSERVED
    const uint64_t begin = compare_now();
    void *const object = subject_alloc(self, size, SUBJECT_ALIGN);
    compare_took(begin, compare_now());
#else
    void *const object = subject_alloc(self, size, SUBJECT_ALIGN);
#endif
    if (!EXPECT(object != NULL)) {
        compare_exhausted(stamp);
    }
    USED(object);
#if TOUCHES
    touch(object, size, stamp);
#endif
    return object;
}

/* The check that every free of the touching variants makes. */
static inline void NAME(verify)(const void *object, size_t stamp)
{
#if TOUCHES && SUBJECT_VERIFIES
    if (!EXPECT(untouched(object, SUBJECT_SIZED ? LEAST : SUBJECT_PAYLOAD, stamp))) {
        compare_damaged(stamp);
    }
#else
    (void)stamp;
#endif
    USED(object);
}

static inline void NAME(give)(subject_t *self, void *object, size_t stamp)
{
    NAME(verify)(object, stamp);
#if OBSERVED
    const uint64_t begin = compare_now();
    subject_free(self, object);
    compare_gave(begin, compare_now());
#else
    subject_free(self, object);
#endif
}

/* All objects of a batch end: by reset where the stack has one, else one by one, as a program without it must. */
static inline void NAME(empty)(subject_t *self, plan *b)
{
#if SUBJECT_RESETS
#if OBSERVED
    const uint64_t begin = compare_now();
    subject_reset(self);
    compare_gave(begin, compare_now());
#else
    subject_reset(self);
#endif
    (void)b;
#else
    for (size_t i = 0; i < b->live; i++) {
        NAME(give)(self, b->objects[i], i);
    }
#endif
}

static inline void NAME(peak)(size_t live)
{
#if OBSERVED
    compare_peak(live);
#else
    (void)live;
#endif
}

#include "patterns.h"

#undef NAME
#undef TOUCHES
#undef OBSERVED
