// layers.hpp: what the cases of single layers are made of: small hands that damage memory, and checks of one layer's
// promise, given what only the layer knows (offsets, pattern bytes, its name in the reports).
#ifndef LAMINA_TESTING_LAYERS_HPP
#define LAMINA_TESTING_LAYERS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/testing/checks.hpp"
#include "lamina/testing/memory.hpp"

namespace lamina {
namespace testing {

// ------------------------------------------------- hands ----------------------------------------------------------

// Reads and writes of memory that isn't ours, or not any more: no sanitizer looks.
LAMINA_TESTING_UNSANITIZED inline unsigned char peek(const void *ptr, std::ptrdiff_t offset = 0) {
    return *(static_cast<const volatile unsigned char *>(ptr) + offset);
}
LAMINA_TESTING_UNSANITIZED inline void poke(void *ptr, std::ptrdiff_t offset, unsigned char value) {
    *(static_cast<volatile unsigned char *>(ptr) + offset) = value;
}
// Inverts the bits of `mask` in one byte: what a stray write does, at its smallest.
inline void flip(void *ptr, std::ptrdiff_t offset, unsigned char mask = 0xFF) {
    poke(ptr, offset, static_cast<unsigned char>(peek(ptr, offset) ^ mask));
}
// The first offset in [from, to) whose byte isn't `value`; `to` when all are.
inline std::size_t first_other(const void *ptr, std::size_t from, std::size_t to, unsigned char value) {
    while (from < to && peek(ptr, static_cast<std::ptrdiff_t>(from)) == value) {
        ++from;
    }
    return from;
}
inline void fill(void *ptr, std::size_t size, unsigned char value) { std::memset(ptr, value, size); }

// ------------------------------------------------- damage that must be noticed ------------------------------------

// What came of an action that a stack must notice, whether it aborts or calls its handler.
struct Noticed {
    Death death;
    bool called_back = false; // `text` holds the event's line then
    std::string text;
};

// Runs `action` on a new instance in a child. Where corruption calls a handler, one is set that collects the events.
inline Noticed noticing(const lamina_subject &subject, const std::function<void(Instance &)> &action) {
    Noticed out;
    const bool callback = has_flag(subject, LAMINA_SUBJECT_CALLBACK) && subject.set_corruption_handler != nullptr;
    out.death = run_in_child([&] {
        Instance instance(subject);
        detail::Events events;
        if (instance.alive()) {
            if (callback) {
                subject.set_corruption_handler(instance.self(), &detail::Events::handle, &events);
            }
            action(instance);
        }
        std::string lines;
        for (const lamina_corruption &event : events.seen) {
            lines += Instance::describe(event) + "\n";
        }
        return lines;
    });
    out.called_back = callback && out.death.survived() && !out.death.result.empty();
    out.text = out.called_back ? out.death.result : out.death.text;
    return out;
}

// The action must be noticed by `layer`, with `what` in the report.
inline Findings must_notice(const lamina_subject &subject, const std::string &layer, const std::string &what,
                            const std::function<void(Instance &)> &action) {
    const Noticed noticed = noticing(subject, action);
    if (!noticed.called_back) {
        return corruption_findings(noticed.death, std::string("lamina: ") + subject.stack + ":", layer, what);
    }
    Findings findings;
    for (const std::string &part : {std::string(subject.stack), layer, what}) {
        expect(findings, noticed.text.find(part) != std::string::npos, "the event doesn't mention \"", part,
               "\"; it reads: ", noticed.text);
    }
    return findings;
}

namespace detail {

// check() must say no, name the layer, and neither abort nor call the handler.
inline void expect_check_fails(Findings &findings, Instance &instance, const std::string &layer, const char *when) {
    if (instance.subject().check == nullptr) {
        return;
    }
    lamina_corruption first = {};
    if (expect(findings, !instance.subject().check(instance.self(), &first), when, ": check() finds nothing")) {
        const std::string text = Instance::describe(first);
        expect(findings, text.find(layer) != std::string::npos, when, ": check() doesn't name \"", layer,
               "\"; it reads: ", text);
        expect(findings, first.stack != nullptr && std::string(first.stack) == instance.subject().stack, when,
               ": check() names another stack: ", text);
    }
}

// Uses the store so that every free object comes past: takes all (of a large store, enough), gives all back.
inline void use_all(Instance &instance) {
    std::vector<void *> blocks;
    const std::size_t most = some(instance) + instance.subject().held + 1;
    for (unsigned round = 0; round < 2; ++round) {
        while (blocks.size() < most) {
            void *const ptr = instance.alloc();
            if (ptr == nullptr) {
                break;
            }
            blocks.push_back(ptr);
        }
        while (!blocks.empty()) {
            instance.free(blocks.back());
            blocks.pop_back();
        }
    }
}

} // namespace detail

namespace checks {

// A write to a freed object, `offset` bytes into it: check() finds it, and using the store further is noticed.
inline Findings write_after_free(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                                 const std::string &what = std::string()) {
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        if (!detail::started(inner, instance)) {
            return inner;
        }
        void *const block = detail::middle(detail::three_blocks(instance));
        if (!expect(inner, block != nullptr, "no object to be had")) {
            return inner;
        }
        instance.free(block);
        instance.check(inner, "before the damage");
        flip(block, offset, 0x01);
        detail::expect_check_fails(inner, instance, layer, "after a write to a freed object");
        flip(block, offset, 0x01);
        instance.check(inner, "with the damage undone");
        return inner;
    });
    findings.add_all(must_notice(subject, layer, what,
                                 [&](Instance &instance) {
                                     void *const block = detail::middle(detail::three_blocks(instance));
                                     instance.free(block);
                                     flip(block, offset, 0x01);
                                     detail::use_all(instance);
                                 }),
                     "a write to a freed object at offset " + std::to_string(offset));
    return findings;
}

// A write outside a live block, `offset` bytes from its start (-1: just before; payload: just after): check() finds it,
// and the free of the block is noticed. A write inside is nobody's business.
inline Findings overflow(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                         const std::string &what = std::string()) {
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        if (!detail::started(inner, instance)) {
            return inner;
        }
        const std::vector<void *> blocks = detail::three_blocks(instance);
        void *const block = detail::middle(blocks);
        if (!expect(inner, block != nullptr, "no object to be had")) {
            return inner;
        }
        for (void *const ptr : blocks) {
            fill(ptr, subject.payload, 0xEE); // all of it, to the last byte
        }
        instance.check(inner, "with every byte of the blocks written");
        flip(block, offset, 0x01);
        detail::expect_check_fails(inner, instance, layer, "after an overflow by one");
        flip(block, offset, 0x01);
        instance.check(inner, "with the damage undone");
        for (void *const ptr : blocks) {
            instance.free(ptr);
        }
        instance.check(inner, "after good frees");
        return inner;
    });
    findings.add_all(must_notice(subject, layer, what,
                                 [&](Instance &instance) {
                                     void *const block = detail::middle(detail::three_blocks(instance));
                                     flip(block, offset, 0x01);
                                     instance.free(block);
                                 }),
                     "an overflow at offset " + std::to_string(offset));
    return findings;
}

