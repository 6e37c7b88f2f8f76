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

/* Room for every ability of the compiler's table. */
static bool was_asked[64];

static bool same_text(const char *a, const char *b)
{
    size_t i = 0U;
    while ((a[i] != '\0') && (a[i] == b[i])) {
        i++;
    }
    return a[i] == b[i];
}

static void put_answer(const char *ability, int code)
{
    host_put("asked ");
    host_put(ability);
    if (code == 0) {
        host_put(" | there");
    } else {
        host_put(" | refused with ");
        put_signed(code);
    }
    host_put("\n");
}

int suite_expected(const char *ability)
{
    static int answers[64];
    for (size_t i = 0; i < suite_expectation_count; i++) {
        const suite_expectation *const it = &suite_expectations[i];
        if (same_text(it->ability, ability)) {
            if (!was_asked[i]) {
                was_asked[i] = true;
                answers[i] = (it->how == SUITE_WORKS)  ? 0
                             : (it->how == SUITE_IDLE) ? SUITE_IDLE_CODE
                             : (it->how == SUITE_ASK)  ? host_kernel_refuses(ability)
                                                       : it->code;
                if (it->how == SUITE_ASK) {
                    put_answer(ability, answers[i]);
                }
            }
            return answers[i];
        }
    }
    suite_expect(false, __FILE__, (unsigned)__LINE__, ability); /* misspelt: no such ability */
    return SUITE_UNTOUCHED;
}

void suite_expect_ability(const char *ability, bool works, const char *file, unsigned line, const char *call)
{
    const int code = suite_expected(ability);
    suite_expect_number(works ? 1 : 0, (code <= 0) ? 1 : 0, file, line, call);
    suite_expect_number(lamina_last_os_error(), (code <= 0) ? SUITE_UNTOUCHED : code, file, line, call);
}

bool suite_cannot(const char *what)
{
    bool out = false;
    for (size_t i = 0; suite_shortcomings[i] != NULL; i++) {
        out = out || same_text(suite_shortcomings[i], what);
    }
    return out;
}

void suite_expect_mapped(const host_memory *then, const char *file, unsigned line)
{
    const host_memory now_is = host_memory_now();
    suite_expect(then->told && now_is.told, file, line, "what is mapped can be read");
    for (size_t i = 0; i < sizeof then->bytes / sizeof then->bytes[0]; i++) {
        static const char *const rights[16] = {
            "KiB mapped ---p", "KiB mapped r--p", "KiB mapped -w-p", "KiB mapped rw-p",
            "KiB mapped --xp", "KiB mapped r-xp", "KiB mapped -wxp", "KiB mapped rwxp",
            "KiB mapped ---s", "KiB mapped r--s", "KiB mapped -w-s", "KiB mapped rw-s",
            "KiB mapped --xs", "KiB mapped r-xs", "KiB mapped -wxs", "KiB mapped rwxs",
        };
        suite_expect_number((int)(now_is.bytes[i] >> 10U), (int)(then->bytes[i] >> 10U), file, line,
                            rights[i]);
    }
    suite_expect_number((int)(now_is.locked >> 10U), (int)(then->locked >> 10U), file, line, "KiB locked");
}

#if __STDC_HOSTED__ && !defined(SUITE_STACKS) && !defined(SUITE_MACHINE)
static void all_were_asked(void)
{
    CASE("abilities",
         "each that the compiler's table names was asked for by a case above, and came out as expected")
    {
        EXPECT((suite_expectation_count > 0U) &&
               (suite_expectation_count <= sizeof was_asked / sizeof was_asked[0]));
        for (size_t i = 0; i < suite_expectation_count; i++) {
            suite_expect(was_asked[i], __FILE__, (unsigned)__LINE__, suite_expectations[i].ability);
        }
    }
}
#endif

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
    all_were_asked();
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
