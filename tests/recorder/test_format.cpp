// SPDX-License-Identifier: MIT
//
// The pieces of the format: numbers, addresses, checksums.
#include "trace_bytes.hpp"

#include <limits>

namespace {

const std::uint64_t NUMBERS[] = {0,
                                 1,
                                 127,
                                 128,
                                 16383,
                                 16384,
                                 UINT32_MAX,
                                 UINT64_C(1) << 32U,
                                 UINT64_C(1) << 62U,
                                 UINT64_C(1) << 63U,
                                 UINT64_MAX - 1U,
                                 UINT64_MAX};

} // namespace

TEST_CASE("a varint gives back every number, and none from fewer bytes")
{
    for (const std::uint64_t number : NUMBERS) {
        traces::Bytes bytes;
        traces::varint(bytes, number);
        REQUIRE(bytes.size() <= TRACE_VARINT_MOST);
        std::uint64_t found = 0;
        CHECK(trace_get_varint(bytes.data(), bytes.data() + bytes.size(), &found) == bytes.data() + bytes.size());
        CHECK(found == number);
        for (std::size_t less = 0; less < bytes.size(); less++) {
            CHECK(trace_get_varint(bytes.data(), bytes.data() + less, &found) == nullptr);
        }
    }
}

TEST_CASE("a varint of more than 64 bits is none")
{
    std::uint64_t found = 0;
    const traces::Bytes eleven(11, 0x80);
    CHECK(trace_get_varint(eleven.data(), eleven.data() + eleven.size(), &found) == nullptr);
    traces::Bytes large(9, 0xFF);
    large.push_back(0x02); // the 65th bit
    CHECK(trace_get_varint(large.data(), large.data() + large.size(), &found) == nullptr);
    large.back() = 0x01;
    CHECK(trace_get_varint(large.data(), large.data() + large.size(), &found) != nullptr);
    CHECK(found == UINT64_MAX);
}

TEST_CASE("differences and addresses come back as they were")
{
    for (const std::uint64_t number : NUMBERS) {
        CHECK(trace_unzigzag(trace_zigzag(number)) == number);
        CHECK(trace_unrotated(trace_rotated(number)) == number);
        CHECK(trace_place(number) < TRACE_RECENT_ENTRIES);
    }
    CHECK(trace_zigzag(static_cast<std::uint64_t>(-1)) == 1U);
    CHECK(trace_zigzag(1) == 2U);
}

TEST_CASE("every changed bit changes the checksum, and so does the length")
{
    traces::Bytes bytes(37);
    for (std::size_t i = 0; i < bytes.size(); i++) {
        bytes[i] = static_cast<unsigned char>(i * 7U);
    }
    const std::uint64_t right = trace_checksum(5, bytes.data(), bytes.size());
    for (std::size_t bit = 0; bit < 8U * bytes.size(); bit++) {
        bytes[bit / 8U] = static_cast<unsigned char>(bytes[bit / 8U] ^ (1U << (bit % 8U)));
        CHECK(trace_checksum(5, bytes.data(), bytes.size()) != right);
        bytes[bit / 8U] = static_cast<unsigned char>(bytes[bit / 8U] ^ (1U << (bit % 8U)));
    }
    CHECK(trace_checksum(5, bytes.data(), bytes.size()) == right);
    CHECK(trace_checksum(6, bytes.data(), bytes.size()) != right);
    CHECK(trace_checksum(5, bytes.data(), bytes.size() - 1U) != right);
    bytes.push_back(0); // what the last word is filled up with anyway
    CHECK(trace_checksum(5, bytes.data(), bytes.size()) != right);
}