// A freed object's bytes in [from, to) are `value`: poison, or zeros.
inline Findings bytes_after_free(const lamina_subject &subject, std::size_t from, std::size_t to, unsigned char value) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    std::vector<void *> blocks = detail::three_blocks(instance);
    for (void *const ptr : blocks) {
        fill(ptr, subject.payload, static_cast<unsigned char>(~value));
    }
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        instance.free(blocks[i]);
        const std::size_t at = first_other(blocks[i], from, to, value);
        expect(findings, at == to, "byte ", at, " of a freed object isn't ", static_cast<unsigned>(value));
        for (std::size_t j = i + 1; j < blocks.size(); ++j) {
            const std::size_t other = first_other(blocks[j], 0, subject.payload, static_cast<unsigned char>(~value));
            expect(findings, other == subject.payload, "freeing one object changed byte ", other, " of another");
        }
    }
    return findings;
}

// A block just handed out is full of `value`, also where another used it before.
inline Findings bytes_after_alloc(const lamina_subject &subject, unsigned char value) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<void *> blocks;
        for (std::size_t i = 0; i < std::min<std::size_t>(detail::some(instance), 32); ++i) {
            const detail::Wish w = detail::wish(instance, i);
            void *const ptr = instance.alloc(w.size, w.align);
            if (ptr == nullptr) {
                break;
            }
            const std::size_t at = first_other(ptr, 0, w.size, value);
            expect(findings, at == w.size, "round ", round + 1, ": byte ", at, " of a new block isn't ",
                   static_cast<unsigned>(value));
            fill(ptr, w.size, static_cast<unsigned char>(~value));
            blocks.push_back(ptr);
        }
        for (void *const ptr : blocks) {
            if (instance.can_free()) {
                instance.free(ptr);
            }
        }
        if (!instance.can_free() && subject.reset != nullptr) {
            instance.reset();
        }
    }
    return findings;
}

