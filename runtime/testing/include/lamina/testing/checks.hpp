// checks.hpp: the contract of an allocator, one function for each promise. A check takes any subject; where the subject
// lacks what the check is about, it says `not_applicable`. None of this knows Catch2: contract.hpp turns the findings
// into assertions.
#ifndef LAMINA_TESTING_CHECKS_HPP
#define LAMINA_TESTING_CHECKS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "lamina/testing/death.hpp"
#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"
#include "lamina/testing/model.hpp"
#include "lamina/testing/shadow.hpp"

namespace lamina {
namespace testing {

namespace detail {

inline Findings not_applicable(const char *reason) {
    Findings findings;
    findings.not_applicable(reason);
    return findings;
}

inline bool started(Findings &findings, const Instance &instance) {
    return expect(findings, instance.alive(), "init failed with status ", static_cast<int>(instance.status()), " (",
                  lamina_status_text(instance.status()), ")");
}

// Objects that a check plays with: all of a small store, a part of a large one.
inline std::size_t some(const Instance &instance) {
    const std::size_t payload = instance.subject().payload;
    if (payload == 0) {
        return 64;
    }
    const std::size_t by_bytes = std::max<std::size_t>((std::size_t{512} << 10U) / payload, 8);
    const std::size_t bound = std::min<std::size_t>(by_bytes, 2048);
    return instance.capacity() == 0 ? std::min<std::size_t>(bound, 256) : std::min(bound, instance.capacity());
}

// What a request of this size takes of a store whose cursor moves in granules.
inline std::size_t in_granules(std::size_t size, std::size_t granule) {
    return (size + granule - 1) / granule * granule;
}

// Whether a refusal can be told from a full store. A stack of several bounded branches may promise no count at all.
inline bool says_how_many(const Instance &instance) {
    return instance.capacity() != 0 || has_flag(instance.subject(), LAMINA_SUBJECT_UNBOUNDED);
}

// The i-th request of a series: the one there is, or a mixture of odd sizes and alignments.
struct Wish {
    std::size_t size, align;
};
inline Wish wish(const Instance &instance, std::size_t i) {
    const lamina_subject &subject = instance.subject();
    if (subject.payload != 0) {
        return {subject.payload, subject.align};
    }
    return {1 + i * 7 % 61, std::size_t{1} << i % 5};
}

// Allocates up to n blocks into the shadow map; fewer when the store is full before.
inline std::vector<void *> take(Findings &findings, Instance &instance, Shadow &shadow, std::size_t n) {
    std::vector<void *> out;
    out.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        const Wish w = wish(instance, i);
        void *const ptr = instance.alloc(w.size, w.align);
        if (ptr == nullptr ||
            !shadow.add(findings, ptr, w.size, std::max(w.align, instance.subject().align), shadow.count())) {
            break;
        }
        out.push_back(ptr);
    }
    return out;
}

inline void give(Findings &findings, Instance &instance, Shadow &shadow, const std::vector<void *> &blocks) {
    for (void *const ptr : blocks) {
        shadow.remove(findings, ptr);
        instance.free(ptr);
    }
}

inline void count_visit(void *context, void *, std::size_t) { ++*static_cast<std::size_t *>(context); }

inline void expect_empty(Findings &findings, Instance &instance, const char *when) {
    const lamina_subject &subject = instance.subject();
    if (subject.in_use != nullptr) {
        const std::size_t in_use = subject.in_use(instance.self());
        expect(findings, in_use <= subject.held, when, ": in_use is ", in_use);
    }
    if (subject.walk != nullptr) {
        std::size_t visited = 0;
        const std::size_t walked = subject.walk(instance.self(), &count_visit, &visited);
        expect(findings, walked == 0 && visited == 0, when, ": walk() visited ", visited, " and returned ", walked);
    }
    if (subject.stats != nullptr) {
        const lamina_subject_stats stats = instance.stats();
        expect(findings, stats.live == 0 && stats.bytes == 0, when, ": stats say ", stats.live, " live, ", stats.bytes,
               " bytes");
    }
    instance.check(findings, when);
}

} // namespace detail

namespace checks {

// ------------------------------------------------- blocks as such --------------------------------------------------

// A new instance is empty, and says so in every way it can.
inline Findings fresh(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    detail::expect_empty(findings, instance, "after init");
    const State state = instance.state();
    expect(findings, state.in_use == 0, "after init: in_use is ", state.in_use);
    if (state.has_stats) {
        const lamina_subject_stats &s = state.stats;
        expect(findings, (s.allocs | s.frees | s.failures | s.live | s.peak | s.bytes | s.peak_bytes) == 0,
               "after init: some counter isn't 0");
    }
    if (state.has_capacity && instance.capacity() != 0) {
        expect(findings, state.capacity <= instance.capacity(), "after init: capacity is ", state.capacity, " where ",
               instance.capacity(), " were promised");
    }
    const lamina_subject_memory memory = instance.memory();
    expect(findings, memory.committed <= memory.bytes, "after init: ", memory.committed, " bytes committed of ",
           memory.bytes);
    instance.destroy();
    instance.check(findings, "after destroy");
    return findings;
}

// Every block is aligned as promised, and a sized store's also as asked.
inline Findings alignment(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const auto look = [&](void *ptr, std::size_t size, std::size_t align) {
        expect(findings, ptr != nullptr, "a request for ", size, " bytes aligned to ", align, " was refused");
        expect(findings, address_of(ptr) % align == 0, ptr, " isn't aligned to ", align);
        expect(findings, address_of(ptr) % subject.align == 0, ptr, " isn't aligned to ", subject.align);
    };
    if (subject.payload != 0) {
        for (std::size_t i = 0; i < detail::some(instance); ++i) {
            void *const ptr = instance.alloc();
            if (ptr == nullptr && i != 0 && !detail::says_how_many(instance)) {
                break;
            }
            look(ptr, subject.payload, subject.align);
        }
        return findings;
    }
    const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
    std::size_t left = instance.capacity() != 0 ? instance.capacity() : SIZE_MAX;
    for (std::size_t align = 1; align <= 4096; align *= 2) {
        const std::size_t most = detail::in_granules(1, granule) + align - 1 + detail::in_granules(3, granule);
        if (most > left) {
            break;
        }
        left -= most;
        look(instance.alloc(1, 1), 1, 1); // so that the cursor isn't aligned by luck
        look(instance.alloc(3, align), 3, align);
    }
    if (left == instance.capacity()) { // there is room for one at best
        look(instance.alloc(1, 1), 1, 1);
    }
    instance.check(findings, "with blocks of all alignments out");
    return findings;
}

// Blocks don't overlap, and each keeps what is written into it until it is freed.
inline Findings no_overlap(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
    expect(findings, !blocks.empty(), "the first request was refused");
    instance.check(findings, "with blocks out and written full");
    shadow.verify_all(findings);
    if (instance.can_free()) {
        std::vector<void *> odd, even;
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            (i % 2 != 0 ? odd : even).push_back(blocks[i]);
        }
        detail::give(findings, instance, shadow, odd);
        instance.check(findings, "with every other block freed");
        shadow.verify_all(findings);
        odd = detail::take(findings, instance, shadow, odd.size());
        shadow.verify_all(findings);
        detail::give(findings, instance, shadow, even);
        shadow.verify_all(findings);
        detail::give(findings, instance, shadow, odd);
        detail::expect_empty(findings, instance, "with all freed");
    }
    return findings;
}

// usable_size() is the truth: all of it can be written and nothing else suffers.
inline Findings usable_size(const lamina_subject &subject) {
    if (subject.usable_size == nullptr) {
        return detail::not_applicable("no usable_size");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    std::vector<Block> blocks;
    for (std::size_t i = 0; i < std::min<std::size_t>(detail::some(instance), 64); ++i) {
        const detail::Wish w = detail::wish(instance, i);
        Block block;
        block.ptr = static_cast<unsigned char *>(instance.alloc(w.size, w.align));
        if (block.ptr == nullptr) {
            break;
        }
        block.size = subject.usable_size(instance.self(), block.ptr);
        block.id = i;
        expect(findings, block.size >= w.size, "usable_size() is ", block.size, " for a block of ", w.size, " bytes");
        fill_pattern(block.ptr, 0, block.size, block.id);
        blocks.push_back(block);
    }
    instance.check(findings, "with every usable byte written");
    for (const Block &block : blocks) {
        const std::size_t at = pattern_breaks(block.ptr, 0, block.size, block.id);
        expect(findings, at == block.size, "usable byte ", at, " of ", block.size, " changed while its block was out");
        if (instance.can_free()) {
            instance.free(block.ptr);
        }
    }
    instance.check(findings, "after the blocks were freed");
    return findings;
}

// --------------------------------------------------- how many there are --------------------------------------------

} // namespace checks

namespace detail {

// Fixed size: exactly `capacity` objects, then NULL, and NULL changes nothing.
inline void exhaust_objects(Findings &findings, Instance &instance) {
    const lamina_subject &subject = instance.subject();
    const std::size_t promised = instance.capacity();
    const std::size_t stamp = std::min(subject.payload, sizeof(std::size_t));
    std::vector<unsigned char *> blocks;
    blocks.reserve(promised);
    for (std::size_t i = 0; i < promised; ++i) {
        auto *const ptr = static_cast<unsigned char *>(instance.alloc());
        if (!expect(findings, ptr != nullptr, "object ", i + 1, " of ", promised, " promised was refused")) {
            return;
        }
        std::memcpy(ptr, &i, stamp);
        blocks.push_back(ptr);
    }
    const State full = instance.state();
    expect(findings, !full.has_in_use || full.in_use == promised, "full: in_use is ", full.in_use, " of ", promised);
    expect(findings, !full.has_capacity || full.capacity == promised, "full: capacity is ", full.capacity, " where ",
           promised, " were promised");
    for (std::size_t extra = 1; extra <= 2; ++extra) {
        void *const ptr = subject.alloc_zeroed != nullptr && extra == 2
                              ? instance.alloc_zeroed(subject.payload, subject.align)
                              : instance.alloc();
        expect(findings, ptr == nullptr, "object ", promised + extra, " was handed out, ", promised, " were promised");
        const State after = instance.state();
        expect_unchanged(findings, full, after, "the refusal of one object too many");
        expect(findings, !full.has_stats || after.stats.failures == full.stats.failures + extra, "stats.failures is ",
               after.stats.failures, " after ", extra, " refusals");
        if (ptr != nullptr) {
            return;
        }
    }
    instance.check(findings, "with all objects out");
    std::vector<unsigned char *> sorted = blocks;
    if (!std::is_sorted(sorted.begin(), sorted.end())) {
        std::sort(sorted.begin(), sorted.end());
    }
    for (std::size_t i = 1; i < sorted.size(); ++i) {
        const auto apart = static_cast<std::size_t>(sorted[i] - sorted[i - 1]);
        if (!expect(findings, apart >= subject.payload, "two objects lie ", apart, " bytes apart, of ", subject.payload,
                    " bytes each")) {
            return;
        }
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        std::size_t now = 0;
        std::memcpy(&now, blocks[i], stamp);
        std::size_t then = 0;
        std::memcpy(&then, &i, stamp);
        if (!expect(findings, now == then, "object ", i, " lost what was written into it")) {
            return;
        }
    }
    if (!instance.can_free()) {
        return;
    }
    // What a quarantine holds back isn't to be had; one more is.
    const std::size_t back = std::min(subject.held + 1, promised);
    for (std::size_t i = 0; i < back; ++i) {
        instance.free(blocks.back());
        blocks.pop_back();
    }
    if (back > subject.held) {
        void *const again = instance.alloc();
        expect(findings, again != nullptr, "a full store with ", back, " objects freed and ", subject.held,
               " held back gives none");
        if (again != nullptr) {
            blocks.push_back(static_cast<unsigned char *>(again));
        }
    }
    for (unsigned char *const ptr : blocks) {
        instance.free(ptr);
    }
    detail::expect_empty(findings, instance, "with all objects freed again");
}

// Bump: the capacity in one block, or in granules, and not a byte more.
inline void exhaust_bytes(Findings &findings, const lamina_subject &subject, std::size_t promised) {
    const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
    const auto expect_full = [&](Instance &instance, const char *how) {
        const State full = instance.state();
        for (const std::size_t size : {std::size_t{1}, granule, promised}) {
            expect(findings, instance.alloc(size, 1) == nullptr, how, ": ", size, " bytes more were handed out");
        }
        const State after = instance.state();
        expect_unchanged(findings, full, after, "the refusal of one byte too many");
        expect(findings, !full.has_stats || after.stats.failures == full.stats.failures + 3, how,
               ": stats.failures is ", after.stats.failures, " after 3 refusals");
        instance.check(findings, how);
    };
    {
        Instance instance(subject);
        if (!started(findings, instance)) {
            return;
        }
        const State before = instance.state();
        expect(findings, instance.alloc(promised + 1, 1) == nullptr, promised + 1, " bytes were handed out, ", promised,
               " were promised");
        expect_unchanged(findings, before, instance.state(), "the refusal of one byte too many");
        auto *const all = static_cast<unsigned char *>(instance.alloc(promised, 1));
        if (expect(findings, all != nullptr, "the ", promised, " bytes promised were refused")) {
            fill_pattern(all, 0, promised, 1);
            expect_full(instance, "all bytes in one block");
            expect(findings, pattern_breaks(all, 0, promised, 1) == promised, "all bytes in one block: one changed");
        }
    }
    const std::size_t granules = std::min<std::size_t>(promised / granule, 64);
    Instance instance(subject);
    if (promised > granules * granule) {
        expect(findings, instance.alloc(promised - granules * granule, 1) != nullptr, "all but ", granules,
               " granules were refused");
    }
    const std::size_t rest = promised % granule; // the odd bytes came with the first block
    for (std::size_t i = 0; i < granules && rest == 0; ++i) {
        if (!expect(findings, instance.alloc(granule, 1) != nullptr, "granule ", i + 1, " of the last ", granules,
                    " was refused")) {
            return;
        }
    }
    if (rest == 0) {
        expect_full(instance, "the last bytes in granules");
    }
}

} // namespace detail

namespace checks {

// Exactly the promised count: the n-th is handed out, the next is NULL and changes nothing.
inline Findings exhaustion(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    if (instance.capacity() == 0) {
        return detail::not_applicable("no capacity promised");
    }
    if (subject.payload != 0) {
        detail::exhaust_objects(findings, instance);
    } else if (has_flag(subject, LAMINA_SUBJECT_BUMP)) {
        const std::size_t promised = instance.capacity();
        instance.destroy();
        detail::exhaust_bytes(findings, subject, promised);
    } else {
        return detail::not_applicable("what fits depends on the store's own headers");
    }
    return findings;
}

// What is freed can be had again, in whatever order it was freed, for any number of rounds.
inline Findings reuse(const lamina_subject &subject) {
    if (subject.free == nullptr) {
        return detail::not_applicable("no free");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    Random random(7);
    const std::size_t most = detail::some(instance);
    const bool all = instance.capacity() != 0 && most == instance.capacity() && subject.payload != 0;
    // A quarantine keeps what was freed last; in a store that is all in use, that much is missing afterwards.
    const bool enough = subject.payload != 0 && instance.capacity() != 0 && most + subject.held <= instance.capacity();
    std::size_t wanted = detail::says_how_many(instance) ? most : 1;
    static const char *const orders[] = {"in order",          "in reverse order", "in random order",
                                         "every other first", "in order again",   "in reverse order again"};
    std::vector<std::uintptr_t> known;
    for (std::size_t round = 0; round < 6 && findings.clean(); ++round) {
        std::vector<void *> blocks = detail::take(findings, instance, shadow, most);
        expect(findings, blocks.size() >= wanted, "round ", round + 1, ": ", blocks.size(), " blocks to be had, ",
               wanted, " expected");
        if (all) {
            expect(findings, instance.alloc() == nullptr, "round ", round + 1,
                   ": more than the capacity was handed out");
        }
        if (round == 0) {
            wanted = enough || !all ? blocks.size() : blocks.size() - std::min(blocks.size(), subject.held);
            for (void *const ptr : blocks) {
                known.push_back(address_of(ptr));
            }
            std::sort(known.begin(), known.end());
        } else if (all) {
            for (void *const ptr : blocks) {
                expect(findings, std::binary_search(known.begin(), known.end(), address_of(ptr)), "round ", round + 1,
                       ": ", ptr, " is none of the objects of the first round");
            }
        }
        switch (round) {
        case 1:
        case 5: std::reverse(blocks.begin(), blocks.end()); break;
        case 2: random.shuffle(blocks); break;
        case 3:
            std::stable_partition(blocks.begin(), blocks.end(),
                                  [&blocks](void *const &ptr) { return (&ptr - blocks.data()) % 2 == 0; });
            break;
        default: break;
        }
        detail::give(findings, instance, shadow, blocks);
        detail::expect_empty(findings, instance, orders[round]);
    }
    return findings;
}

// The promised order of reuse.
inline Findings order(const lamina_subject &subject) {
    const unsigned orders = LAMINA_SUBJECT_LIFO | LAMINA_SUBJECT_FIFO | LAMINA_SUBJECT_ADDRESS;
    if (!has_flag(subject, orders) || subject.free == nullptr || subject.held != 0) {
        return detail::not_applicable("no order promised");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Model model(instance);
    Random random(3);
    std::vector<void *> blocks;
    const std::size_t most = std::min<std::size_t>(detail::some(instance), 24);
    for (unsigned round = 0; round < 4; ++round) {
        while (blocks.size() < most) {
            const Verdict verdict = model.verdict(subject.payload, subject.align);
            void *const ptr = instance.alloc();
            model.allocated(findings, verdict, ptr, subject.payload, subject.align);
            if (ptr == nullptr) {
                return findings;
            }
            blocks.push_back(ptr);
        }
        random.shuffle(blocks);
        const std::size_t keep = round % 2 == 0 ? 0 : most / 3;
        while (blocks.size() > keep) {
            instance.free(blocks.back());
            model.freed(blocks.back());
            blocks.pop_back();
        }
    }
    return findings;
}

// free_sized takes a block as free does.
inline Findings free_sized(const lamina_subject &subject) {
    if (subject.free_sized == nullptr) {
        return detail::not_applicable("no free_sized");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    for (unsigned round = 0; round < 3; ++round) {
        const std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance) / 2 + 1);
        expect(findings, !blocks.empty() || subject.held != 0, "round ", round + 1, ": nothing to be had");
        for (void *const ptr : blocks) {
            const std::size_t size = shadow.find(ptr)->size;
            shadow.remove(findings, ptr);
            instance.free_sized(ptr, size);
        }
        detail::expect_empty(findings, instance, "after free_sized of all");
    }
    instance.free_sized(nullptr, 0);
    instance.check(findings, "after free_sized of NULL");
    return findings;
}

// --------------------------------------------------- content -------------------------------------------------------

// alloc_zeroed gives zeros, also where others wrote before.
inline Findings zeroed(const lamina_subject &subject) {
    if (subject.alloc_zeroed == nullptr) {
        return detail::not_applicable("no alloc_zeroed");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const std::size_t most = detail::some(instance);
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<void *> blocks;
        for (std::size_t i = 0; i < most; ++i) {
            const detail::Wish w = detail::wish(instance, i);
            auto *const ptr = static_cast<unsigned char *>(instance.alloc_zeroed(w.size, w.align));
            if (ptr == nullptr) {
                break;
            }
            if (!expect(findings, is_zero(ptr, w.size), "round ", round + 1, ": block ", i,
                        " of alloc_zeroed isn't all zero") ||
                !expect(findings, address_of(ptr) % std::max(w.align, subject.align) == 0, ptr,
                        " of alloc_zeroed isn't aligned")) {
                return findings;
            }
            std::memset(ptr, 0xFF, w.size);
            blocks.push_back(ptr);
        }
        expect(findings, !blocks.empty(), "round ", round + 1, ": alloc_zeroed gave nothing");
        if (instance.can_free()) {
            for (void *const ptr : blocks) {
                instance.free(ptr);
            }
        } else if (subject.reset != nullptr) {
            instance.reset();
        } else {
            break;
        }
    }
    instance.check(findings, "at the end");
    return findings;
}

// ------------------------------------------------- all at once -----------------------------------------------------

// reset takes everything back, as often as one likes, an empty instance included.
inline Findings reset(const lamina_subject &subject) {
    if (subject.reset == nullptr) {
        return detail::not_applicable("no reset");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    instance.reset();
    detail::expect_empty(findings, instance, "after the reset of a new instance");
    const bool exact = subject.payload != 0 || has_flag(subject, LAMINA_SUBJECT_BUMP);
    std::size_t first = 0;
    void *first_block = nullptr;
    for (unsigned round = 0; round < 3; ++round) {
        Shadow shadow;
        const std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
        shadow.verify_all(findings);
        if (round == 0) {
            first = blocks.size();
            first_block = blocks.empty() ? nullptr : blocks.front();
        }
        expect(findings, !exact || blocks.size() == first, "after reset ", blocks.size(), " blocks are to be had, ",
               first, " before");
        if (has_flag(subject, LAMINA_SUBJECT_BUMP) && !blocks.empty()) {
            expect(findings, blocks.front() == first_block, "after reset the first block lies elsewhere");
        }
        if (instance.can_free() && round == 1 && !blocks.empty()) {
            instance.free(blocks[blocks.size() / 2]); // one is free already when all are
        }
        instance.reset();
        detail::expect_empty(findings, instance, "after reset");
        instance.reset();
        detail::expect_empty(findings, instance, "after a second reset");
    }
    if (instance.capacity() != 0 && subject.payload != 0 && instance.capacity() <= (std::size_t{1} << 16U)) {
        for (std::size_t i = 0; i < instance.capacity(); ++i) {
            if (!expect(findings, instance.alloc() != nullptr, "after reset object ", i + 1, " of ",
                        instance.capacity(), " was refused")) {
                break;
            }
        }
        expect(findings, instance.alloc() == nullptr, "after reset more than the capacity was handed out");
    }
    return findings;
}

// Marks nest; a rewind frees what came after the mark and nothing else; a mark above the cursor is refused.
inline Findings mark_rewind(const lamina_subject &subject) {
    if (subject.mark == nullptr || subject.rewind == nullptr) {
        return detail::not_applicable("no mark and rewind");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    void *const self = instance.self();
    Shadow shadow;
    // Three blocks of three sizes; in a small store of a granule each, and fewer where there are fewer.
    const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
    const std::size_t room = instance.capacity() != 0 ? instance.capacity() : SIZE_MAX;
    const bool roomy = room >= 256 && room / granule >= 12;
    const std::size_t align = roomy ? 8 : 1;
    const auto block = [&](std::size_t size, unsigned id) {
        const std::size_t bytes = roomy ? size : granule;
        void *const ptr = instance.alloc(bytes, align);
        if (expect(findings, ptr != nullptr, "a block of ", bytes, " bytes was refused")) {
            shadow.add(findings, ptr, bytes, align, id);
        }
        return ptr;
    };
    const auto refused = [&](std::size_t mark, const char *what) {
        const State before = instance.state();
        expect(findings, !subject.rewind(self, mark), "rewind to ", what, " wasn't refused");
        expect_unchanged(findings, before, instance.state(), "a refused rewind");
    };
    const auto rewound = [&](std::size_t mark, const char *what) {
        expect(findings, subject.rewind(self, mark), "rewind to ", what, " was refused");
        expect(findings, subject.mark(self) == mark, "after the rewind to ", what, " mark() is ", subject.mark(self),
               ", not ", mark);
        instance.check(findings, "after a rewind");
    };
    const std::size_t start = subject.mark(self);
    void *const a = block(24, 1);
    const std::size_t outer = subject.mark(self);
    if (room / granule < 3) {
        refused(outer + granule, "a mark above the cursor");
        rewound(start, "the beginning");
        shadow.clear();
        refused(outer, "a mark that lies above the cursor by now");
        expect(findings, block(24, 2) == a, "after the rewind the first block lies elsewhere");
        return findings;
    }
    void *const b = block(40, 2);
    const std::size_t inner = subject.mark(self);
    void *const c = block(56, 3);
    if (!findings.clean()) {
        return findings;
    }
    refused(SIZE_MAX, "the highest number");
    refused(subject.mark(self) + 64, "a mark above the cursor");
    rewound(inner, "the inner mark");
    shadow.forget(c);
    shadow.verify_all(findings);
    rewound(inner, "the mark it is at already");
    void *const again_c = block(56, 4);
    expect(findings, again_c == c, "the block after the inner mark lies at ", again_c, ", ", c, " before the rewind");
    rewound(outer, "the outer mark");
    shadow.forget(again_c);
    shadow.forget(b);
    shadow.verify_all(findings);
    refused(inner, "a mark that lies above the cursor by now");
    void *const again_b = block(40, 5);
    expect(findings, again_b == b, "the block after the outer mark lies at ", again_b, ", ", b, " before the rewind");
    shadow.verify_all(findings);
    rewound(start, "the beginning");
    shadow.clear();
    detail::expect_empty(findings, instance, "after the rewind to the beginning");
    void *const again_a = block(24, 6);
    expect(findings, again_a == a, "the first block lies at ", again_a, ", ", a, " before the rewind");
    if (subject.reset != nullptr) {
        instance.reset();
        refused(inner, "a mark from before the reset");
    }
    return findings;
}

// ------------------------------------------------- resizing --------------------------------------------------------

} // namespace checks

namespace detail {

// A bump that has room for no more than a few granules: the last block grows to the end of all, and a block with another
// behind it not beyond its own granules.
inline void resize_in_small(Findings &findings, Instance &instance, std::size_t granule) {
    const lamina_subject &subject = instance.subject();
    void *const self = instance.self();
    const std::size_t all = instance.capacity();
    auto *const a = static_cast<unsigned char *>(instance.alloc(granule, 1));
    if (!expect(findings, a != nullptr, "the first block was refused")) {
        return;
    }
    fill_pattern(a, 0, granule, 1);
    expect(findings, subject.resize(self, a, granule, all), "growing exactly to the end was refused");
    expect(findings, instance.alloc(1, 1) == nullptr, "a byte beyond the end was handed out");
    const State full = instance.state();
    for (const std::size_t huge : {all + 1, SIZE_MAX / 2, SIZE_MAX - 15, SIZE_MAX}) {
        expect(findings, !subject.resize(self, a, all, huge), "growing to ", huge, " bytes wasn't refused");
        expect_unchanged(findings, full, instance.state(), "a refused resize");
    }
    expect(findings, subject.resize(self, a, all, granule), "shrinking the last block was refused");
    expect(findings, pattern_breaks(a, 0, granule, 1) == granule, "resizing changed the block");
    if (all / granule >= 2) {
        expect(findings, instance.alloc(1, 1) != nullptr, "what shrinking gave back was refused");
        const State two = instance.state();
        expect(findings, !subject.resize(self, a, granule, granule + 1), "a block grew into its neighbour");
        expect_unchanged(findings, two, instance.state(), "a refused resize");
        expect(findings, subject.resize(self, a, granule, 1) && subject.resize(self, a, 1, granule),
               "growing within a block's own granules was refused");
    }
    instance.check(findings, "at the end");
}

} // namespace detail

namespace checks {

// In place or not at all; what both sizes share stays.
inline Findings resize(const lamina_subject &subject) {
    if (subject.resize == nullptr) {
        return detail::not_applicable("no resize");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    void *const self = instance.self();
    Shadow shadow;
    const bool bump = has_flag(subject, LAMINA_SUBJECT_BUMP);
    const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
    if (bump && instance.capacity() != 0 && instance.capacity() < std::max<std::size_t>(256, 6 * granule)) {
        detail::resize_in_small(findings, instance, granule);
        return findings;
    }
    const std::size_t small = 24;
    const std::size_t large = 56;
    void *const a = instance.alloc(small, 8);
    if (!expect(findings, a != nullptr, "the first block was refused")) {
        return findings;
    }
    shadow.add(findings, a, small, 8, 1);
    const bool grew = subject.resize(self, a, small, large);
    expect(findings, grew || !bump, "the last block didn't grow in place");
    if (grew) {
        shadow.resized(findings, a, large);
    }
    std::size_t size_a = grew ? large : small;
    void *const b = instance.alloc(small, 8);
    if (!expect(findings, b != nullptr, "the second block was refused")) {
        return findings;
    }
    shadow.add(findings, b, small, 8, 2);
    instance.check(findings, "after a block grew in place");
    const auto refused = [&](void *ptr, std::size_t old_size, std::size_t new_size, const char *what) {
        const State before = instance.state();
        expect(findings, !subject.resize(self, ptr, old_size, new_size), what, " wasn't refused");
        expect_unchanged(findings, before, instance.state(), what);
        shadow.verify_all(findings);
    };
    if (bump) {
        // A block has whole granules: within them it grows wherever it lies, and not a byte beyond.
        const std::size_t own = detail::in_granules(size_a, granule);
        refused(a, size_a, own + 1, "growing a block that isn't the last");
        expect(findings, subject.resize(self, a, size_a, own), "growing within a block's own granules was refused");
        size_a = own;
        shadow.resized(findings, a, own);
        shadow.verify_all(findings);
        refused(a, size_a, size_a + 64, "growing a block that isn't the last");
    }
    for (const std::size_t huge : {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2}) {
        refused(b, small, huge, "growing to a size that no memory has");
        refused(a, size_a, huge, "growing to a size that no memory has");
    }
    if (bump && instance.capacity() != 0 && subject.memory != nullptr) {
        const std::size_t room = instance.capacity() - (address_of(b) - address_of(instance.memory().base));
        refused(b, small, room + 1, "growing one byte over the end");
        if (expect(findings, subject.resize(self, b, small, room), "growing exactly to the end was refused")) {
            shadow.resized(findings, b, room);
            expect(findings, instance.alloc(1, 1) == nullptr, "a byte beyond the end was handed out");
        }
    }
    shadow.verify_all(findings);
    instance.check(findings, "at the end");
    return findings;
}

// In place or elsewhere, the content comes along; a refusal leaves the old block as it was.
inline Findings realloc(const lamina_subject &subject) {
    if (subject.realloc == nullptr) {
        return detail::not_applicable("no realloc");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    const std::size_t bound = instance.capacity() != 0 ? instance.capacity() / 16 : 4096;
    const std::size_t base_align = std::max<std::size_t>(subject.align, 8);
    std::size_t size = instance.capacity() != 0 ? std::min<std::size_t>(9, instance.capacity()) : 9;
    auto *ptr = static_cast<unsigned char *>(instance.alloc(size, base_align));
    if (!expect(findings, ptr != nullptr, "the first block was refused")) {
        return findings;
    }
    fill_pattern(ptr, 0, size, 1);
    for (const std::size_t wanted : {12U, 40U, 200U, 13U, 13U, 500U, 1U, 64U}) {
        if (wanted > bound) {
            continue;
        }
        if (wanted % 2 == 0) { // with a neighbour behind it, it can't grow where it is
            void *const neighbour = instance.alloc(5, 1);
            if (neighbour != nullptr) {
                shadow.add(findings, neighbour, 5, 1, wanted);
            }
        }
        auto *const moved = static_cast<unsigned char *>(instance.realloc(ptr, size, wanted, base_align));
        if (!expect(findings, moved != nullptr, "realloc from ", size, " to ", wanted, " bytes was refused")) {
            return findings;
        }
        const std::size_t at = pattern_breaks(moved, 0, std::min(size, wanted), 1);
        expect(findings, at == std::min(size, wanted), "realloc from ", size, " to ", wanted, " bytes changed byte ",
               at);
        expect(findings, address_of(moved) % base_align == 0, "realloc gave a misaligned block");
        ptr = moved;
        size = wanted;
        fill_pattern(ptr, 0, size, 1);
        shadow.verify_all(findings);
        instance.check(findings, "after realloc");
    }
    for (const std::size_t huge : {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2}) {
        const State before = instance.state();
        expect(findings, instance.realloc(ptr, size, huge, base_align) == nullptr, "realloc to ", huge,
               " bytes wasn't refused");
        expect_unchanged(findings, before, instance.state(), "a refused realloc");
        expect(findings, pattern_breaks(ptr, 0, size, 1) == size, "a refused realloc changed the block");
    }
    shadow.verify_all(findings);
    if (instance.can_free()) {
        instance.free(ptr);
    }
    instance.check(findings, "at the end");
    return findings;
}

// ------------------------------------------------- questions -------------------------------------------------------

// owns() knows its blocks, and nothing outside its memory.
inline Findings ownership(const lamina_subject &subject) {
    if (subject.owns == nullptr) {
        return detail::not_applicable("no owns");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const auto owns = [&](const void *ptr) { return subject.owns(instance.self(), ptr); };
    unsigned char local = 0;
    static unsigned char global = 0;
    const std::unique_ptr<unsigned char[]> heap(new unsigned char[64]);
    expect(findings, !owns(nullptr), "owns(NULL)");
    Shadow shadow;
    const std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
    for (void *const ptr : blocks) {
        if (!has_flag(subject, LAMINA_SUBJECT_UNBOUNDED) || instance.in_memory(ptr)) {
            if (!expect(findings, owns(ptr), "owns() denies ", ptr, ", a block that is out")) {
                break;
            }
        }
    }
    expect(findings, !owns(&local) && !owns(&global) && !owns(heap.get()),
           "owns() claims a variable of the test: local, global or from the heap");
    expect(findings, !owns(instance.self()) || has_flag(subject, LAMINA_SUBJECT_STATIC_INSTANCE),
           "owns() claims the allocator's own handle");
    const lamina_subject_memory memory = instance.memory();
    if (memory.base != nullptr) {
        const auto at = [&memory](std::ptrdiff_t offset) {
            return reinterpret_cast<const void *>(address_of(memory.base) + static_cast<std::uintptr_t>(offset));
        };
        const auto bytes = static_cast<std::ptrdiff_t>(memory.bytes);
        expect(findings, !owns(at(-1)), "owns() claims the byte before its memory");
        if (!has_flag(subject, LAMINA_SUBJECT_SCATTERED)) { // where the memory of another branch may lie
            expect(findings, !owns(at(bytes)), "owns() claims the byte after its memory");
            expect(findings, !owns(at(-bytes)), "owns() claims an address far below");
            expect(findings, !owns(at(2 * bytes)), "owns() claims an address far above");
        }
    }
    expect(findings, !owns(reinterpret_cast<const void *>(UINTPTR_MAX)), "owns() claims the highest address");
    shadow.verify_all(findings);
    return findings;
}

// walk() visits each live block once.
inline Findings walk(const lamina_subject &subject) {
    if (subject.walk == nullptr) {
        return detail::not_applicable("no walk");
    }
    struct Seen {
        std::vector<std::uintptr_t> blocks;
        std::size_t least = SIZE_MAX;
        static void visit(void *context, void *ptr, std::size_t size) {
            auto *const seen = static_cast<Seen *>(context);
            seen->blocks.push_back(address_of(ptr));
            seen->least = std::min(seen->least, size);
        }
    };
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
    const auto look = [&](const char *when) {
        Seen seen;
        const std::size_t count = subject.walk(instance.self(), &Seen::visit, &seen);
        std::sort(seen.blocks.begin(), seen.blocks.end());
        std::vector<std::uintptr_t> live;
        for (const auto &entry : shadow.blocks()) {
            live.push_back(entry.first);
        }
        expect(findings, count == seen.blocks.size(), when, ": walk() returns ", count, " and visited ",
               seen.blocks.size());
        expect(findings, seen.blocks == live, when, ": walk() visited ", seen.blocks.size(), " blocks, not the ",
               live.size(), " that are out");
        expect(findings, seen.blocks.empty() || seen.least >= subject.payload, when, ": walk() says ", seen.least,
               " bytes");
    };
    look("all out");
    if (instance.can_free()) {
        for (std::size_t i = 0; i < blocks.size(); i += 2) {
            shadow.remove(findings, blocks[i]);
            instance.free(blocks[i]);
        }
        look("every other freed");
    }
    return findings;
}

// Each counter counts what its name says.
inline Findings statistics(const lamina_subject &subject) {
    if (subject.stats == nullptr) {
        return detail::not_applicable("no statistics");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    // Five objects, or as many as there is room for.
    const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
    const std::size_t room = instance.capacity() != 0 ? instance.capacity() : SIZE_MAX;
    const bool roomy = room / 5 >= detail::in_granules(32, granule) + subject.align;
    const std::size_t size = subject.payload != 0 ? subject.payload : roomy ? 32 : granule;
    const std::size_t most = std::min<std::size_t>(subject.payload != 0 ? room : room / detail::in_granules(size, granule), 5);
    std::vector<void *> blocks;
    for (std::size_t i = 0; i < most; ++i) {
        blocks.push_back(instance.alloc(size, subject.align));
    }
    const auto expect_stat = [&](const char *name, std::size_t is, std::size_t wanted) {
        expect(findings, is == wanted, "after ", most, " allocations and ", most - blocks.size(), " frees stats.", name,
               " is ", is, ", not ", wanted);
    };
    const auto look = [&] {
        const lamina_subject_stats s = instance.stats();
        expect_stat("allocs", s.allocs, most);
        if (counts(subject, LAMINA_SUBJECT_LACKS_LIVE)) {
            expect_stat("frees", s.frees, most - blocks.size());
            expect_stat("live", s.live, blocks.size());
        }
        expect_stat("failures", s.failures, 0);
        if (counts(subject, LAMINA_SUBJECT_LACKS_PEAK) && counts(subject, LAMINA_SUBJECT_LACKS_LIVE)) {
            expect_stat("peak", s.peak, most);
        }
        if (counts(subject, LAMINA_SUBJECT_LACKS_BYTES)) {
            expect(findings, subject.payload != 0 ? s.bytes == blocks.size() * size : s.bytes >= blocks.size() * size,
                   "stats.bytes is ", s.bytes, " with ", blocks.size(), " objects of ", size, " out");
        }
        if (counts(subject, LAMINA_SUBJECT_LACKS_PEAK_BYTES)) {
            expect(findings, subject.payload != 0 ? s.peak_bytes == most * size : s.peak_bytes >= most * size,
                   "stats.peak_bytes is ", s.peak_bytes, " with ", most, " objects of ", size, " at most");
        }
    };
    look();
    while (instance.can_free() && !blocks.empty()) {
        instance.free(blocks.back());
        blocks.pop_back();
        look();
    }
    return findings;
}

// What isn't needed goes back, what is needed stays, and what went back can be had again.
inline Findings release(const lamina_subject &subject) {
    if (subject.release_unused == nullptr) {
        return detail::not_applicable("no release_unused");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    (void)subject.release_unused(instance.self());
    detail::expect_empty(findings, instance, "after release_unused of a new instance");
    for (unsigned round = 0; round < 3; ++round) {
        Shadow shadow;
        std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
        const std::size_t had = blocks.size();
        if (instance.can_free()) {
            const std::size_t kept = std::min(had, round == 0 ? had / 4 : round == 1 ? std::size_t{1} : had);
            const std::vector<void *> rest(blocks.begin() + static_cast<std::ptrdiff_t>(kept), blocks.end());
            blocks.resize(kept);
            detail::give(findings, instance, shadow, rest);
        }
        const State before = instance.state();
        const std::size_t bytes = subject.release_unused(instance.self());
        const State after = instance.state();
        expect(findings, before.in_use == after.in_use, "release_unused changed in_use from ", before.in_use, " to ",
               after.in_use);
        expect(findings, after.committed <= before.committed, "release_unused committed memory");
        expect(findings, bytes <= instance.memory().bytes || instance.memory().bytes == 0, "release_unused says ",
               bytes, " bytes of ", instance.memory().bytes);
        instance.check(findings, "after release_unused");
        shadow.verify_all(findings);
        const std::vector<void *> again = detail::take(findings, instance, shadow, had - blocks.size());
        expect(findings, again.size() + blocks.size() + subject.held >= had || subject.payload == 0,
               "after release_unused ", again.size() + blocks.size(), " blocks are to be had, ", had, " before");
        shadow.verify_all(findings);
        if (instance.can_free()) {
            detail::give(findings, instance, shadow, blocks);
            detail::give(findings, instance, shadow, again);
        } else if (subject.reset != nullptr) {
            instance.reset();
        } else {
            break;
        }
        // With nothing out, everything may go back; and everything can be had again.
        (void)subject.release_unused(instance.self());
        detail::expect_empty(findings, instance, "after release_unused with nothing out");
        shadow.clear();
        const std::vector<void *> all = detail::take(findings, instance, shadow, had);
        expect(findings, all.size() + subject.held >= had, "after release_unused with nothing out ", all.size(),
               " blocks are to be had, ", had, " before");
        shadow.verify_all(findings);
        if (instance.can_free()) {
            detail::give(findings, instance, shadow, all);
        } else {
            instance.reset();
        }
        instance.check(findings, "at the end of a round");
    }
    return findings;
}

// ------------------------------------------------- bad requests ----------------------------------------------------

// Sizes and alignments that make no sense are refused, and nothing changes.
inline Findings refused_requests(const lamina_subject &subject) {
    if (subject.payload != 0) {
        return detail::not_applicable("alloc takes no size");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const std::size_t top_bit = SIZE_MAX / 2 + 1;
    std::vector<detail::Wish> wishes = {{0, 1},
                                        {0, 8},
                                        {0, 4096},
                                        {SIZE_MAX, 1},
                                        {SIZE_MAX, 16},
                                        {SIZE_MAX, 4096},
                                        {SIZE_MAX - 15, 1},
                                        {SIZE_MAX - 15, 16},
                                        {SIZE_MAX - 4095, 4096},
                                        {SIZE_MAX / 2, 1},
                                        {SIZE_MAX / 2, 64},
                                        {top_bit, 1},
                                        {8, 0},
                                        {8, 3},
                                        {8, 6},
                                        {8, 24},
                                        {8, SIZE_MAX},
                                        {8, top_bit},
                                        {SIZE_MAX, top_bit},
                                        {1, top_bit}};
    if (instance.capacity() != 0) {
        wishes.push_back({instance.capacity() + 1, 1});
        wishes.push_back({SIZE_MAX - instance.capacity(), 1});
    }
    Shadow shadow;
    for (unsigned round = 0; round < 2; ++round) {
        for (const detail::Wish &w : wishes) {
            const State before = instance.state();
            const std::string what = say("a request for ", w.size, " bytes aligned to ", w.align);
            expect(findings, instance.alloc(w.size, w.align) == nullptr, what, " wasn't refused");
            if (subject.alloc_zeroed != nullptr) {
                expect(findings, instance.alloc_zeroed(w.size, w.align) == nullptr, what, ", zeroed, wasn't refused");
            }
            expect_unchanged(findings, before, instance.state(), what);
        }
        instance.check(findings, "after senseless requests");
        shadow.verify_all(findings);
        // The next round meets blocks; of a small store, all that there are.
        const std::size_t granule = std::max<std::size_t>(subject.min_align, 1);
        const std::size_t largest = detail::in_granules(61, granule) + 15; // of the requests that take() makes
        const bool roomy = instance.capacity() == 0 || instance.capacity() / 16 >= largest;
        const std::size_t wanted = roomy ? 8 : round == 0 ? 1 : 0;
        const std::vector<void *> blocks = detail::take(findings, instance, shadow, 8);
        expect(findings, blocks.size() >= wanted, "after senseless requests only ", blocks.size(), " of ", wanted,
               " blocks are to be had");
    }
    shadow.verify_all(findings);
    return findings;
}

// free(NULL) does nothing.
inline Findings free_null(const lamina_subject &subject) {
    if (subject.free == nullptr) {
        return detail::not_applicable("no free");
    }
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    std::vector<void *> blocks;
    for (unsigned round = 0; round < 2; ++round) { // with nothing out, and with blocks out
        const State before = instance.state();
        instance.free(nullptr);
        if (subject.free_sized != nullptr) {
            instance.free_sized(nullptr, 0);
            instance.free_sized(nullptr, subject.payload);
        }
        expect_unchanged(findings, before, instance.state(), "free(NULL)");
        instance.check(findings, "after free(NULL)");
        shadow.verify_all(findings);
        detail::give(findings, instance, shadow, blocks);
        blocks = detail::take(findings, instance, shadow, 4);
        expect(findings, !blocks.empty(), "after free(NULL) nothing is to be had");
    }
    return findings;
}

// ------------------------------------------------- bad frees -------------------------------------------------------

} // namespace checks

namespace detail {

// A free that the stack promised to notice. `prepare` runs in an instance with up to three blocks out, at least one, and
// answers the pointer to be freed; NULL: can't be built here.
struct BadFree {
    const char *name;
    std::function<void *(Instance &, const std::vector<void *> &)> prepare;
};

inline void *beside(const void *ptr, std::ptrdiff_t offset) {
    return reinterpret_cast<void *>(address_of(ptr) + static_cast<std::uintptr_t>(offset));
}

// Whether the byte behind a block's first is no other block's first: not so in a slab of single bytes.
inline bool bytes_apart(const lamina_subject &subject) { return subject.payload > 1 || subject.align > 1; }

inline std::vector<BadFree> bad_frees(const lamina_subject &subject) {
    std::vector<BadFree> out;
    const bool bounded = !has_flag(subject, LAMINA_SUBJECT_UNBOUNDED);
    const auto align = static_cast<std::ptrdiff_t>(subject.align);
    using Blocks = std::vector<void *>;
    if (has_flag(subject, LAMINA_SUBJECT_DETECTS_FOREIGN)) {
        if (bytes_apart(subject)) {
            out.push_back({"a block misaligned by one byte",
                           [](Instance &, const Blocks &blocks) { return beside(blocks[0], 1); }});
        }
        if (subject.payload > subject.align) {
            out.push_back({"an aligned address inside a block",
                           [align](Instance &, const Blocks &blocks) { return beside(blocks[0], align); }});
        }
    }
    if (has_flag(subject, LAMINA_SUBJECT_DETECTS_FOREIGN) && bounded) {
        out.push_back({"a pointer from the heap", [](Instance &instance, const Blocks &) {
                           static GuardedMemory elsewhere; // outlives the call
                           elsewhere = GuardedMemory(4096, instance.subject().align);
                           return static_cast<void *>(elsewhere.data());
                       }});
        out.push_back({"the allocator's own handle", [](Instance &instance, const Blocks &) {
                           const bool none = has_flag(instance.subject(), LAMINA_SUBJECT_STATIC_INSTANCE);
                           return none ? nullptr : instance.self();
                       }});
        out.push_back({"the first address after the memory", [](Instance &instance, const Blocks &) {
                           const lamina_subject_memory memory = instance.memory();
                           return memory.base == nullptr
                                      ? nullptr
                                      : beside(memory.base, static_cast<std::ptrdiff_t>(memory.bytes));
                       }});
        out.push_back({"an address just before the memory", [align](Instance &instance, const Blocks &) {
                           const lamina_subject_memory memory = instance.memory();
                           return memory.base == nullptr ? nullptr : beside(memory.base, -align);
                       }});
        out.push_back(
            {"the highest address", [](Instance &, const Blocks &) { return reinterpret_cast<void *>(UINTPTR_MAX); }});
    }
    if (has_flag(subject, LAMINA_SUBJECT_DETECTS_DOUBLE_FREE)) {
        out.push_back({"a block that was just freed", [](Instance &instance, const Blocks &blocks) {
                           instance.free(blocks[0]);
                           return blocks[0];
                       }});
        out.push_back({"a block that was freed before another", [](Instance &instance, const Blocks &blocks) -> void * {
                           if (blocks.size() < 2) {
                               return nullptr;
                           }
                           instance.free(blocks[0]);
                           instance.free(blocks[1]);
                           return blocks[0];
                       }});
        if (!has_flag(subject, LAMINA_SUBJECT_RANDOM)) {
            out.push_back({"an object that was never handed out", [](Instance &instance, const Blocks &blocks) -> void * {
                               if (blocks.size() < 3) {
                                   return nullptr;
                               }
                               const std::uintptr_t a = address_of(blocks[0]);
                               const std::uintptr_t b = address_of(blocks[1]);
                               const std::uintptr_t apart = a < b ? b - a : a - b;
                               const std::uintptr_t next = std::max({a, b, address_of(blocks[2])}) + apart;
                               void *const ptr = reinterpret_cast<void *>(next);
                               return instance.in_memory(ptr) ? ptr : nullptr;
                           }});
        }
    }
    return out;
}

// Three blocks: one to be damaged, with a neighbour on each side. Of a smaller store all that there are; none only where
// init failed or the first request was refused.
inline std::vector<void *> three_blocks(Instance &instance) {
    std::vector<void *> blocks;
    for (unsigned i = 0; i < 3 && instance.alive(); ++i) {
        if (void *const ptr = instance.alloc()) {
            blocks.push_back(ptr);
        }
    }
    return blocks;
}

// Of up to three blocks, the one in the middle.
inline unsigned char *middle(const std::vector<void *> &blocks) {
    return blocks.empty() ? nullptr : static_cast<unsigned char *>(blocks[blocks.size() / 2]);
}

struct Events {
    std::vector<lamina_corruption> seen;
    static void handle(void *context, const lamina_corruption *event) {
        static_cast<Events *>(context)->seen.push_back(*event);
    }
};

inline std::string hexadecimal(const void *ptr) {
    std::ostringstream out;
    out << std::hex << address_of(ptr);
    return out.str();
}

} // namespace detail

namespace checks {

// Frees that the stack promised to notice end the program with a report that names the stack and the address.
inline Findings bad_frees(const lamina_subject &subject) {
    if (subject.free == nullptr || detail::bad_frees(subject).empty()) {
        return detail::not_applicable("no bad free is promised to be noticed");
    }
    if (has_flag(subject, LAMINA_SUBJECT_CALLBACK)) {
        return detail::not_applicable("corruption calls a handler");
    }
    Findings findings;
    for (const detail::BadFree &bad : detail::bad_frees(subject)) {
        const Death death = run_in_child([&] {
            Instance instance(subject);
            const std::vector<void *> blocks = detail::three_blocks(instance);
            if (blocks.empty()) {
                return std::string("no block to be had");
            }
            void *const ptr = bad.prepare(instance, blocks);
            if (ptr == nullptr) {
                return std::string("not here");
            }
            detail::write_all(STDERR_FILENO, "freeing ", 8);
            const std::string address = detail::hexadecimal(ptr) + "\n";
            detail::write_all(STDERR_FILENO, address.data(), address.size());
            instance.free(ptr);
            return std::string("survived");
        });
        if (death.result == "not here") {
            continue;
        }
        const std::size_t line = death.text.find('\n');
        const std::string address = line == std::string::npos || line < 8 ? "?" : death.text.substr(8, line - 8);
        Death report = death;
        report.text = line == std::string::npos ? std::string() : death.text.substr(line + 1);
        findings.add_all(corruption_findings(report, std::string("lamina: ") + subject.stack + ":", address, ""),
                         std::string("free of ") + bad.name);
    }
    return findings;
}

// The same where the spec names a handler: it is called once, the free is refused, and the allocator goes on working.
inline Findings bad_frees_call_back(const lamina_subject &subject) {
    if (subject.free == nullptr || detail::bad_frees(subject).empty()) {
        return detail::not_applicable("no bad free is promised to be noticed");
    }
    if (subject.set_corruption_handler == nullptr) {
        return detail::not_applicable("no handler to set");
    }
    Findings findings;
    for (const detail::BadFree &bad : detail::bad_frees(subject)) {
        const Findings found = guarded([&] {
            Findings inner;
            Instance instance(subject);
            if (!detail::started(inner, instance)) {
                return inner;
            }
            detail::Events events;
            subject.set_corruption_handler(instance.self(), &detail::Events::handle, &events);
            const std::vector<void *> blocks = detail::three_blocks(instance);
            if (!expect(inner, !blocks.empty(), "no block to be had")) {
                return inner;
            }
            void *const ptr = bad.prepare(instance, blocks);
            if (ptr == nullptr) {
                return inner;
            }
            expect(inner, events.seen.empty(), "the handler was called before anything was wrong");
            const State before = instance.state();
            instance.free(ptr);
            expect_unchanged(inner, before, instance.state(), "the refused free");
            expect(inner, events.seen.size() == 1, "the handler was called ", events.seen.size(), " times");
            if (!events.seen.empty()) {
                const lamina_corruption &event = events.seen.front();
                expect(inner, event.stack != nullptr && std::strcmp(event.stack, subject.stack) == 0,
                       "the event names another stack");
                expect(inner, event.layer != nullptr && event.layer[0] != '\0', "the event names no layer");
                expect(inner, event.what != nullptr && event.what[0] != '\0', "the event doesn't say what was found");
                expect(inner, event.address == ptr, "the event is about ", event.address, ", not ", ptr);
            }
            instance.check(inner, "after the refused free");
            Shadow shadow;
            const std::vector<void *> more = detail::take(inner, instance, shadow, 2);
            detail::give(inner, instance, shadow, more);
            if (blocks.size() == 3) { // else it may be freed already
                instance.free(blocks[2]);
            }
            instance.check(inner, "after more work");
            expect(inner, events.seen.size() == 1, "the handler was called again for good frees");
            return inner;
        });
        findings.add_all(found, std::string("free of ") + bad.name);
    }
    return findings;
}

// ------------------------------------------------- instances -------------------------------------------------------

// An instance can be destroyed, with blocks out or not, and be brought to life again.
inline Findings life_cycle(const lamina_subject &subject) {
    if (subject.destroy == nullptr) {
        return detail::not_applicable("no destroy");
    }
    Findings findings;
    Instance instance(subject, 0, Instance::not_started());
    std::size_t first = 0;
    for (unsigned round = 0; round < 4; ++round) {
        (void)instance.start();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        detail::expect_empty(findings, instance, "after init");
        Shadow shadow;
        const std::vector<void *> blocks =
            detail::take(findings, instance, shadow, round == 3 ? 0 : detail::some(instance));
        shadow.verify_all(findings);
        if (round == 0) {
            first = blocks.size();
        }
        expect(findings, round == 3 || blocks.size() == first, "life ", round + 1, ": ", blocks.size(),
               " blocks to be had, ", first, " in the first");
        if (round == 1 && instance.can_free()) {
            detail::give(findings, instance, shadow, blocks);
        }
        instance.check(findings, "before destroy");
        instance.destroy();
        instance.check(findings, "after destroy"); // the edges of our memory only
    }
    return findings;
}

// Two instances know nothing of each other.
inline Findings independence(const lamina_subject &subject) {
    if (has_flag(subject, LAMINA_SUBJECT_STATIC_INSTANCE)) {
        return detail::not_applicable("there is one instance");
    }
    Findings findings;
    Instance left(subject);
    Instance right(subject);
    if (!detail::started(findings, left)) {
        return findings;
    }
    if (right.status() == LAMINA_ERR_BUSY) { // handles to one piece of memory: one at a time, and no harm done
        Shadow shadow;
        detail::take(findings, left, shadow, 2);
        left.check(findings, "with a second instance refused");
        left.destroy();
        (void)right.start();
        detail::started(findings, right);
        return findings;
    }
    if (!detail::started(findings, right)) {
        return findings;
    }
    Shadow shadow; // one for both: no block of one may overlap one of the other
    std::vector<void *> of_left, of_right;
    const std::size_t most = std::min<std::size_t>(detail::some(left), 128);
    for (std::size_t i = 0; i < most; ++i) {
        const std::vector<void *> l = detail::take(findings, left, shadow, 1);
        const std::vector<void *> r = detail::take(findings, right, shadow, 1);
        of_left.insert(of_left.end(), l.begin(), l.end());
        of_right.insert(of_right.end(), r.begin(), r.end());
    }
    expect(findings, of_left.size() == of_right.size(), "one instance gave ", of_left.size(), " blocks, the other ",
           of_right.size());
    const State before = right.state();
    if (left.can_free()) {
        detail::give(findings, left, shadow, of_left);
    } else if (subject.reset != nullptr) {
        left.reset();
        for (void *const ptr : of_left) {
            shadow.forget(ptr);
        }
    }
    expect_unchanged(findings, before, right.state(), "work on the other instance");
    left.check(findings, "the first instance");
    right.check(findings, "the second instance");
    left.destroy();
    for (void *const ptr : of_left) {
        shadow.forget(ptr);
    }
    shadow.verify_all(findings);
    right.check(findings, "the second instance, with the first destroyed");
    if (right.can_free()) {
        detail::give(findings, right, shadow, of_right);
    }
    detail::take(findings, right, shadow, 2);
    if (has_flag(subject, LAMINA_SUBJECT_DETECTS_FOREIGN) && subject.free != nullptr &&
        !has_flag(subject, LAMINA_SUBJECT_UNBOUNDED) && !has_flag(subject, LAMINA_SUBJECT_CALLBACK)) {
        const Death death = death_of([&] {
            Instance a(subject);
            Instance b(subject);
            b.free(a.alloc());
        });
        findings.add_all(corruption_findings(death, subject.stack, "", ""), "free of a block of another instance");
    }
    return findings;
}

// A caller's buffer of bytes_for(n) bytes holds n and not n + 1; a byte less, or a start off by one byte, is refused.
inline Findings footprint(const lamina_subject &subject) {
    if (subject.init_with == nullptr || subject.bytes_for == nullptr) {
        return detail::not_applicable("no caller's buffer");
    }
    Findings findings;
    const bool fixed = subject.capacity != 0; // the spec declares the count
    std::vector<std::size_t> counts = {1, 2, 3, 7, 64};
    if (fixed) {
        counts.assign(1, subject.capacity);
    }
    if (subject.payload == 0) {
        counts.assign(fixed ? 1 : 3, fixed ? subject.capacity : 4096);
        if (!fixed) {
            counts[0] = std::max<std::size_t>(subject.min_align, 1);
            counts[1] = 256;
        }
    }
    GuardedMemory handle(std::max<std::size_t>(subject.handle_bytes, 1),
                         std::max<std::size_t>(subject.handle_align, 1));
    void *const self = handle.data();
    // What the instance on this buffer holds: objects, or bytes asked for one granule at a time.
    const auto holds = [&](std::size_t most) {
        const std::size_t granule = subject.payload != 0 ? subject.payload
                                                         : std::max<std::size_t>(subject.min_align, 1);
        std::size_t count = 0;
        while (count <= most && subject.alloc(self, granule, subject.align) != nullptr) {
            count += subject.payload != 0 ? 1 : granule;
        }
        return count;
    };
    for (const std::size_t n : counts) {
        const std::size_t bytes = subject.bytes_for(n);
        expect(findings, bytes >= n * std::max<std::size_t>(subject.payload, 1), "bytes_for(", n, ") is ", bytes);
        {
            GuardedMemory exact(bytes, Instance::buffer_align(subject));
            const lamina_status status = subject.init_with(self, exact.data(), bytes);
            if (expect(findings, status == LAMINA_OK, "bytes_for(", n, ") = ", bytes,
                       " bytes were refused: ", lamina_status_text(status))) {
                const std::size_t had = holds(n);
                expect(findings, had == n, "bytes_for(", n, ") = ", bytes, " bytes hold ", had, ", not ", n);
                subject.destroy(self);
            }
            expect(findings, exact.guards_intact(), "bytes_for(", n, "): bytes outside the buffer were written");
        }
        {
            GuardedMemory less(bytes - 1, Instance::buffer_align(subject));
            const lamina_status status = subject.init_with(self, less.data(), bytes - 1);
            if (status == LAMINA_OK) {
                expect(findings, !fixed && n > counts.front(), "a buffer one byte smaller than bytes_for(", n,
                       ") wasn't refused");
                const std::size_t had = holds(n);
                expect(findings, had < n, "a buffer one byte smaller than bytes_for(", n, ") holds ", had);
                subject.destroy(self);
            } else {
                expect(findings, status == LAMINA_ERR_TOO_SMALL,
                       "one byte too few is answered by: ", lamina_status_text(status));
            }
            expect(findings, less.guards_intact(), "one byte too few: bytes outside the buffer were written");
        }
        if (Instance::buffer_align(subject) > 1) {
            GuardedMemory shifted(bytes + 1, Instance::buffer_align(subject));
            const lamina_status status = subject.init_with(self, shifted.data() + 1, bytes);
            if (expect(findings, status != LAMINA_OK, "a buffer misaligned by one byte wasn't refused")) {
                expect(findings, status == LAMINA_ERR_MISALIGNED,
                       "a misaligned buffer is answered by: ", lamina_status_text(status));
            } else {
                subject.destroy(self);
            }
        }
    }
    GuardedMemory none(16, 16);
    expect(findings, subject.init_with(self, nullptr, subject.bytes_for(counts.back())) != LAMINA_OK,
           "a buffer at NULL wasn't refused");
    expect(findings, subject.init_with(self, none.data(), 0) != LAMINA_OK, "a buffer of no bytes wasn't refused");
    expect(findings, handle.guards_intact(), "bytes outside the handle were written");
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_CHECKS_HPP
