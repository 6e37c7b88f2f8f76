/* SPDX-License-Identifier: MIT */
/* Random bytes: other ones each time, everywhere in the buffer, and none beside it. */
#include "suite.h"

#include "lamina/random.h"

#if __STDC_HOSTED__

static void bytes_of_the_system(void)
{
    static unsigned char first[1024];
    static unsigned char second[1024];
    CASE("random", "two fills differ, and neither is a constant")
    {
        size_t differing = 0U;
        unsigned seen = 0U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT_ABILITY("random bytes", lamina_random_bytes(first, sizeof first));
        EXPECT_WORKS(lamina_random_bytes(second, sizeof second));
        for (size_t i = 0; i < sizeof first; i++) {
            differing += (first[i] != second[i]) ? 1U : 0U;
            seen |= (unsigned)first[i];
        }
        /* 1020 of 1024 bytes are expected to differ; below 950 is less likely than any error of a machine. */
        EXPECT((differing > 950U) && (seen == 0xFFU));
    }
    CASE("random", "exactly the bytes asked for are written, however few")
    {
        for (size_t bytes = 1U; bytes <= 300U; bytes += 13U) {
            bool last_changed = false;
            for (unsigned attempt = 0; attempt < 8U; attempt++) {
                first[bytes - 1U] = 0xEEU;
                first[bytes] = 0xEEU;
                EXPECT(lamina_random_bytes(first, bytes));
                EXPECT(first[bytes] == 0xEEU);
                last_changed = last_changed || (first[bytes - 1U] != 0xEEU);
            }
            EXPECT(last_changed);
        }
    }
    CASE("random", "no bytes and no buffer are refused")
    {
        EXPECT_REFUSED(lamina_random_bytes(first, 0U), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_random_bytes(NULL, 8U), LAMINA_OS_ERROR_INVALID);
    }
}

#else

/* The program's source: a generator that is none for secrets, but shows whether it was asked. */
static uint64_t source_state;
static bool source_is_dry;

bool lamina_port_random(void *out, size_t bytes)
{
    unsigned char *const at = (unsigned char *)out;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (unsigned char)lamina_mix_next(&source_state);
    }
    return !source_is_dry;
}

static void bytes_of_the_system(void)
{
    CASE("random", "the source that the program supplies is asked, and its failure is told")
    {
        unsigned char first[32];
        unsigned char second[32];
        size_t differing = 0U;
        EXPECT_WORKS(lamina_random_bytes(first, sizeof first));
        EXPECT_WORKS(lamina_random_bytes(second, sizeof second));
        for (size_t i = 0; i < sizeof first; i++) {
            differing += (first[i] != second[i]) ? 1U : 0U;
        }
        EXPECT(differing > 24U);
        EXPECT_REFUSED(lamina_random_bytes(first, 0U), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_random_bytes(NULL, 8U), LAMINA_OS_ERROR_INVALID);
        source_is_dry = true;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT(!lamina_random_bytes(first, sizeof first) && (lamina_last_os_error() != SUITE_UNTOUCHED));
        source_is_dry = false;
    }
    suite_finds("random", "the program's own source, or a refusal where it has none");
}

#endif

void part_random(void)
{
    bytes_of_the_system();
    CASE("random", "the generator for placement runs through different numbers, and bounds them")
    {
        uint64_t state = 42U;
        uint64_t before = 0U;
        for (unsigned i = 0; i < 1000U; i++) {
            const uint64_t next = lamina_mix_next(&state);
            EXPECT(next != before);
            EXPECT((lamina_bounded(next, 10U) < 10U) && (lamina_bounded(next, 0U) == 0U));
            before = next;
        }
    }
}