// What use_all() would find late, reset and destroy find: a quarantine is drained and verified then.
inline Findings damage_seen_by_reset(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                                     const std::string &what = std::string()) {
    if (subject.reset == nullptr) {
        return {};
    }
    return must_notice(subject, layer, what, [offset](Instance &instance) {
        const std::vector<void *> blocks = detail::three_blocks(instance);
        instance.free(blocks[1]);
        flip(blocks[1], offset, 0x01);
        instance.reset();
    });
}

inline Findings damage_seen_by_destroy(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                                       const std::string &what = std::string()) {
    return must_notice(subject, layer, what, [offset](Instance &instance) {
        void *const block = detail::middle(detail::three_blocks(instance));
        instance.free(block);
        flip(block, offset, 0x01);
        instance.destroy();
    });
}

// After reset, the bytes in [from, to) of what were blocks are `value`, or can't be touched: given back with the reset.
inline Findings bytes_after_reset(const lamina_subject &subject, std::size_t from, std::size_t to,
                                  unsigned char value) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance) || subject.reset == nullptr) {
        return findings;
    }
    const std::vector<void *> blocks = detail::three_blocks(instance);
    const std::size_t size = instance.usual_size();
    for (void *const ptr : blocks) {
        fill(ptr, size, static_cast<unsigned char>(~value));
    }
    expect(findings, !blocks.empty(), "no block to be had");
    instance.reset();
    const lamina_subject_memory left = instance.memory();
    for (void *const ptr : blocks) {
        if (instance.in_memory(ptr) && address_of(ptr) - address_of(left.base) >= left.committed) {
            expect(findings, faults(ptr), "a block behind what is committed after reset can be written");
            continue;
        }
        const std::size_t at = first_other(ptr, from, std::min(to, size), value);
        expect(findings, at == std::min(to, size), "byte ", at, " of a block isn't ", static_cast<unsigned>(value),
               " after reset");
    }
    return findings;
}

// The same after destroy. Only for memory that stays there: a caller's or a static buffer.
inline Findings bytes_after_destroy(const lamina_subject &subject, std::size_t from, std::size_t to,
                                    unsigned char value) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const std::vector<void *> blocks = detail::three_blocks(instance);
    const std::size_t size = instance.usual_size();
    for (void *const ptr : blocks) {
        fill(ptr, size, static_cast<unsigned char>(~value));
    }
    instance.destroy();
    for (void *const ptr : blocks) {
        const std::size_t at = first_other(ptr, from, std::min(to, size), value);
        expect(findings, at == std::min(to, size), "byte ", at, " of a block isn't ", static_cast<unsigned>(value),
               " after destroy");
    }
    return findings;
}

// A quarantine of `count` objects, first in first out: a freed object isn't handed out before `count` more frees, and
// comes back in the end.
inline Findings quarantine_delays(const lamina_subject &subject, std::size_t count) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    void *const held = instance.alloc();
    if (!expect(findings, held != nullptr, "the first request was refused")) {
        return findings;
    }
    instance.free(held);
    for (std::size_t frees = 0; frees < count; ++frees) {
        void *const ptr = instance.alloc();
        if (!expect(findings, ptr != nullptr, "refused with ", frees + 1, " objects in quarantine") ||
            !expect(findings, ptr != held, "an object came back after ", frees, " more frees, of ", count)) {
            return findings;
        }
        instance.free(ptr);
    }
    instance.check(findings, "with the quarantine full");
    // Take all that is to be had: the object left the quarantine with the last free, and is among them.
    bool back = false;
    const std::size_t most = instance.capacity() != 0 ? instance.capacity() : 100000;
    for (std::size_t i = 0; i < most && !back; ++i) {
        void *const ptr = instance.alloc();
        if (ptr == nullptr) {
            break;
        }
        back = ptr == held;
    }
    expect(findings, back, "an object didn't come back after ", count, " more frees");
    return findings;
}

