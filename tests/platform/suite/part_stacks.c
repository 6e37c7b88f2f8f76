/* SPDX-License-Identifier: MIT */
/*
 * The example stacks, flat and generic, where the C++ tests can't go: no C++ library, no processes, no
 * system. Fewer promises than there, but of every stack: what is served is aligned and apart, as much as was
 * promised and then NULL, comes back when freed, survives a random life in step with its twin, notices
 * damage, and leaves nothing mapped.
 *
 * The runner writes the list of subjects, `platform_subjects`, for the stacks that the target has the layers
 * for.
 */
#include "suite.h"

#include "lamina/random.h"
#include "lamina/testing/subject.h"

#if __STDC_HOSTED__
#include "lamina/os_table.h"
#endif

extern const lamina_subject *const platform_subjects[];
extern const bool platform_places[]; /* of each: whether it asks for memory nodes */
extern const size_t platform_subject_count;

enum {
    MOST = 20000,        /* objects that are live at once */
    STEPS = 4000,        /* of a random life */
    HANDLE_BYTES = 65536 /* of the largest handle */
};

typedef struct block {
    unsigned char *at;
    size_t bytes;
    unsigned char mark;
} block;

#if __STDC_HOSTED__
#define BLOCKS MOST
#else
#define BLOCKS 4096 /* a device's memory */
#endif

static block blocks[2][BLOCKS];
static LAMINA_ALIGNED(64) unsigned char handles[2][HANDLE_BYTES];

/* What is mapped is as before, where that is the subject's doing: the system's heap keeps what it once had.
 */
static void mapped_as(const lamina_subject *it, const host_memory *before)
{
    if ((it->flags & LAMINA_SUBJECT_UNBOUNDED) == 0U) {
        EXPECT_MAPPED_AS(*before);
    }
}

/* Brings the subject to life in one of the two handles; NULL when it can't be. */
static void *alive(const lamina_subject *it, unsigned which)
{
    void *const self = handles[which];
    (void)memset(self, 0xC3, it->handle_bytes);
    return (it->init(self) == LAMINA_OK) ? self : NULL;
}

static size_t size_of(const lamina_subject *it, uint64_t random)
{
    return (it->payload != 0U) ? it->payload : 1U + (size_t)lamina_bounded(random, 200U);
}

static void write_block(const block *it)
{
    for (size_t i = 0; i < it->bytes; i++) {
        it->at[i] = (unsigned char)(it->mark + i);
    }
}

static bool block_is_whole(const block *it)
{
    bool out = true;
    for (size_t i = 0; i < it->bytes; i++) {
        out = out && (it->at[i] == (unsigned char)(it->mark + i));
    }
    return out;
}

static bool is_content(const lamina_subject *it, void *self)
{
    lamina_corruption first;
    return (it->check == NULL) || it->check(self, &first);
}

/* Everything up to the promised number, which is then in `blocks[0]`. */
static size_t fill(const lamina_subject *it, void *self, size_t most)
{
    size_t count = 0U;
    for (; count < most; count++) {
        const size_t bytes = size_of(it, (uint64_t)count * UINT64_C(0x9E3779B97F4A7C15));
        unsigned char *const p = (unsigned char *)it->alloc(self, bytes, 1U);
        if (p == NULL) {
            break;
        }
        blocks[0][count] = (block){p, bytes, (unsigned char)(count * 7U)};
        write_block(&blocks[0][count]);
        EXPECT((it->payload == 0U) || lamina_is_aligned(p, it->align));
    }
    return count;
}

