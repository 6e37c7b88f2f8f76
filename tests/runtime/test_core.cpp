// SPDX-License-Identifier: MIT
#include "support.hpp"

#include <cerrno>
#include <set>
#include <thread>

TEST_CASE("every status has its own words", "[core]")
{
    std::set<std::string> seen;
    for (int i = LAMINA_OK; i <= LAMINA_ERR_UNSUPPORTED; i++) {
        const char *const text = lamina_status_text(static_cast<lamina_status>(i));
        REQUIRE(text != nullptr);
        REQUIRE(std::strlen(text) > 3);
        REQUIRE(std::string(text) != "not a status of Lamina");
        REQUIRE(seen.insert(text).second);
    }
    REQUIRE(LAMINA_OK == 0);
}

TEST_CASE("the last platform error belongs to its thread", "[core]")
{
    REQUIRE(LAMINA_OS_ERROR_INVALID == EINVAL);
    lamina_set_last_os_error(ENOMEM);
    int other_before = -1;
    int other_after = -1;
    std::thread([&] {
        other_before = lamina_last_os_error();
        lamina_set_last_os_error(EPERM);
        other_after = lamina_last_os_error();
    }).join();
    REQUIRE(other_before == 0);
    REQUIRE(other_after == EPERM);
    REQUIRE(lamina_last_os_error() == ENOMEM);
}

TEST_CASE("powers of two", "[core]")
{
    REQUIRE_FALSE(lamina_is_pow2(0));
    for (unsigned n = 0; n < LAMINA_SIZE_BITS; n++) {
        const size_t power = static_cast<size_t>(1) << n;
        REQUIRE(lamina_is_pow2(power));
        REQUIRE(lamina_ctz(power) == n);
        REQUIRE(lamina_ctz(SIZE_MAX << n) == n);
        if (n >= 2) {
            REQUIRE_FALSE(lamina_is_pow2(power - 1));
            REQUIRE_FALSE(lamina_is_pow2(power + 1));
        }
    }
}

TEST_CASE("rotation by every count, zero among them", "[core]")
{
    const size_t value = static_cast<size_t>(UINT64_C(0x0123456789ABCDEF));
    REQUIRE(lamina_rotr(value, 0) == value);
    REQUIRE(lamina_rotr(value, LAMINA_SIZE_BITS) == value);
    for (unsigned n = 1; n < LAMINA_SIZE_BITS; n++) {
        REQUIRE(lamina_rotr(value, n) == ((value >> n) | (value << (LAMINA_SIZE_BITS - n))));
    }
    // What it is for: only multiples of the stride land below the count.
    for (size_t offset = 0; offset < 4096; offset++) {
        REQUIRE((lamina_rotr(offset, 6) < 64) == (offset % 64 == 0));
    }
    REQUIRE(lamina_rotr(static_cast<size_t>(0) - 64, 6) >= 64);
}

TEST_CASE("rounding and padding agree with division", "[core]")
{
    for (size_t align = 1; align <= 4096; align *= 2) {
        for (size_t value = 0; value < 3 * align + 3; value += (align > 64 ? 37 : 1)) {
            const size_t up = (value + align - 1) / align * align;
            REQUIRE(lamina_round_up(value, align) == up);
            REQUIRE(lamina_round_down(value, align) == value / align * align);
            const void *const p = reinterpret_cast<const void *>(value);
            REQUIRE(lamina_padding(p, align) == up - value);
            REQUIRE(lamina_is_aligned(p, align) == (value % align == 0));
            size_t checked = 0;
            REQUIRE_FALSE(lamina_round_up_overflows(value, align, &checked));
            REQUIRE(checked == up);
        }
        size_t out = 0;
        REQUIRE(lamina_round_up_overflows(SIZE_MAX, align, &out) == (align != 1));
        REQUIRE_FALSE(lamina_round_up_overflows(SIZE_MAX - (align - 1), align, &out));
        REQUIRE(out == SIZE_MAX - (align - 1));
        if (align > 1) {
            REQUIRE(lamina_round_up_overflows(SIZE_MAX - (align - 2), align, &out));
        }
    }
}

TEST_CASE("checked arithmetic", "[core]")
{
    size_t out = 0;
    REQUIRE_FALSE(lamina_add_overflows(SIZE_MAX - 1, 1, &out));
    REQUIRE(out == SIZE_MAX);
    REQUIRE(lamina_add_overflows(SIZE_MAX, 1, &out));
    REQUIRE_FALSE(lamina_sub_overflows(5, 5, &out));
    REQUIRE(out == 0);
    REQUIRE(lamina_sub_overflows(5, 6, &out));
    REQUIRE_FALSE(lamina_mul_overflows(SIZE_MAX / 3, 3, &out));
    REQUIRE(out == SIZE_MAX / 3 * 3);
    REQUIRE(lamina_mul_overflows(SIZE_MAX / 3 + 1, 3, &out));
    REQUIRE_FALSE(lamina_mul_overflows(0, SIZE_MAX, &out));
}

TEST_CASE("bits are counted", "[core]")
{
    uint64_t value = 1;
    for (int i = 0; i < 5000; i++) {
        value = value * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned naive = 0;
        for (unsigned bit = 0; bit < 64; bit++) {
            naive += static_cast<unsigned>((value >> bit) & 1U);
        }
        REQUIRE(lamina_popcount64(value) == naive);
        REQUIRE(lamina_ctz64((value | 1U) << (i % 63)) == static_cast<unsigned>(i % 63));
    }
    REQUIRE(lamina_popcount64(0) == 0);
    REQUIRE(lamina_popcount64(UINT64_MAX) == 64);
    REQUIRE(lamina_ctz64(UINT64_C(1) << 63) == 63);
}

TEST_CASE("raw memory is read and written at any address", "[core]")
{
    unsigned char bytes[32];
    for (size_t at = 0; at < 16; at++) {
        std::memset(bytes, 0xAA, sizeof bytes);
        lamina_store_u64(bytes + at, UINT64_C(0x1122334455667788));
        REQUIRE(lamina_load_u64(bytes + at) == UINT64_C(0x1122334455667788));
        REQUIRE(bytes[at + 8] == 0xAA);
        lamina_store_u32(bytes + at, 0x99887766U);
        REQUIRE(lamina_load_u32(bytes + at) == 0x99887766U);
        lamina_store_u16(bytes + at, 0x1234U);
        REQUIRE(lamina_load_u16(bytes + at) == 0x1234U);
        lamina_store_size(bytes + at, SIZE_MAX - 7);
        REQUIRE(lamina_load_size(bytes + at) == SIZE_MAX - 7);
        lamina_store_ptr(bytes + at, bytes);
        REQUIRE(lamina_load_ptr(bytes + at) == bytes);
        if (at > 0) {
            REQUIRE(bytes[at - 1] == 0xAA);
        }
    }
}