// Commit is lazy: at first little is committed and nothing resident; the first byte beyond what is committed faults;
// committed memory grows in steps of `step` bytes as blocks are handed out, and only so.
inline Findings lazy_commit(const lamina_subject &subject, std::size_t step) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const lamina_subject_memory first = instance.memory();
    if (!expect(findings, first.base != nullptr && first.bytes > step, "no range to look at")) {
        return findings;
    }
    const auto look = [&](const char *when) {
        const lamina_subject_memory now = instance.memory();
        const RangeUse use = range_use(now.base, now.bytes);
        expect(findings, use.mapped == now.bytes, when, ": ", use.mapped, " bytes are mapped of ", now.bytes,
               " reserved");
        expect(findings, use.writable >= now.committed && use.writable <= now.committed + step, when, ": ",
               use.writable, " bytes may be written where ", now.committed, " are committed");
        expect(findings, use.charged <= now.committed + step, when, ": ", use.charged, " bytes are charged where ",
               now.committed, " are committed");
        expect(findings, now.committed % step == 0 || now.committed == now.bytes, when, ": ", now.committed,
               " bytes are committed, no multiple of ", step);
        if (now.committed < now.bytes) {
            expect(findings, faults(now.base + now.committed), when, ": a write beyond the ", now.committed,
                   " committed bytes doesn't fault");
            expect(findings, faults(now.base + now.bytes - 1), when,
                   ": a write to the last reserved byte doesn't fault");
        }
        if (now.committed != 0) {
            expect(findings, !faults(now.base + now.committed - 1), when,
                   ": a write to the last committed byte faults");
        }
        return now;
    };
    look("after init");
    expect(findings, first.committed <= step, "after init: ", first.committed, " bytes are committed");
    const std::size_t resident = resident_bytes(first.base, first.bytes);
    expect(findings, resident <= step, "after init: ", resident, " bytes are resident");
    // Enough blocks for two steps and a half, each written full.
    const std::size_t size = subject.payload != 0 ? subject.payload : std::max<std::size_t>(step / 16, 64);
    std::size_t taken = 0;
    std::uintptr_t highest = 0;
    std::size_t committed = first.committed;
    while (taken < step * 5 / 2) {
        auto *const ptr = static_cast<unsigned char *>(instance.alloc(size, subject.align));
        if (ptr == nullptr) {
            break;
        }
        fill(ptr, size, 0x11);
        taken += size;
        highest = std::max(highest, address_of(ptr) + size);
        const std::size_t now = instance.memory().committed;
        if (now != committed) {
            expect(findings, now > committed && (now - committed) % step == 0, "committed bytes went from ", committed,
                   " to ", now, ", no step of ", step);
            committed = now;
        }
        if (!expect(findings, address_of(first.base) + now >= highest, "a block lies beyond the ", now,
                    " committed bytes")) {
            return findings;
        }
    }
    // A range may be larger than all that its store ever hands out.
    const std::size_t store = instance.capacity() == 0 ? SIZE_MAX : instance.capacity() * std::max<std::size_t>(subject.payload, 1);
    expect(findings, taken >= std::min({step * 5 / 2, first.bytes / 2, store}), "only ", taken,
           " bytes were to be had");
    const lamina_subject_memory later = look("with blocks out");
    const std::size_t needed = static_cast<std::size_t>(highest - address_of(first.base));
    const std::size_t ahead = step + 4096; // a store may thread a page of blocks before they are asked for
    expect(findings, later.committed <= needed + ahead || has_flag(subject, LAMINA_SUBJECT_RANDOM), later.committed,
           " bytes are committed where ", needed, " are needed");
    instance.check(findings, "at the end");
    return findings;
}

// Guards around the memory: the byte before it and the byte after it can't be touched.
inline Findings guarded_ends(const lamina_subject &subject, bool before, bool after) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const lamina_subject_memory memory = instance.memory();
    if (expect(findings, memory.base != nullptr, "no range to look at")) {
        expect(findings, !before || faults(memory.base - 1), "a write just before the memory doesn't fault");
        expect(findings, !after || faults(memory.base + memory.bytes), "a write just after the memory doesn't fault");
        expect(findings, !faults(instance.alloc()), "a write to a block faults");
    }
    return findings;
}

// A guard behind every `every` slots: between the groups, as they lie in memory, the last byte before the next group
// can't be touched. `lead`: bytes from a slot's start to the block in it.
inline Findings guards_between(const lamina_subject &subject, std::size_t every, std::size_t lead = 0) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    std::vector<std::uintptr_t> slots;
    const std::size_t promised = instance.capacity() != 0 ? instance.capacity() : 4 * every;
    for (std::size_t i = 0; i < promised; ++i) {
        if (void *const ptr = instance.alloc()) {
            slots.push_back(address_of(ptr));
        }
    }
    std::sort(slots.begin(), slots.end());
    expect(findings, slots.size() > every, "there are no two groups of ", every, " slots");
    std::size_t looked_at = 0;
    for (std::size_t i = every; i < slots.size() && looked_at < 8; i += every, ++looked_at) {
        const void *const fence = reinterpret_cast<const void *>(slots[i] - lead - 1);
        expect(findings, faults(fence), "a write just before slot ", i, " doesn't fault, ", every,
               " slots make a group");
        expect(findings, !faults(reinterpret_cast<const void *>(slots[i - 1] + subject.payload - 1)),
               "a write to the last byte of slot ", i - 1, " faults");
    }
    return findings;
}