static void serves(const lamina_subject *it)
{
    CASE("stacks", "what is served is aligned and apart, as much as promised, and comes back when freed")
    {
        const host_memory before = host_memory_now();
        void *const self = alive(it, 0U);
        EXPECT(self != NULL);
        if (self == NULL) {
            break;
        }
        EXPECT(is_content(it, self));
        for (unsigned round = 0; round < 2U; round++) {
            const size_t count = fill(it, self, BLOCKS);
            EXPECT(count != 0U);
            EXPECT((it->capacity == 0U) || (it->payload == 0U) ||
                   ((it->flags & LAMINA_SUBJECT_UNBOUNDED) != 0U) ||
                   (count == ((it->capacity < BLOCKS) ? it->capacity : (size_t)BLOCKS)) ||
                   ((it->held != 0U) && (round == 1U) && (count + it->held >= it->capacity)));
            for (size_t i = 0; i < count; i++) {
                EXPECT(block_is_whole(&blocks[0][i]));
            }
            EXPECT(is_content(it, self));
            EXPECT((it->in_use == NULL) || (it->payload == 0U) || (it->in_use(self) == count));
            if (it->free != NULL) {
                /* In another order than they came: 7919 is a prime, and no count is a multiple of it. */
                EXPECT((count % 7919U) != 0U);
                for (size_t i = 0; i < count; i++) {
                    it->free(self, blocks[0][(i * 7919U) % count].at);
                }
                EXPECT((it->in_use == NULL) || (it->in_use(self) == 0U));
            } else if (it->reset != NULL) {
                it->reset(self);
            }
            EXPECT(is_content(it, self));
        }
        it->destroy(self);
        mapped_as(it, &before);
    }
}

static void refuses(const lamina_subject *it)
{
    CASE("stacks", "requests that make no sense are refused and change nothing")
    {
        void *const self = alive(it, 0U);
        EXPECT(self != NULL);
        if (self == NULL) {
            break;
        }
        void *const p = it->alloc(self, 16U, 16U);
        const size_t used = (it->in_use != NULL) ? it->in_use(self) : 0U;
        EXPECT(p != NULL);
        if (it->payload == 0U) {
            EXPECT(it->alloc(self, 0U, 16U) == NULL);
            EXPECT(it->alloc(self, 16U, 3U) == NULL);
            EXPECT(it->alloc(self, 16U, 0U) == NULL);
            EXPECT(it->alloc(self, SIZE_MAX, 16U) == NULL);
            EXPECT(it->alloc(self, SIZE_MAX - 15U, 16U) == NULL);
        }
        if (it->free != NULL) {
            it->free(self, NULL);
        }
        EXPECT((it->in_use == NULL) || (it->in_use(self) == used));
        EXPECT((it->owns == NULL) || it->owns(self, p));
        EXPECT((it->owns == NULL) || !it->owns(self, handles[1] + HANDLE_BYTES - 1U));
        EXPECT(is_content(it, self));
        it->destroy(self);
    }
}

/* One side of a random life: the same choices for both, from the same seed. */
typedef struct side {
    const lamina_subject *it;
    void *self;
    block *live;
} side;

static size_t offset_in(const side *s, const unsigned char *p)
{
    const lamina_subject_memory memory = s->it->memory(s->self);
    const uintptr_t base = (uintptr_t)memory.base;
    return (((uintptr_t)p >= base) && ((uintptr_t)p - base < memory.bytes)) ? (size_t)((uintptr_t)p - base)
                                                                            : SIZE_MAX;
}

static bool step_alloc(const side *s, size_t count, uint64_t random)
{
    const size_t bytes = size_of(s->it, random);
    const size_t align = (size_t)1U << lamina_bounded(random << 7U, 6U);
    unsigned char *const p = (unsigned char *)s->it->alloc(s->self, bytes, align);
    if (p != NULL) {
        EXPECT((s->it->payload != 0U) || lamina_is_aligned(p, align));
        s->live[count] = (block){p, bytes, (unsigned char)random};
        write_block(&s->live[count]);
    }
    return p != NULL;
}

static void step_free(const side *s, size_t count, size_t victim)
{
    EXPECT(block_is_whole(&s->live[victim]));
    s->it->free(s->self, s->live[victim].at);
    s->live[victim] = s->live[count - 1U];
}

