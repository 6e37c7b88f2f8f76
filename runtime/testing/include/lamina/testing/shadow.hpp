// shadow.hpp: what must be true of the blocks that are out: none overlaps another, each is aligned, and each still
// holds what was written to it. Every block is filled with a pattern of its own.
#ifndef LAMINA_TESTING_SHADOW_HPP
#define LAMINA_TESTING_SHADOW_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"

namespace lamina {
namespace testing {

struct Block {
    unsigned char *ptr = nullptr;
    std::size_t size = 0;
    std::size_t align = 1;
    unsigned long long id = 0;
};

inline unsigned char pattern_byte(unsigned long long id, std::size_t at) {
    const unsigned long long start = (id + 1) * 0x9E3779B97F4A7C15ULL >> 32U;
    return static_cast<unsigned char>(start + at * 131U + (at >> 8U));
}
// Of a large block, the first 16 KiB and then the first 64 bytes of each 4 KiB: every page is touched, and a test of a
// store of many MiB stays fast. The next byte after `at` that carries the pattern.
inline std::size_t pattern_next(std::size_t at) {
    constexpr std::size_t dense = 16384, stride = 4096, sample = 64;
    ++at;
    return at < dense || at % stride < sample ? at : (at / stride + 1) * stride;
}
inline void fill_pattern(unsigned char *ptr, std::size_t from, std::size_t to, unsigned long long id) {
    for (std::size_t i = from; i < to; i = pattern_next(i)) {
        ptr[i] = pattern_byte(id, i);
    }
    if (from < to) {
        ptr[to - 1] = pattern_byte(id, to - 1); // the last page, wherever the block starts
    }
}
// The first byte that isn't the pattern's; `to` when all are.
inline std::size_t pattern_breaks(const unsigned char *ptr, std::size_t from, std::size_t to, unsigned long long id) {
    for (std::size_t i = from; i < to; i = pattern_next(i)) {
        if (ptr[i] != pattern_byte(id, i)) {
            return i;
        }
    }
    return to;
}
inline bool is_zero(const unsigned char *ptr, std::size_t size) {
    return size == 0 || (ptr[0] == 0 && std::memcmp(ptr, ptr + 1, size - 1) == 0);
}

class Shadow {
  public:
    // Takes in a block that was just handed out and fills it.
    bool add(Findings &findings, void *ptr, std::size_t size, std::size_t align, unsigned long long id) {
        const std::uintptr_t start = address_of(ptr);
        bool good = expect(findings, align == 0 || start % align == 0, "block ", id, " at ", ptr, " isn't aligned to ",
                           align, " bytes");
        good = expect(findings, start + size >= start, "block ", id, " at ", ptr, " wraps around the address space") &&
               good;
        const auto after = blocks_.lower_bound(start);
        if (after != blocks_.end() && after->first < start + size) {
            good = overlap(findings, ptr, size, id, after->second);
        }
        if (after != blocks_.begin()) {
            const Block &before = std::prev(after)->second;
            if (address_of(before.ptr) + before.size > start) {
                good = overlap(findings, ptr, size, id, before);
            }
        }
        if (good) {
            Block block;
            block.ptr = static_cast<unsigned char *>(ptr);
            block.size = size;
            block.align = align;
            block.id = id;
            fill_pattern(block.ptr, 0, size, id);
            blocks_.emplace(start, block);
        }
        return good;
    }

    bool verify(Findings &findings, const Block &block) const {
        const std::size_t at = pattern_breaks(block.ptr, 0, block.size, block.id);
        return expect(findings, at == block.size, "byte ", at, " of the ", block.size, " of block ", block.id, " at ",
                      static_cast<const void *>(block.ptr), " was overwritten while the block was out");
    }
    bool verify_all(Findings &findings) const {
        bool good = true;
        for (const auto &entry : blocks_) {
            good = verify(findings, entry.second) && good;
        }
        return good;
    }

    // Verified a last time and forgotten: call it before the block is freed.
    bool remove(Findings &findings, void *ptr) {
        const auto found = blocks_.find(address_of(ptr));
        if (!expect(findings, found != blocks_.end(), ptr, " is no block that is out")) {
            return false;
        }
        const bool good = verify(findings, found->second);
        blocks_.erase(found);
        return good;
    }
    // Forgotten without a look, as after a reset.
    void forget(void *ptr) { blocks_.erase(address_of(ptr)); }
    void clear() { blocks_.clear(); }

    // The block was resized in place: what both sizes share must be intact, the rest gets the pattern.
    bool resized(Findings &findings, void *ptr, std::size_t new_size) {
        const auto found = blocks_.find(address_of(ptr));
        if (!expect(findings, found != blocks_.end(), ptr, " is no block that is out")) {
            return false;
        }
        Block changed = found->second;
        blocks_.erase(found);
        const std::size_t shared = changed.size < new_size ? changed.size : new_size;
        const std::size_t at = pattern_breaks(changed.ptr, 0, shared, changed.id);
        const bool good =
            expect(findings, at == shared, "resizing block ", changed.id, " in place changed its byte ", at);
        return add(findings, ptr, new_size, changed.align, changed.id) && good;
    }

    const Block *find(const void *ptr) const {
        const auto found = blocks_.find(address_of(ptr));
        return found == blocks_.end() ? nullptr : &found->second;
    }
    std::size_t count() const { return blocks_.size(); }
    const std::map<std::uintptr_t, Block> &blocks() const { return blocks_; }

  private:
    static bool overlap(Findings &findings, void *ptr, std::size_t size, unsigned long long id, const Block &other) {
        findings.add(say("block ", id, " (", size, " bytes at ", ptr, ") overlaps block ", other.id, " (", other.size,
                         " bytes at ", static_cast<const void *>(other.ptr), "), which is still out"));
        return false;
    }

    std::map<std::uintptr_t, Block> blocks_;
};

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_SHADOW_HPP
