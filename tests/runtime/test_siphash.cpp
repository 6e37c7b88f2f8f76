// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/random.h"
#include "lamina/siphash.h"

#include <vector>

namespace
{

uint64_t rotl(uint64_t v, unsigned n)
{
    return (v << n) | (v >> (64 - n));
}

// SipHash-2-4 of a message of any length, written from the paper's description and checked against the published
// vectors below before it is used to check the specialized one.
uint64_t reference(const unsigned char key[16], const std::vector<unsigned char> &message)
{
    const auto word = [](const unsigned char *p) {
        uint64_t out = 0;
        for (unsigned i = 0; i < 8; i++) {
            out |= static_cast<uint64_t>(p[i]) << (8 * i);
        }
        return out;
    };
    const uint64_t k0 = word(key);
    const uint64_t k1 = word(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575U, k1 ^ 0x646f72616e646f6dU, k0 ^ 0x6c7967656e657261U,
                     k1 ^ 0x7465646279746573U};
    const auto rounds = [&v](int count) {
        for (int i = 0; i < count; i++) {
            v[0] += v[1], v[2] += v[3];
            v[1] = rotl(v[1], 13), v[3] = rotl(v[3], 16);
            v[1] ^= v[0], v[3] ^= v[2];
            v[0] = rotl(v[0], 32);
            v[2] += v[1], v[0] += v[3];
            v[1] = rotl(v[1], 17), v[3] = rotl(v[3], 21);
            v[1] ^= v[2], v[3] ^= v[0];
            v[2] = rotl(v[2], 32);
        }
    };
    std::vector<unsigned char> padded = message;
    padded.resize(message.size() / 8 * 8 + 8, 0);
    padded.back() = static_cast<unsigned char>(message.size());
    for (size_t i = 0; i < padded.size(); i += 8) {
        const uint64_t m = word(&padded[i]);
        v[3] ^= m;
        rounds(2);
        v[0] ^= m;
    }
    v[2] ^= 0xFF;
    rounds(4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

std::vector<unsigned char> counting(size_t length)
{
    std::vector<unsigned char> out;
    for (size_t i = 0; i < length; i++) {
        out.push_back(static_cast<unsigned char>(i));
    }
    return out;
}

const unsigned char counting_key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

} // namespace

TEST_CASE("SipHash-2-4: the published vectors", "[siphash]")
{
    // Appendix A of the paper (15 bytes), and entries 0, 7, 8 and 9 of vectors_sip64 in the authors' vectors.h.
    REQUIRE(reference(counting_key, counting(15)) == UINT64_C(0xa129ca6149be45e5));
    REQUIRE(reference(counting_key, counting(0)) == UINT64_C(0x726fdb47dd0e0e31));
    REQUIRE(reference(counting_key, counting(7)) == UINT64_C(0xab0200f58b01d137));
    REQUIRE(reference(counting_key, counting(8)) == UINT64_C(0x93f5f5799a932462));
    REQUIRE(reference(counting_key, counting(9)) == UINT64_C(0x9e0082df0ba9e4b0));

    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    REQUIRE(lamina_siphash24_u64(key, UINT64_C(0x0706050403020100)) == UINT64_C(0x93f5f5799a932462));
}

TEST_CASE("SipHash-2-4 of eight bytes is the published function for every key and message", "[siphash]")
{
    uint64_t state = 1;
    for (int i = 0; i < 2000; i++) {
        const uint64_t key[2] = {lamina_mix_next(&state), (i % 7 == 0) ? 0 : lamina_mix_next(&state)};
        const uint64_t message = (i % 5 == 0) ? static_cast<uint64_t>(i) : lamina_mix_next(&state);
        unsigned char key_bytes[16];
        std::vector<unsigned char> message_bytes;
        for (unsigned b = 0; b < 8; b++) {
            key_bytes[b] = static_cast<unsigned char>(key[0] >> (8 * b));
            key_bytes[8 + b] = static_cast<unsigned char>(key[1] >> (8 * b));
            message_bytes.push_back(static_cast<unsigned char>(message >> (8 * b)));
        }
        REQUIRE(lamina_siphash24_u64(key, message) == reference(key_bytes, message_bytes));
    }
}
