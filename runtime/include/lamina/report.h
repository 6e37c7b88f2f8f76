/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: what happens when memory turns out to be damaged.
 *
 * A stack that finds a wrong canary, a changed poison byte, a double free or a pointer that isn't its own fills in
 * a lamina_corruption and calls its handler: lamina_corruption_abort() unless the spec names another. By then the
 * program has already gone wrong, so nothing on this path allocates, locks or uses stdio.
 */
#ifndef LAMINA_REPORT_H
#define LAMINA_REPORT_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* All strings are literals that outlive the event. Where it is about a block, `address` is what alloc returned for it or
 * would, and `offset` leads from there to the first wrong byte: below 0 before the block, behind it from its size on.
 * Where it is about the allocator's own state, `address` is what is wrong there, or where the memory begins. `expected`
 * equal to `found` means that there were no two values to compare, as with a double free, and that `offset` says
 * nothing either. */
typedef struct lamina_corruption {
    const char *stack;   /* the spec's name for the allocator */
    const char *layer;   /* the layer that noticed */
    const char *what;    /* what it noticed, as a phrase: "poison overwritten" */
    const void *address; /* the block it is about */
    ptrdiff_t offset;    /* of the first wrong byte from there */
    uint64_t expected;   /* what should stand there … */
    uint64_t found;      /* … and what does */
} lamina_corruption;

/* May return: the stack then refuses the operation and leaves the damaged block out of use. `context` is the
 * pointer that was registered together with the handler. Called on the thread that noticed, under whatever lock the
 * stack holds, so it must not call back into that stack. */
typedef void (*lamina_corruption_handler)(void *context, const lamina_corruption *event);

/* Writes the event as one line that ends in '\n' and a terminating zero, and returns its length without the zero:
 *
 *     lamina: <stack>: <layer>: <what> at 0x<address> (offset <n>: expected 0x…, found 0x…)
 *
 * The part in parentheses is left out when there were no two values to compare. A line that doesn't fit is cut, and
 * still ends in '\n' (capacity of at least 2). Safe in a signal handler. */
size_t lamina_corruption_line(char *line, size_t capacity, const lamina_corruption *event);

/* The line of a failed assertion, under the same rules: "<file>:<number>: assertion failed: <message>". */
size_t lamina_assertion_line(char *line, size_t capacity, const char *file, unsigned number, const char *message);

/* The longest line that lamina_corruption_abort() prints, terminating zero included. */
#define LAMINA_CORRUPTION_LINE_BYTES 256U

/* Prints that line on standard error by one raw write, and aborts (SIGABRT). On the freestanding platform the line
 * goes to lamina_panic() where the program defines it, and the processor's trap instruction ends the program. */
LAMINA_NORETURN LAMINA_COLD void lamina_corruption_abort(const lamina_corruption *event);

#if !__STDC_HOSTED__
/* Supplied by a freestanding program that can show a line. Optional: the reference is weak. Should not return. */
void lamina_panic(const char *line);
#endif

/* Prints that line and ends the program in the same way. Called by LAMINA_DEBUG_ASSERT only. */
LAMINA_NORETURN LAMINA_COLD void lamina_assertion_abort(const char *file, unsigned number, const char *message);

/* An invariant of ours, as opposed to damage by the program: checked in debug builds, free under NDEBUG. The
 * condition must have no side effect; it is still compiled there, so that it can't rot and its operands count as
 * used. */
#if defined(NDEBUG)
#define LAMINA_DEBUG_ASSERT(condition, message) ((void)sizeof((condition) ? 1 : 0))
#else
#define LAMINA_DEBUG_ASSERT(condition, message) \
    (LAMINA_LIKELY(condition) ? (void)0 : lamina_assertion_abort(__FILE__, (unsigned)__LINE__, message))
#endif

LAMINA_EXTERN_C_END

#endif /* LAMINA_REPORT_H */
