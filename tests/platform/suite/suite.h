/* SPDX-License-Identifier: MIT */
/*
 * The suite of the platform glue: one program, the same on every platform, with or without an operating
 * system.
 *
 * It says one line for each case, which the runner collects:
 *
 *     ok      <ability> | <what was shown>
 *     failed  <ability> | <what was shown> | <file>:<line>: <condition>
 *     skipped <ability> | <what was shown> | <why it can't be shown here>
 *     finds   <ability> | <what this platform does, where platforms differ>
 *     asked   <ability of the compiler's table> | <what the machine's kernel answered>
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
#define EXPECT_REFUSED(call, error)                                                                \
    do {                                                                                           \
        lamina_set_last_os_error(SUITE_UNTOUCHED);                                                 \
        EXPECT(!(call));                                                                           \
        suite_expect_number(lamina_last_os_error(), (error), __FILE__, (unsigned)__LINE__, #call); \
    } while (false)

/* The call succeeds and leaves the last error alone. */
#define EXPECT_WORKS(call)                                                                                 \
    do {                                                                                                   \
        lamina_set_last_os_error(SUITE_UNTOUCHED);                                                         \
        EXPECT(call);                                                                                      \
        suite_expect_number(lamina_last_os_error(), SUITE_UNTOUCHED, __FILE__, (unsigned)__LINE__, #call); \
    } while (false)

#define SUITE_UNTOUCHED 12345 /* no platform's error */

/* What is asked of the ability comes out as is expected of this platform: it works and leaves the last error
 * alone, or is refused with exactly the code that is expected. The last error is SUITE_UNTOUCHED before. */
#define EXPECT_ABILITY(ability, works) \
    suite_expect_ability((ability), (works) ? true : false, __FILE__, (unsigned)__LINE__, #works)

/* What the process has mapped is the same as then: bytes by their rights, and locked bytes. */
#define EXPECT_MAPPED_AS(before) suite_expect_mapped(&(before), __FILE__, (unsigned)__LINE__)

bool suite_begin(const char *ability, const char *sentence);
bool suite_end(void); /* always false, so that CASE's loop ends */
void suite_expect(bool holds, const char *file, unsigned line, const char *condition);
void suite_expect_number(int found, int expected, const char *file, unsigned line, const char *call);
void suite_expect_ability(const char *ability, bool works, const char *file, unsigned line, const char *call);
void suite_skip(const char *why);
void suite_finds(const char *ability, const char *what);
void suite_finds_number(const char *ability, const char *before, size_t number, const char *after);

/* ---------------------------------------------- What is expected -------------------------------------------- */

/* The runner writes one for each ability of generator/lamina/targets.py, into expected.c: what the target
 * has, less what the platform's file says its emulator or its kernel can't do. Nothing here asks the glue,
 * which is under test. */
typedef enum suite_how {
    SUITE_WORKS,
    SUITE_REFUSED, /* with this code */
    SUITE_IDLE,    /* the call answers true, and nothing comes of it */
    SUITE_ASK      /* it depends on the machine, whose kernel is asked: host_kernel_refuses() */
} suite_how;

typedef struct suite_expectation {
    const char *ability;
    suite_how how;
    int code;
} suite_expectation;

extern const suite_expectation suite_expectations[];
extern const size_t suite_expectation_count;
extern const char
    *const suite_shortcomings[]; /* of the emulator, beyond abilities: the CANNOT_… below; ends with NULL */

/* 0 where the ability is to work, else the code of its refusal, or SUITE_IDLE_CODE. */
int suite_expected(const char *ability);
#define SUITE_IDLE_CODE (-1)

/* Whether the emulator has this shortcoming. Such a case is skipped with the reason, or shown with a stand-in
 * and then said to be. */
bool suite_cannot(const char *what);

/* Advice about pages is passed over, even where there are none. */
#define CANNOT_ADVISE "advice"
/* Pages larger than its host's are imitated, and counted as the host's. */
#define CANNOT_COUNT "resident pages"
/* What nobody mapped looks mapped to the system's calls. */
#define CANNOT_TELL "unmapped ranges"
/* /proc/self/smaps is the host's, which knows other ranges. */
#define CANNOT_FLAG "flags of ranges"

/* ---------------------------------------------- The platform ------------------------------------------------ */

/* What the suite needs of the platform that the glue doesn't give; host_*.c, one of which is linked. */

#define HOST_READ    1U
#define HOST_WRITE   2U
#define HOST_EXECUTE 4U

void host_put(const char *text);
/* Whether this access to the byte at `p` faults. Executing needs a host_return_instruction() at `p`. */
bool host_faults(void *p, unsigned access);

/* The address space that the process has taken. */
typedef struct host_memory {
    bool told;        /* whether the system says */
    size_t bytes[16]; /* by rights: the sum of 1 to read, 2 to write, 4 to execute, 8 where others share it */
    size_t locked;    /* bytes that can't be swapped; 0 where the system doesn't say */
} host_memory;

host_memory host_memory_now(void);
/* A page that the glue knows nothing of, mapped and taken away again, to see whether host_memory_now() sees
 * it. */
void *host_map_page(void);
void host_unmap_page(void *p);
void suite_expect_mapped(const host_memory *before, const char *file, unsigned line);
/* The rights of the mapping at `p`, as in host_memory; -1 where the system doesn't say. */
int host_rights(const void *p);
/* Whether the system lists this flag for the mapping at `p` (VmFlags of Linux's smaps), or this name. */
bool host_has_flag(const void *p, const char *flag);
bool host_has_name(const void *p, const char *name);
/* 0 where the kernel of this machine does it when asked directly, not through the glue; else the code with
 * which the glue is to refuse it. */
int host_kernel_refuses(const char *ability);
/* Runs `body(i, context)` on n threads at once, n at most 16, and waits for all. False where there are none.
 */
bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context);

/* Writes the processor's shortest function, which does nothing, to `at`. False for processors not known here.
 */
bool host_return_instruction(void *at);

/* ---------------------------------------------- The parts --------------------------------------------------- */

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
