// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/random.h"

#include <cerrno>
#include <set>
#include <vector>

TEST_CASE("random bytes fill exactly what was asked for", "[random]")
{
    for (const size_t bytes : {1U, 7U, 8U, 16U, 256U, 257U, 5000U, 100000U}) {
        std::vector<unsigned char> out(bytes + 2, 0xEE);
        REQUIRE_WORKS(lamina_random_bytes(out.data() + 1, bytes));
        REQUIRE(out.front() == 0xEE);
        REQUIRE(out.back() == 0xEE);
        if (bytes >= 256) {
            std::set<unsigned char> seen(out.begin() + 1, out.end() - 1);
            REQUIRE(seen.size() > 100);
            // The last bytes of a long answer are filled too (zero each time with probability 2^-64).
            uint64_t tail = 0;
            std::memcpy(&tail, &out[bytes - 7], 8);
            REQUIRE(tail != UINT64_C(0xEEEEEEEEEEEEEEEE));
        }
    }
}

TEST_CASE("random bytes differ from call to call", "[random]")
{
    std::set<uint64_t> seen;
    for (int i = 0; i < 1000; i++) {
        uint64_t value = 0;
        REQUIRE(lamina_random_bytes(&value, sizeof value));
        REQUIRE(seen.insert(value).second);
    }
}

TEST_CASE("no bytes and no place are refused", "[random]")
{
    unsigned char byte = 0;
    REQUIRE_REFUSED(lamina_random_bytes(nullptr, 1), EINVAL);
    REQUIRE_REFUSED(lamina_random_bytes(&byte, 0), EINVAL);
}

TEST_CASE("the placement generator is splitmix64", "[random]")
{
    // The first outputs of S. Vigna's splitmix64.c from the states 0 and 1234567.
    uint64_t state = 0;
    REQUIRE(lamina_mix_next(&state) == UINT64_C(0xe220a8397b1dcdaf));
    REQUIRE(lamina_mix_next(&state) == UINT64_C(0x6e789e6aa1b965f4));
    REQUIRE(lamina_mix_next(&state) == UINT64_C(0x06c45d188009454f));
    state = 1234567;
    REQUIRE(lamina_mix_next(&state) == UINT64_C(6457827717110365317));
    REQUIRE(lamina_mix_next(&state) == UINT64_C(3203168211198807973));
}

TEST_CASE("bounded numbers stay in bounds and are even", "[random]")
{
    uint64_t state = 42;
    for (const uint32_t n : {1U, 2U, 3U, 10U, 1000U, UINT32_MAX}) {
        REQUIRE(lamina_bounded(0, n) == 0);
        REQUIRE(lamina_bounded(UINT64_MAX, n) == n - 1);
        for (int i = 0; i < 1000; i++) {
            REQUIRE(lamina_bounded(lamina_mix_next(&state), n) < n);
        }
    }
    REQUIRE(lamina_bounded(UINT64_MAX, 0) == 0);
    unsigned counts[10] = {};
    for (int i = 0; i < 100000; i++) {
        counts[lamina_bounded(lamina_mix_next(&state), 10)]++;
    }
    for (const unsigned count : counts) { // ten standard deviations
        REQUIRE(count > 9000);
        REQUIRE(count < 11000);
    }
}
