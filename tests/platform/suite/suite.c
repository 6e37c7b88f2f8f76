/* SPDX-License-Identifier: MIT */
/* Counting and telling: see suite.h. No stdio, because there may be none. */
#include "suite.h"

static struct {
    const char *ability; /* NULL between cases */
    const char *sentence;
    const char *why_skipped;
    const char *file; /* of the first condition that didn't hold; NULL while all do */
    const char *condition;
    unsigned line;
    bool numbers; /* whether the next two say more */
    int found;
    int expected;
} now;

static size_t passed;
static size_t failed;
static size_t skipped;

static void put_number(size_t number)
{
    char digits[24];
    size_t at = sizeof digits - 1U;
    size_t rest = number;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (char)(rest % 10U));
        rest /= 10U;
    } while (rest != 0U);
    host_put(&digits[at]);
}

static void put_signed(int number)
{
    if (number < 0) {
        host_put("-");
    }
    put_number((number < 0) ? (size_t)0 - (size_t)number : (size_t)number);
}

bool suite_begin(const char *ability, const char *sentence)
{
    (void)suite_end();
    now.ability = ability;
    now.sentence = sentence;
    now.why_skipped = NULL;
    now.file = NULL;
    now.numbers = false;
    return true;
}

static void put_case(const char *how)
{
    host_put(how);
    host_put(now.ability);
    host_put(" | ");
    host_put(now.sentence);
}

bool suite_end(void)
{
    if (now.ability == NULL) {
        return false;
    }
    if (now.file != NULL) {
        failed++;
        put_case("failed ");
        host_put(" | ");
        host_put(now.file);
        host_put(":");
        put_number(now.line);
        host_put(": ");
        host_put(now.condition);
        if (now.numbers) {
            host_put(" gave ");
            put_signed(now.found);
            host_put(", not ");
            put_signed(now.expected);
        }
    } else if (now.why_skipped != NULL) {
        skipped++;
        put_case("skipped ");
        host_put(" | ");
        host_put(now.why_skipped);
    } else {
        passed++;
        put_case("ok ");
    }
    host_put("\n");
    now.ability = NULL;
    return false;
}

void suite_expect(bool holds, const char *file, unsigned line, const char *condition)
{
    if (!holds && (now.file == NULL)) {
        now.file = file;
        now.line = line;
        now.condition = condition;
        now.numbers = false;
    }
}

void suite_expect_number(int found, int expected, const char *file, unsigned line, const char *call)
{
    const bool first = now.file == NULL;
    suite_expect(found == expected, file, line, call);
    if (first && (now.file != NULL)) {
        now.numbers = true;
        now.found = found;
        now.expected = expected;
    }
}

void suite_skip(const char *why)
{
    now.why_skipped = why;
}

void suite_finds(const char *ability, const char *what)
{
    host_put("finds ");
    host_put(ability);
    host_put(" | ");
    host_put(what);
    host_put("\n");
}

void suite_finds_number(const char *ability, const char *before, size_t number, const char *after)
{
    host_put("finds ");
    host_put(ability);
    host_put(" | ");
    host_put(before);
    put_number(number);
    host_put(after);
    host_put("\n");
}

int suite_main(void);

int suite_main(void)
{
#if defined(SUITE_STACKS)
    part_stacks();
#elif defined(SUITE_MACHINE)
    part_machine();
#else
    part_core();
#if __STDC_HOSTED__
    part_memory();
    part_protect();
    part_huge();
    part_watermark();
    part_races();
    part_secret();
    part_numa();
    part_threads();
    part_random();
    part_refusals();
    part_ranges();
    part_failures();
#else
    part_threads();
    part_random();
#endif
#endif
    (void)suite_end();
    host_put("suite: ");
    put_number(passed);
    host_put(" ok, ");
    put_number(failed);
    host_put(" failed, ");
    put_number(skipped);
    host_put(" skipped\n");
    return (failed == 0U) ? 0 : 1;
}
