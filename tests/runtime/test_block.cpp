// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/block.h"

#include <memory>
#include <utility>
#include <vector>

namespace
{

constexpr uint64_t words[] = {0,
                              UINT64_MAX,
                              UINT64_C(0xDEDEDEDEDEDEDEDE),
                              UINT64_C(0x0123456789ABCDEF),
                              UINT64_C(0x00000000000000FF),
                              UINT64_C(0xFF00000000000000)};

// The meaning, as directly as it can be said.
unsigned char pattern_byte(uint64_t word, size_t i)
{
    unsigned char in_memory[8];
    std::memcpy(in_memory, &word, 8);
    return in_memory[i % 8];
}

bool naive_holds(const unsigned char *p, size_t bytes, uint64_t word)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != pattern_byte(word, i)) {
            return false;
        }
    }
    return true;
}

constexpr size_t fence = 16;
constexpr unsigned char untouched = 0x5C;

// A block of exactly `bytes` at `offset` from an aligned address, at the end of its heap block so that a sanitizer
// sees a look beyond it, and with a fence before it.
struct Block {
    std::unique_ptr<unsigned char[]> memory;
    unsigned char *p;
    size_t bytes;

    Block(size_t size, size_t offset)
        : memory(new unsigned char[fence + offset + size]), p(memory.get() + fence + offset), bytes(size)
    {
        std::memset(memory.get(), untouched, fence + offset + size);
    }
    bool fence_holds() const
    {
        for (const unsigned char *at = memory.get(); at < p; at++) {
            if (*at != untouched) {
                return false;
            }
        }
        return true;
    }
};

// What a function does to a block of any size, checked against the naive meaning. Mismatches are counted rather
// than required one by one, which would be millions of assertions.
size_t wrong_at_run_time(size_t bytes, size_t offset, uint64_t word)
{
    size_t wrong = 0;
    Block block(bytes, offset);
    lamina_fill_word(block.p, bytes, word);
    wrong += !naive_holds(block.p, bytes, word);
    wrong += !block.fence_holds();
    wrong += !lamina_holds_word(block.p, bytes, word);
    wrong += lamina_first_mismatch(block.p, bytes, word) != bytes;
    for (size_t i = 0; i < bytes; i++) {
        block.p[i] = static_cast<unsigned char>(block.p[i] ^ (1U << (i % 8)));
        wrong += lamina_holds_word(block.p, bytes, word);
        wrong += lamina_first_mismatch(block.p, bytes, word) != i;
        block.p[i] = static_cast<unsigned char>(block.p[i] ^ (1U << (i % 8)));
    }
    lamina_zero(block.p, bytes);
    wrong += !naive_holds(block.p, bytes, 0);
    wrong += !block.fence_holds();
    return wrong;
}

// The same with size and word known to the compiler, where other code comes out.
template <size_t bytes, uint64_t word> size_t wrong_at_compile_time(size_t offset)
{
    size_t wrong = 0;
    Block block(bytes, offset);
    lamina_fill_word(block.p, bytes, word);
    wrong += !naive_holds(block.p, bytes, word);
    wrong += !block.fence_holds();
    wrong += !lamina_holds_word(block.p, bytes, word);
    for (size_t i = 0; i < bytes; i++) {
        block.p[i] = static_cast<unsigned char>(block.p[i] ^ 0x80U);
        wrong += lamina_holds_word(block.p, bytes, word);
        block.p[i] = static_cast<unsigned char>(block.p[i] ^ 0x80U);
    }
    lamina_zero(block.p, bytes);
    wrong += !naive_holds(block.p, bytes, 0);
    wrong += !block.fence_holds();
    return wrong;
}

template <uint64_t word, size_t... sizes> size_t wrong_for_sizes(size_t offset, std::index_sequence<sizes...>)
{
    return (wrong_at_compile_time<sizes, word>(offset) + ... + 0U);
}

} // namespace

TEST_CASE("fill, verify and wipe: all sizes up to 300, all offsets, against a plain loop", "[block]")
{
    for (const uint64_t word : words) {
        for (size_t bytes = 0; bytes <= 300; bytes++) {
            INFO("word " << word << ", " << bytes << " bytes");
            const size_t offsets = (bytes < 40) ? 17 : 3;
            for (size_t offset = 0; offset < offsets; offset++) {
                REQUIRE(wrong_at_run_time(bytes, offset, word) == 0);
            }
        }
    }
}

TEST_CASE("fill, verify and wipe: sizes and words that the compiler knows", "[block]")
{
    for (size_t offset = 0; offset < 9; offset++) {
        REQUIRE(wrong_for_sizes<UINT64_C(0xDEDEDEDEDEDEDEDE)>(offset, std::make_index_sequence<161>()) == 0);
        REQUIRE(wrong_for_sizes<UINT64_C(0x0123456789ABCDEF)>(offset, std::make_index_sequence<161>()) == 0);
    }
    REQUIRE(wrong_at_compile_time<300, UINT64_C(0x0123456789ABCDEF)>(1) == 0);
    REQUIRE(wrong_at_compile_time<300, 0>(1) == 0);
    REQUIRE(wrong_at_compile_time<4096, UINT64_C(0xA5A5A5A5A5A5A5A5)>(3) == 0);
}

TEST_CASE("large blocks", "[block]")
{
    for (const size_t bytes : {4095U, 4096U, 8192U, 100003U}) {
        std::vector<unsigned char> block(bytes);
        lamina_fill_word(block.data(), bytes, UINT64_C(0x0123456789ABCDEF));
        REQUIRE(naive_holds(block.data(), bytes, UINT64_C(0x0123456789ABCDEF)));
        REQUIRE(lamina_holds_word(block.data(), bytes, UINT64_C(0x0123456789ABCDEF)));
        block[bytes - 1] ^= 1U;
        REQUIRE_FALSE(lamina_holds_word(block.data(), bytes, UINT64_C(0x0123456789ABCDEF)));
        REQUIRE(lamina_first_mismatch(block.data(), bytes, UINT64_C(0x0123456789ABCDEF)) == bytes - 1);
    }
}

TEST_CASE("two differences don't cancel out", "[block]")
{
    unsigned char block[64];
    for (size_t a = 0; a < sizeof block; a++) {
        for (size_t b = 0; b < sizeof block; b++) {
            lamina_fill_word(block, sizeof block, UINT64_C(0xDEDEDEDEDEDEDEDE));
            block[a] = 0x55;
            block[b] = 0x55;
            if (lamina_holds_word(block, sizeof block, UINT64_C(0xDEDEDEDEDEDEDEDE)) ||
                lamina_holds_word(block, 63 > b ? 63 : 64, UINT64_C(0xDEDEDEDEDEDEDEDE))) {
                FAIL("bytes " << a << " and " << b);
            }
        }
    }
}

TEST_CASE("a report shows up to eight bytes", "[block]")
{
    unsigned char bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t n = 0; n <= 9; n++) {
        const uint64_t word = lamina_peek_word(bytes, n);
        unsigned char shown[8];
        std::memcpy(shown, &word, 8);
        for (size_t i = 0; i < 8; i++) {
            REQUIRE(shown[i] == ((i < n) ? bytes[i] : 0));
        }
    }
}
