/* SPDX-License-Identifier: MIT */
/* What needs no system: arithmetic, bytes of blocks, checksums, the line of a report. */
#include "suite.h"

#include "lamina/block.h"
#include "lamina/random.h"
#include "lamina/report.h"
#include "lamina/siphash.h"

static bool same_text(const char *a, const char *b)
{
    size_t i = 0;
    while ((a[i] != '\0') && (a[i] == b[i])) {
        i++;
    }
    return a[i] == b[i];
}

static void arithmetic(void)
{
    CASE("core", "sizes are rounded, and told when they overflow")
    {
        size_t out = 0U;
        EXPECT(lamina_round_up(1U, 4096U) == 4096U);
        EXPECT(!lamina_round_up_overflows(4097U, 4096U, &out) && (out == 8192U));
        EXPECT(lamina_round_up_overflows(SIZE_MAX, 4096U, &out));
        EXPECT(lamina_round_up_overflows(SIZE_MAX - 4094U, 4096U, &out));
        EXPECT(lamina_add_overflows(SIZE_MAX, 1U, &out));
        EXPECT(!lamina_is_pow2(0U) && lamina_is_pow2(1U) && !lamina_is_pow2(12U));
        EXPECT(lamina_ctz((size_t)64U) == 6U);
        EXPECT(lamina_popcount64(UINT64_C(0x8000000100000001)) == 3U);
    }
    CASE("core", "words are read and written at any address")
    {
        unsigned char bytes[24];
        for (size_t at = 0; at < 8U; at++) {
            lamina_store_u64(bytes + at, UINT64_C(0x0123456789ABCDEF));
            EXPECT(lamina_load_u64(bytes + at) == UINT64_C(0x0123456789ABCDEF));
        }
    }
}

static void blocks(void)
{
    static unsigned char block[80];
    CASE("core", "a pattern of a word is the word as it lies in memory, at each length and address")
    {
        const uint64_t word = UINT64_C(0x1122334455667788);
        unsigned char in_memory[8];
        __builtin_memcpy(in_memory, &word, sizeof in_memory);
        for (size_t at = 0; at < 4U; at++) {
            for (size_t bytes = 0; bytes <= 70U; bytes++) {
                (void)memset(block, 0xEE, sizeof block);
                lamina_fill_word(block + at, bytes, word);
                for (size_t i = 0; i < bytes; i++) {
                    EXPECT(block[at + i] == in_memory[i % 8U]);
                    EXPECT(lamina_pattern_byte(word, i) == in_memory[i % 8U]);
                }
                EXPECT(block[at + bytes] == 0xEE);
                EXPECT(lamina_holds_word(block + at, bytes, word));
                for (size_t i = 0; i < bytes; i++) {
                    block[at + i] ^= 1U;
                    EXPECT(!lamina_holds_word(block + at, bytes, word));
                    EXPECT(lamina_first_mismatch(block + at, bytes, word) == i);
                    block[at + i] ^= 1U;
                }
            }
        }
    }
    CASE("core", "SipHash-2-4 and splitmix64 give their published values")
    {
        const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
        uint64_t state = 0U;
        EXPECT(lamina_siphash24_u64(key, UINT64_C(0x0706050403020100)) == UINT64_C(0x93f5f5799a932462));
        EXPECT(lamina_mix_next(&state) == UINT64_C(0xe220a8397b1dcdaf));
        EXPECT(lamina_bounded(UINT64_MAX, 7U) == 6U);
    }
}

static void reports(void)
{
    CASE("core", "a corruption is told in one line, and cut where there is no room")
    {
        const lamina_corruption event = {"pool", "poison", "poison overwritten", (const void *)(uintptr_t)0x20, -3,
                                         0xDEU,  0xDFU};
        char line[LAMINA_CORRUPTION_LINE_BYTES];
        const char *const expected =
            "lamina: pool: poison: poison overwritten at 0x20 (offset -3: expected 0xde, found 0xdf)\n";
        const size_t length = lamina_corruption_line(line, sizeof line, &event);
        EXPECT(same_text(line, expected));
        EXPECT(line[length] == '\0');
        EXPECT((lamina_corruption_line(line, 10U, &event) == 9U) && same_text(line, "lamina: \n"));
        EXPECT((lamina_corruption_line(line, 1U, &event) == 0U) && (line[0] == '\0'));
    }
    CASE("errors", "the last error is what was set, and each status has a text")
    {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        EXPECT(lamina_last_os_error() == LAMINA_OS_ERROR_INVALID);
        lamina_set_last_os_error(0);
        EXPECT(lamina_last_os_error() == 0);
        for (int i = (int)LAMINA_OK; i <= (int)LAMINA_ERR_UNSUPPORTED; i++) {
            EXPECT(!same_text(lamina_status_text((lamina_status)i), "not a status of Lamina"));
        }
    }
}

void part_core(void)
{
    arithmetic();
    blocks();
    reports();
    suite_finds("core", (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) ? "the most significant byte lies first"
                                                                 : "the least significant byte lies first");
    suite_finds_number("core", "pointers of ", sizeof(void *) * 8U, " bits");
}