static void in_step(const lamina_subject *one, const lamina_subject *other)
{
    const unsigned chance = LAMINA_SUBJECT_RANDOM | LAMINA_SUBJECT_SCATTERED;
    CASE("stacks",
         "a random life: blocks stay whole, and the flat form and its twin show the same in each step")
    {
        const host_memory before = host_memory_now();
        const side sides[2] = {{one, alive(one, 0U), blocks[0]}, {other, alive(other, 1U), blocks[1]}};
        uint64_t state = 17U;
        size_t count = 0U;
        EXPECT((sides[0].self != NULL) && (sides[1].self != NULL));
        if ((sides[0].self == NULL) || (sides[1].self == NULL)) {
            break;
        }
        for (size_t step = 0; step < STEPS; step++) {
            const uint64_t random = lamina_mix_next(&state);
            const bool grow = ((random & 7U) < (((step / 500U) % 2U == 0U) ? 6U : 2U)) || (count == 0U);
            if (grow && (count < BLOCKS)) {
                const bool served = step_alloc(&sides[0], count, random);
                EXPECT(step_alloc(&sides[1], count, random) == served);
                if (served) {
                    EXPECT(((one->flags & chance) != 0U) || (one->memory == NULL) ||
                           (offset_in(&sides[0], blocks[0][count].at) ==
                            offset_in(&sides[1], blocks[1][count].at)));
                    count++;
                } else if ((one->reset != NULL) && (one->free == NULL)) {
                    one->reset(sides[0].self);
                    other->reset(sides[1].self);
                    count = 0U;
                }
            } else if ((one->free != NULL) && (count != 0U)) {
                const size_t victim = lamina_bounded(random << 3U, (uint32_t)count);
                step_free(&sides[0], count, victim);
                step_free(&sides[1], count, victim);
                count--;
            }
            EXPECT((one->in_use == NULL) || (one->in_use(sides[0].self) == other->in_use(sides[1].self)));
            if ((step % 64U) == 0U) {
                EXPECT(is_content(one, sides[0].self) && is_content(other, sides[1].self));
            }
        }
        for (size_t i = 0; i < count; i++) {
            EXPECT(block_is_whole(&blocks[0][i]) && block_is_whole(&blocks[1][i]));
        }
        one->destroy(sides[0].self);
        other->destroy(sides[1].self);
        mapped_as(one, &before);
    }
}

static void notices(const lamina_subject *it)
{
    const unsigned watched = LAMINA_SUBJECT_VERIFIES_POISON | LAMINA_SUBJECT_CANARY;
    if ((it->check == NULL) || (it->free == NULL) || ((it->flags & watched) == 0U)) {
        return;
    }
    CASE("stacks", "a byte written where none belongs is noticed, and no longer when it is put back")
    {
        void *const self = alive(it, 0U);
        EXPECT(self != NULL);
        if (self == NULL) {
            break;
        }
        unsigned char *const p = (unsigned char *)it->alloc(self, it->payload, it->align);
        EXPECT(p != NULL);
        if ((it->flags & LAMINA_SUBJECT_CANARY) != 0U) {
            p[it->payload] ^= 1U;
            EXPECT(!is_content(it, self));
            p[it->payload] ^= 1U;
            EXPECT(is_content(it, self));
        }
        if ((it->flags & LAMINA_SUBJECT_VERIFIES_POISON) != 0U) {
            it->free(self, p);
            p[it->payload - 1U] ^= 1U; /* the far end: a free slot keeps its link at the other */
            EXPECT(!is_content(it, self));
            p[it->payload - 1U] ^= 1U;
            EXPECT(is_content(it, self));
        }
        it->destroy(self);
    }
}

static void survives(const lamina_subject *it)
{
#if __STDC_HOSTED__
    CASE("stacks", "each call of the platform refused once: a status or NULL, and nothing left behind")
    {
        const host_memory before = host_memory_now();
        unsigned k = 1U;
        bool more = true;
        for (; more && (k < 200U); k++) {
            lamina_fail_at(k, 12);
            void *const self = alive(it, 0U);
            if (self != NULL) {
                const size_t count = fill(it, self, 256U);
                for (size_t i = 0; i < count; i++) {
                    EXPECT(block_is_whole(&blocks[0][i]));
                }
                more = lamina_calls_failed() != 0U;
                lamina_fail_off();
                EXPECT(is_content(it, self));
                it->destroy(self);
            } else {
                EXPECT(lamina_calls_failed() != 0U);
                lamina_fail_off();
            }
            mapped_as(it, &before);
        }
        EXPECT(k < 200U);
    }
#else
    (void)it;
#endif
}

