/* SPDX-License-Identifier: MIT */
/*
 * The suite of the platform glue: one program, the same on every platform, with or without an operating system.
 *
 * It says one line for each case, which the runner collects:
 *
 *     ok      <ability> | <what was shown>
 *     failed  <ability> | <what was shown> | <file>:<line>: <condition>
 *     skipped <ability> | <what was shown> | <why it can't be shown here>
 *     finds   <ability> | <what this platform does, where platforms differ>
 *
 * and ends with `suite: <n> ok, <n> failed, <n> skipped`. Its exit status is 0 when none failed.
 */
#ifndef LAMINA_TESTS_PLATFORM_SUITE_H
#define LAMINA_TESTS_PLATFORM_SUITE_H

#include "lamina/core.h"

/* Begins a case; what came before is ended. The body may be left by `break`. */
#define CASE(ability, sentence) \
    for (bool suite_open_ = suite_begin((ability), (sentence)); suite_open_; suite_open_ = suite_end())

/* The first condition of a case that doesn't hold fails it; the rest is still evaluated. */
#define EXPECT(condition) suite_expect((condition) ? true : false, __FILE__, (unsigned)__LINE__, #condition)

/* The call answers false or NULL, and the last error is exactly this one. */
#define EXPECT_REFUSED(call, error) \
    do { \
        lamina_set_last_os_error(SUITE_UNTOUCHED); \
        EXPECT(!(call)); \
        suite_expect_number(lamina_last_os_error(), (error), __FILE__, (unsigned)__LINE__, #call); \
    } while (false)

/* The call succeeds and leaves the last error alone. */
#define EXPECT_WORKS(call) \
    do { \
        lamina_set_last_os_error(SUITE_UNTOUCHED); \
        EXPECT(call); \
        suite_expect_number(lamina_last_os_error(), SUITE_UNTOUCHED, __FILE__, (unsigned)__LINE__, #call); \
    } while (false)

#define SUITE_UNTOUCHED 12345 /* no platform's error */

bool suite_begin(const char *ability, const char *sentence);
bool suite_end(void); /* always false, so that CASE's loop ends */
void suite_expect(bool holds, const char *file, unsigned line, const char *condition);
void suite_expect_number(int found, int expected, const char *file, unsigned line, const char *call);
void suite_skip(const char *why);
void suite_finds(const char *ability, const char *what);
void suite_finds_number(const char *ability, const char *before, size_t number, const char *after);

/* ------------------------------------------------- The platform ------------------------------------------------
 */

/* What the suite needs of the platform that the glue doesn't give; host_*.c, one of which is linked. */

#define HOST_READ 1U
#define HOST_WRITE 2U
#define HOST_EXECUTE 4U

void host_put(const char *text);
/* Whether this access to the byte at `p` faults. Executing needs a host_return_instruction() at `p`. */
bool host_faults(void *p, unsigned access);
/* Bytes of address space that the process has taken, whatever their rights; 0 where nobody can tell. */
size_t host_mapped(void);
/* Runs `body(i, context)` on n threads at once, n at most 16, and waits for all. False where there are none. */
bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context);

/* Whether the emulator that the suite runs under lacks this, as the platform's file says (`cannot`). Such a case is
 * skipped with the reason, or shown with a stand-in and then said to be. */
bool host_cannot(const char *what);

#define CANNOT_PLACE "memory policies" /* no mbind or get_mempolicy */
#define CANNOT_ADVISE "advice"         /* advice about pages is passed over, even where there are none */
#define CANNOT_COUNT "resident pages"  /* pages larger than its host's are imitated, and counted as the host's */
#define CANNOT_TELL "unmapped ranges"  /* what nobody mapped looks mapped to the system's calls */

/* Writes the processor's shortest function, which does nothing, to `at`. False for processors not known here. */
bool host_return_instruction(void *at);

/* --------------------------------------------------- The parts -------------------------------------------------
 */

void part_core(void);
void part_memory(void);
void part_protect(void);
void part_huge(void);
void part_watermark(void);
void part_races(void);
void part_secret(void);
void part_numa(void);
void part_threads(void);
void part_random(void);
void part_refusals(void);
void part_ranges(void);
void part_failures(void);
void part_stacks(void);
void part_machine(void);

#endif /* LAMINA_TESTS_PLATFORM_SUITE_H */
