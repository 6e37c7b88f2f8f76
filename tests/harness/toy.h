/*
 * Toy allocators to test the tests with: small, correct, and each with a switch that breaks it in one way. Nothing here
 * is fast or meant as an example of what Lamina emits.
 */
#ifndef LAMINA_TESTS_HARNESS_TOY_H
#define LAMINA_TESTS_HARNESS_TOY_H

#include "lamina/testing/subject.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is wrong with the allocators that are initialized from now on; the twins have a switch of their own. */
typedef enum toy_fault {
    TOY_CORRECT,

    /* slab */
    TOY_ONE_TOO_MANY,
    TOY_ONE_TOO_FEW,
    TOY_OVERLAPPING_SLOTS,
    TOY_MISALIGNED_SLOTS,
    TOY_ZEROING_FORGOTTEN,
    TOY_NOT_LIFO,
    TOY_DOUBLE_FREE_UNNOTICED,
    TOY_RANGE_UNCHECKED,
    TOY_ALIGNMENT_UNCHECKED,
    TOY_END_IS_INSIDE,
    TOY_LEAK_ON_FAILED_INIT,
    TOY_LEAK_ON_DESTROY,
    TOY_RESET_INCOMPLETE,
    TOY_FAILURES_NOT_COUNTED,
    TOY_PEAK_FORGOTTEN,
    TOY_REFUSAL_COUNTS_AS_USE,
    TOY_CANARY_NOT_WRITTEN_ON_REUSE,
    TOY_CANARY_UNCHECKED_ON_FREE,
    TOY_CANARY_UNCHECKED_BY_CHECK,
    TOY_POISON_NOT_WRITTEN,
    TOY_POISON_UNVERIFIED,
    TOY_POISON_TOO_LONG,
    TOY_COMMIT_SKIPPED,
    TOY_COMMIT_FAILURE_IGNORED,
    TOY_COMMIT_EAGER,
    TOY_COMMIT_LATE,
    TOY_WATERMARK_MOVES_ON_FAILURE,
    TOY_ERROR_LOST,
    TOY_BIND_FAILURE_IGNORED,
    TOY_OWNS_END,
    TOY_OWNS_NOT_LAST,
    TOY_WALK_MISSES_ONE,
    TOY_WALK_VISITS_FREE,
    TOY_FREE_NULL_REPORTED,
    TOY_FREE_FORGETS_IN_USE,
    TOY_FREE_LOSES_SOME,
    TOY_STATE_SHARED,
    TOY_REPORT_WRONG_STACK,
    TOY_REPORT_WRONG_ADDRESS,
    TOY_HANDLER_THEN_FREED_ANYWAY,
    TOY_DESTROY_LEAVES_LIST,
    TOY_INIT_TRUSTS_ZEROS,
    TOY_HANGS,
    TOY_CRASHES_RARELY,
    TOY_USABLE_TOO_LARGE,
    TOY_RELEASE_LOSES_OBJECTS,
    TOY_RELEASE_TAKES_LIVE,
    TOY_QUARANTINE_TOO_SHORT,
    TOY_QUARANTINE_LEAKS,
    TOY_FALLBACK_MISSING,
    TOY_FALLBACK_LEAKS,

    /* bump */
    TOY_BUMP_ONE_TOO_MANY,
    TOY_BUMP_SIZE_WRAPS,
    TOY_BUMP_ZERO_SIZE,
    TOY_BUMP_ANY_ALIGNMENT,
    TOY_BUMP_OFFSET_ALIGNED,
    TOY_BUMP_RESIZE_KEEPS_CURSOR,
    TOY_BUMP_RESIZES_ANY,
    TOY_BUMP_RESIZES_OVER_END,
    TOY_BUMP_REWINDS_UP,
    TOY_BUMP_REWIND_IGNORED,
    TOY_BUMP_ZEROING_FORGOTTEN,
    TOY_BUMP_REALLOC_FORGETS,
    TOY_BUMP_REALLOC_KEEPS_NOTHING_ON_FAILURE,
    TOY_BUMP_RESET_IGNORED,
    TOY_BUMP_BYTE_LESS_ACCEPTED,
    TOY_BUMP_MISALIGNED_ACCEPTED,
    TOY_BUMP_REFUSAL_MOVES_CURSOR,
    TOY_BUMP_GRANULE_DROPPED,
    TOY_BUMP_WRITES_BEYOND,
    TOY_BUMP_WASTES,

    /* shared and remote */
    TOY_LOCK_FORGOTTEN,
    TOY_REMOTE_FREE_LOST,
    TOY_REMOTE_FREE_WAITS,
    TOY_REMOTE_FREE_UNCHECKED,
} toy_fault;

extern toy_fault toy_fault_now;
extern toy_fault toy_twin_fault_now;

enum {
    TOY_PAYLOAD = 48,
    TOY_SLOT = 64,
    TOY_CAPACITY = 200,
    TOY_STEP = 4096,
    TOY_QUARANTINE = 5,
    TOY_LINK = 8,     /* a free slot's first bytes */
    TOY_POISON = 0xDE /* and all others of its payload */
};

extern const lamina_subject toy_slab_flat_subject;     /* reserve, commit in steps, canary, poison, statistics, LIFO */
extern const lamina_subject toy_slab_generic_subject;  /* the same with the twin's switch */
extern const lamina_subject toy_callback_flat_subject; /* the slab with a handler */
extern const lamina_subject toy_quarantine_flat_subject; /* the slab with a quarantine of five */
extern const lamina_subject toy_buffer_flat_subject;     /* the slab in a caller's buffer, any count */
extern const lamina_subject toy_shared_flat_subject;     /* the slab behind a lock */
extern const lamina_subject toy_remote_flat_subject;     /* the slab with an owner, freed to from any thread */
extern const lamina_subject toy_fallback_flat_subject;   /* the slab, and the heap when it is full */
extern const lamina_subject toy_bump_flat_subject;       /* bump in a caller's buffer */
extern const lamina_subject toy_bump_generic_subject;

#ifdef __cplusplus
}
#endif

#endif /* LAMINA_TESTS_HARNESS_TOY_H */
