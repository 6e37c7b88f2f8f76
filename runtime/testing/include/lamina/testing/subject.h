/*
 * subject.h: the one shape in which the tests see an allocator.
 *
 * A stack is tested twice, as the flat C that it was compiled to and as its generic twin. Each form comes with a small
 * C file that includes the stack's header, wraps the operations the stack has, and defines one `lamina_subject`:
 *
 *     extern const lamina_subject numa_slab_flat_subject;
 *     extern const lamina_subject numa_slab_generic_subject;
 *
 * The inline fast paths are compiled in that C file, so the C++ of the tests needs no rebuild when the C changes.
 * An operation that the stack can't do is NULL here, as it is absent there. C11 and C++17.
 */
#ifndef LAMINA_TESTING_SUBJECT_H
#define LAMINA_TESTING_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "lamina/core.h"
#include "lamina/report.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------- what a stack promises ------------------------------------------ */

/* In which order freed objects come back. None of them: the order isn't promised. */
#define LAMINA_SUBJECT_LIFO 0x00001U    /* the object freed last comes first, before any fresh one */
#define LAMINA_SUBJECT_FIFO 0x00002U    /* of the freed objects, the one freed first comes first */
#define LAMINA_SUBJECT_ADDRESS 0x00004U /* the free object with the lowest address */
#define LAMINA_SUBJECT_RANDOM 0x00008U  /* any, and another one in each process: offsets are never compared */

/* What it notices. */
#define LAMINA_SUBJECT_DETECTS_DOUBLE_FREE 0x00010U
#define LAMINA_SUBJECT_DETECTS_FOREIGN 0x00020U /* range and alignment of the pointer given to free are checked */
#define LAMINA_SUBJECT_VERIFIES_POISON 0x00040U /* a write to a freed object is found, at latest by `check` */
#define LAMINA_SUBJECT_CANARY 0x00080U          /* an overflow by one byte is found on free and by `check` */
#define LAMINA_SUBJECT_ZEROIZES 0x00100U        /* a freed object's bytes are zero, but for the store's own link */

/* Who may call. */
#define LAMINA_SUBJECT_THREADS_ANY 0x00200U  /* every operation from every thread */
#define LAMINA_SUBJECT_THREADS_FREE 0x00400U /* the thread that called init allocates; every thread may free */

/* Where the memory is. */
#define LAMINA_SUBJECT_UNBOUNDED 0x00800U       /* the last branch is the system's heap: never exhausted */
#define LAMINA_SUBJECT_STATIC_INSTANCE 0x01000U /* one instance, no handle: `self` is ignored */
#define LAMINA_SUBJECT_CALLER_BUFFER 0x02000U   /* comes to life by init_with */
#define LAMINA_SUBJECT_CALLBACK 0x04000U        /* corruption calls the handler set by the user, and the call returns */

/* How its numbers work out. */
#define LAMINA_SUBJECT_BUMP 0x08000U      /* sized store whose cursor only advances: the model predicts each offset */
#define LAMINA_SUBJECT_SCATTERED 0x10000U /* objects come from unrelated ranges: offsets are compared within `memory`  \
                                           */

/* Counters that a stack's statistics may do without. */
#define LAMINA_SUBJECT_LACKS_LIVE 0x1U       /* frees and live: nothing is freed one by one */
#define LAMINA_SUBJECT_LACKS_PEAK 0x2U       /* kept in shards, which have no common peak */
#define LAMINA_SUBJECT_LACKS_BYTES 0x4U      /* sizes aren't known at free */
#define LAMINA_SUBJECT_LACKS_PEAK_BYTES 0x8U /* for either reason */

typedef struct lamina_subject_stats {
    size_t allocs, frees, failures, live, peak, bytes, peak_bytes;
} lamina_subject_stats;

typedef struct lamina_subject_memory {
    unsigned char *base; /* NULL while there is none */
    size_t bytes;        /* reserved */
    size_t committed;    /* of which usable now, from base on; equal to bytes where commit isn't lazy */
} lamina_subject_memory;

/* ----------------------------------------------------- the subject ------------------------------------------------ */

typedef struct lamina_subject {
    const char *stack;   /* "numa_slab": as it stands in the corruption report */
    const char *form;    /* "flat" or "generic" */
    size_t handle_bytes; /* 1 where the stack is a static instance */
    size_t handle_align;
    size_t payload;   /* bytes of each object; 0: alloc takes a size and an alignment */
    size_t align;     /* every object is aligned to this, in bytes */
    size_t capacity;  /* objects (payload != 0) or bytes promised; 0: unbounded, or known at run time only */
    size_t min_align; /* sized stores: granularity of the cursor, in bytes */
    size_t held;      /* most frees that a quarantine may hold back */
    unsigned flags;   /* LAMINA_SUBJECT_* */

    lamina_status (*init)(void *self);
    lamina_status (*init_with)(void *self, void *buffer, size_t bytes);
    size_t (*bytes_for)(size_t objects); /* objects, or bytes for sized stores */
    void (*destroy)(void *self);

    void *(*alloc)(void *self, size_t size, size_t align);
    void *(*alloc_zeroed)(void *self, size_t size, size_t align);
    void (*free)(void *self, void *ptr);
    void (*free_sized)(void *self, void *ptr, size_t size);
    bool (*resize)(void *self, void *ptr, size_t old_size, size_t new_size); /* in place, or false and no change */
    void *(*realloc)(void *self, void *ptr, size_t old_size, size_t new_size, size_t align);
    void (*reset)(void *self);
    size_t (*mark)(void *self);
    bool (*rewind)(void *self, size_t mark);

    bool (*owns)(const void *self, const void *ptr);
    size_t (*usable_size)(const void *self, const void *ptr);
    size_t (*capacity_now)(const void *self);
    size_t (*in_use)(const void *self);   /* objects, or bytes for sized stores */
    size_t (*release_unused)(void *self); /* bytes given back */
    void (*stats)(const void *self, lamina_subject_stats *out);

    /* All invariants. Fills `first` and returns false at the first broken one; never calls the handler or aborts. */
    bool (*check)(void *self, lamina_corruption *first);
    /* Visits each live object once and returns how many there are. */
    size_t (*walk)(void *self, void (*visit)(void *context, void *ptr, size_t size), void *context);

    void (*set_corruption_handler)(void *self, lamina_corruption_handler handler, void *context);
    lamina_subject_memory (*memory)(const void *self);

    /* Caller's buffer: the alignment that it must have, in bytes. 0: the same as `align`. */
    size_t buffer_align;
    /* Counters that `stats` has not and leaves at 0: LAMINA_SUBJECT_LACKS_*. */
    unsigned stats_lack;

    /* Names of the platform calls (members of lamina_os_call_table, separated by spaces) whose failure the stack
     * answers by another way instead of an error: optional policies, huge pages with a fall-back. NULL: none. Naming a
     * range is best effort everywhere and needn't be listed. */
    const char *tolerated_calls;
} lamina_subject;

#ifdef __cplusplus
}
#endif

#endif /* LAMINA_TESTING_SUBJECT_H */