#if defined(__linux__) && __STDC_HOSTED__
/* Stand-ins for a system that has memory policies and one node, so that the rest of a stack with a policy can
 * be tested under an emulator that has none. Where pages lie is not shown then, and the suite says so. */
static long place(void *at, unsigned long bytes, int mode, const unsigned long *words, unsigned long bits,
                  unsigned flags)
{
    (void)at;
    (void)bytes;
    (void)mode;
    (void)words;
    (void)bits;
    (void)flags;
    return 0;
}

static long tell(int *mode, unsigned long *words, unsigned long bits, void *at, unsigned long flags)
{
    (void)bits;
    (void)at;
    (void)flags;
    if (mode != NULL) {
        *mode = 0;
    }
    if (words != NULL) {
        words[0] = 1U;
    }
    return 0;
}
#endif

/* A stack named so asks for a memory node that no machine has. */
static bool is_nowhere(const lamina_subject *it)
{
    static const char ending[] = "_nowhere";
    size_t length = 0U;
    size_t same = 0U;
    while (it->stack[length] != '\0') {
        length++;
    }
    while ((same < sizeof ending - 1U) && (same < length) &&
           (it->stack[length - 1U - same] == ending[sizeof ending - 2U - same])) {
        same++;
    }
    return same == sizeof ending - 1U;
}

static void never_lives(const lamina_subject *it, const char *sentence, int code)
{
    CASE("stacks", sentence)
    {
        const host_memory before = host_memory_now();
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT(it->init(handles[0]) == LAMINA_ERR_OS);
        suite_expect_number(lamina_last_os_error(), code, __FILE__, (unsigned)__LINE__,
                            "the code of the refusal");
        mapped_as(it, &before);
    }
}

void part_stacks(void)
{
#if !__STDC_HOSTED__
    CASE("random", "without a source there are no random bytes, and no constant in their place")
    {
        unsigned char bytes[8];
        EXPECT_REFUSED(lamina_random_bytes(bytes, sizeof bytes), LAMINA_OS_ERROR_UNSUPPORTED);
    }
#endif
#if defined(__linux__) && __STDC_HOSTED__
    const int no_policies = suite_expected("memory policies of a range");
    if (no_policies != 0) {
        suite_finds("stacks",
                    "refused where the system has no memory policies; then with a stand-in for them");
    }
#endif
    for (size_t i = 0; i < platform_subject_count; i++) {
        const lamina_subject *const it = platform_subjects[i];
        (void)suite_end(); /* whatever is still open belongs to the stack before */
        host_put("stack ");
        host_put(it->stack);
        host_put(", ");
        host_put(it->form);
        host_put("\n");
        if (it->handle_bytes > HANDLE_BYTES) {
            CASE("stacks", "the handle fits")
            {
                EXPECT(false);
            }
            continue;
        }
        if (is_nowhere(it)) {
            never_lives(it, "a memory node that isn't there: init refuses, and nothing stays mapped",
                        LAMINA_OS_ERROR_INVALID);
            continue;
        }
#if defined(__linux__) && __STDC_HOSTED__
        if (platform_places[i] && (no_policies != 0)) {
            lamina_os_calls = lamina_os_calls_default;
            never_lives(
                it, "a system without memory policies: init refuses with its code, and nothing stays mapped",
                no_policies);
            lamina_os_calls.mbind = place;
            lamina_os_calls.get_mempolicy = tell;
        }
#endif
        serves(it);
        refuses(it);
        notices(it);
        survives(it);
        /* Subjects come in pairs: the flat form, then its twin. */
        if ((i % 2U) == 1U) {
            in_step(platform_subjects[i - 1U], it);
        }
    }
}