// After init nothing is resident, or everything is (populate).
inline Findings resident_after_init(const lamina_subject &subject, bool everything) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const lamina_subject_memory memory = instance.memory();
    const std::size_t resident = resident_bytes(memory.base, memory.bytes);
    expect(findings, everything ? resident >= memory.bytes : resident <= page_size(), "after init ", resident, " of ",
           memory.bytes, " bytes are resident");
    return findings;
}

// The first `primary` objects lie in the store's own memory, the next ones elsewhere; each goes back to where it came
// from, and then the store's own memory is used again.
inline Findings falls_back(const lamina_subject &subject, std::size_t primary) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    Shadow shadow;
    Random random(5);
    for (unsigned round = 0; round < 3 && findings.clean(); ++round) {
        std::vector<void *> blocks = detail::take(findings, instance, shadow, primary + 5);
        expect(findings, blocks.size() == primary + 5, "only ", blocks.size(), " objects to be had");
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            if (!expect(findings, instance.in_memory(blocks[i]) == (i < primary), "object ", i + 1, " of ", primary,
                        i < primary ? " doesn't lie" : " still lies", " in the store's own memory")) {
                break;
            }
        }
        instance.check(findings, "with the fall-back in use");
        shadow.verify_all(findings);
        if (round == 1) {
            random.shuffle(blocks);
        } else if (round == 2) {
            std::reverse(blocks.begin(), blocks.end());
        }
        detail::give(findings, instance, shadow, blocks);
        instance.check(findings, "with all freed");
    }
    return findings;
}

// The system's map shows the name of the mapping that the memory begins in, where the system shows names at all.
inline Findings named(const lamina_subject &subject, const std::string &name) {
    Findings findings;
    const std::size_t page = page_size();
    void *const probe = lamina_os_map(page, 0U);
    if (!expect(findings, probe != nullptr, "a page can't be mapped")) {
        return findings;
    }
    const bool shows = lamina_os_name(probe, page, "probe") && range_use(probe, page).name == "[anon:probe]";
    (void)lamina_os_release(probe, page);
    if (!shows) {
        return detail::not_applicable("this system shows no names");
    }
    Instance instance(subject);
    if (detail::started(findings, instance)) {
        const std::string found = range_use(instance.memory().base, 1).name;
        expect(findings, found == "[anon:" + name + "]", "the mapping is named \"", found, "\"");
    }
    return findings;
}

// The memory is under this policy, before and after the first touch.
inline Findings numa_policy(const lamina_subject &subject, lamina_numa_policy policy,
                            const std::vector<uint16_t> &nodes) {
    Findings findings;
    Instance instance(subject);
    if (!detail::started(findings, instance)) {
        return findings;
    }
    const lamina_subject_memory memory = instance.memory();
    if (!expect(findings, memory.base != nullptr, "no range to look at")) {
        return findings;
    }
    const auto look = [&](const void *at, const char *where) {
        lamina_numa_policy is = LAMINA_NUMA_DEFAULT;
        std::vector<uint16_t> on(64);
        std::size_t count = 0;
        if (expect(findings, lamina_numa_policy_of(at, &is, on.data(), on.size(), &count), where,
                   ": the policy can't be read, error ", lamina_last_os_error())) {
            on.resize(std::min(count, on.size()));
            expect(findings, is == policy, where, ": the policy is ", static_cast<int>(is), ", not ",
                   static_cast<int>(policy));
            expect(findings, on == nodes, where, ": the policy is about ", count, " nodes, or others than asked for");
        }
    };
    look(memory.base, "the first byte");
    look(memory.base + memory.bytes / 2, "the middle");
    look(memory.base + memory.bytes - 1, "the last byte");
    void *const ptr = instance.alloc();
    if (expect(findings, ptr != nullptr, "the first request was refused")) {
        fill(ptr, 1, 1);
        look(ptr, "a block");
        const int node = lamina_numa_node_of(ptr);
        expect(findings, policy != LAMINA_NUMA_BIND || std::find(nodes.begin(), nodes.end(), node) != nodes.end(),
               "a block lies on node ", node);
    }
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_LAYERS_HPP
