// reports.hpp: what is said about damage, to the letter: each field of what check() fills in, and the whole line on
// which a stack ends the program.
#ifndef LAMINA_TESTING_REPORTS_HPP
#define LAMINA_TESTING_REPORTS_HPP

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "lamina/os_table.h"
#include "lamina/testing/faults.hpp"
#include "lamina/testing/layers.hpp"

namespace lamina {
namespace testing {

// An event as a test expects it; the stack's name is filled in later.
inline lamina_corruption damage(const char *layer, const char *what, const void *address, std::ptrdiff_t offset = 0,
                                std::uint64_t expected = 0, std::uint64_t found = 0) {
    lamina_corruption event = {};
    event.layer = layer;
    event.what = what;
    event.address = address;
    event.offset = offset;
    event.expected = expected;
    event.found = found;
    return event;
}

namespace detail {

inline std::string in_full(const lamina_corruption &event) {
    const auto word = [](const char *text) { return std::string(text != nullptr ? text : "(null)"); };
    // Where there were no two values to compare, the offset says nothing (report.h).
    const std::ptrdiff_t offset = event.expected != event.found ? event.offset : 0;
    return say(word(event.stack), ": ", word(event.layer), ": ", word(event.what), " at ", event.address, ", offset ",
               offset, ", expected ", event.expected, ", found ", event.found);
}

} // namespace detail

namespace checks {

// check() finds exactly this.
inline Findings check_says(Instance &instance, lamina_corruption wanted) {
    Findings findings;
    wanted.stack = instance.subject().stack;
    lamina_corruption event = {};
    if (expect(findings, !instance.subject().check(instance.self(), &event), "check() finds nothing, where ",
               wanted.what, " was expected")) {
        expect(findings, detail::in_full(event) == detail::in_full(wanted), "check() says\n  ", detail::in_full(event),
               "\nnot\n  ", detail::in_full(wanted));
    }
    return findings;
}

// check() finds nothing.
inline Findings check_is_content(Instance &instance) {
    Findings findings;
    instance.check(findings, "with nothing wrong");
    return findings;
}

// `prepare` builds the situation and tells what is to be reported, `act` walks into it: the program ends with exactly
// that report and no other, or the handler gets it first.
inline Findings reports(const lamina_subject &subject, const std::function<lamina_corruption(Instance &)> &prepare,
                        const std::function<void(Instance &)> &act) {
    std::string wanted;
    const bool callback = has_flag(subject, LAMINA_SUBJECT_CALLBACK) && subject.set_corruption_handler != nullptr;
    const Death death = run_in_child([&] {
        Instance instance(subject);
        instance.stop_keeping_books();
        detail::Events events;
        if (callback) {
            subject.set_corruption_handler(instance.self(), &detail::Events::handle, &events);
        }
        lamina_corruption event = prepare(instance);
        event.stack = subject.stack;
        const std::string line = Instance::describe(event) + "\n";
        detail::write_all(STDERR_FILENO, line.data(), line.size());
        act(instance);
        if (!callback) {
            detail::write_all(STDERR_FILENO, "nobody noticed\n", 15); // destroy, which comes now, is too late
        }
        return events.seen.empty() ? std::string("nothing") : Instance::describe(events.seen.front()) + "\n";
    });
    Findings findings;
    const std::size_t end = death.text.find('\n');
    wanted = end == std::string::npos ? death.text : death.text.substr(0, end + 1);
    if (!callback && !expect(findings, death.aborted(), "expected the end of the program and ", wanted, "but the child ",
                             death.summary())) {
        return findings;
    }
    const std::string told = callback ? death.result : death.text.substr(std::min(death.text.size(), wanted.size()));
    const bool same = told == wanted || (with_sanitizer && told.compare(0, wanted.size(), wanted) == 0);
    expect(findings, same, "the report reads\n  ", told, "not\n  ", wanted);
    return findings;
}

// One watched byte, `offset` bytes from the payload's start, of an object that is out or (`freed`) was freed: check()
// and whoever comes across it next report exactly that byte.
inline Findings watched_byte(const lamina_subject &subject, bool freed, std::ptrdiff_t offset, const char *layer,
                             const char *what) {
    unsigned char *block = nullptr;
    const auto prepare = [&](Instance &instance) {
        block = detail::middle(detail::three_blocks(instance));
        if (block == nullptr) {
            return damage("", "no object to be had", nullptr);
        }
        if (freed) {
            instance.free(block);
        }
        const unsigned char was = peek(block, offset);
        flip(block, offset, 0x01);
        return damage(layer, what, block, offset, was, was ^ 0x01U);
    };
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        instance.stop_keeping_books();
        const lamina_corruption wanted = prepare(instance);
        if (!expect(inner, block != nullptr, wanted.what)) {
            return inner;
        }
        inner.add_all(check_says(instance, wanted), "");
        flip(block, offset, 0x01);
        instance.check(inner, "with the damage undone");
        return inner;
    });
    const auto act = [&](Instance &instance) {
        if (freed) { // who hands it out again must notice, not only who takes it back
            const std::size_t most = detail::some(instance) + subject.held + 1;
            for (std::size_t i = 0; i < most && instance.alloc() != nullptr; ++i) {
            }
        } else {
            instance.free(block);
        }
    };
    findings.add_all(reports(subject, prepare, act), "");
    return findings;
}

// An object in quarantine whose seal, its own slot's address, is written over: check(), the object's turn and destroy
// report the word. `seal` and `slot`: where seal and slot lie, in bytes from the payload's start.
inline Findings broken_seal(const lamina_subject &subject, std::ptrdiff_t seal, std::ptrdiff_t slot) {
    std::vector<void *> others;
    const auto prepare = [&](Instance &instance) {
        others = detail::three_blocks(instance);
        unsigned char *const block = detail::middle(others);
        if (block == nullptr) {
            return damage("", "no object to be had", nullptr);
        }
        others.erase(std::find(others.begin(), others.end(), block));
        instance.free(block);
        flip(block, seal, 0x01);
        std::uintptr_t found = 0; // as the bytes lie in memory, on machines of either byte order
        unsigned char bytes[sizeof found];
        for (std::size_t i = 0; i < sizeof found; ++i) {
            bytes[i] = peek(block, seal + static_cast<std::ptrdiff_t>(i));
        }
        std::memcpy(&found, bytes, sizeof found);
        return damage("quarantine", "written while in quarantine", block + seal, 0, address_of(block + slot), found);
    };
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        instance.stop_keeping_books();
        const lamina_corruption wanted = prepare(instance);
        if (!expect(inner, wanted.address != nullptr, wanted.what)) {
            return inner;
        }
        inner.add_all(check_says(instance, wanted), "");
        flip(const_cast<void *>(wanted.address), 0, 0x01);
        instance.check(inner, "with the damage undone");
        return inner;
    });
    const auto use = [&](Instance &instance) {
        for (void *const ptr : others) { // of a small store there may be no other that pushes it out
            instance.free(ptr);
        }
        detail::use_all(instance);
    };
    findings.add_all(reports(subject, prepare, use), "in use");
    findings.add_all(reports(subject, prepare, [](Instance &instance) { instance.destroy(); }), "destroyed");
    return findings;
}

// After reset, nothing is left in any slot; and alloc_zeroed gives zeros even where somebody wrote to a freed object.
inline Findings wiped_by_reset(const lamina_subject &subject, std::size_t lead, std::size_t slot, bool stray_writes) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        if (stray_writes) {
            void *const ptr = instance.alloc();
            instance.free(ptr);
            fill(ptr, subject.payload, 0xEE);
            void *const again = instance.alloc_zeroed(subject.payload, subject.align);
            expect(findings, again == ptr && first_other(again, 0, subject.payload, 0) == subject.payload,
                   "alloc_zeroed gave what was written to a freed object");
        }
        std::vector<unsigned char *> slots;
        for (std::size_t i = 0; i < detail::some(instance); ++i) {
            auto *const block = static_cast<unsigned char *>(instance.alloc());
            if (block == nullptr) {
                break;
            }
            if (!instance.in_memory(block)) { // another allocator's
                instance.free(block);
                break;
            }
            fill(block, subject.payload, 0xEE);
            slots.push_back(block - lead);
        }
        instance.reset();
        for (const unsigned char *const at : slots) {
            expect(findings, first_other(at, 0, slot, 0) == slot, "reset left something in a slot");
        }
        return findings;
    });
}

// Several threads free at the very same time, again and again: no block gets lost between them.
inline Findings contended_frees(const lamina_subject &subject) {
    return guarded([&subject] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        using Clock = std::chrono::steady_clock;
        const auto end = Clock::now() + std::chrono::milliseconds(250);
        constexpr std::size_t helpers = 2;
        std::vector<void *> blocks;
        std::atomic<std::size_t> round{0}, ready{0};
        std::atomic<bool> over{false};
        std::vector<std::thread> threads;
        for (std::size_t me = 0; me < helpers; ++me) {
            threads.emplace_back([&, me] {
                for (std::size_t next = 1;; ++next) {
                    while (round.load(std::memory_order_acquire) < next) {
                        if (over.load(std::memory_order_relaxed)) {
                            return;
                        }
                    }
                    for (std::size_t at = me; at < blocks.size(); at += helpers) {
                        instance.free(blocks[at]);
                    }
                    ready.fetch_add(1, std::memory_order_release);
                }
            });
        }
        std::size_t rounds = 0;
        while (findings.clean() && (rounds == 0 || Clock::now() < end)) {
            blocks.clear();
            while (blocks.size() < 1000) {
                void *const ptr = instance.alloc();
                if (ptr == nullptr) {
                    break;
                }
                blocks.push_back(ptr);
            }
            ready.store(0, std::memory_order_relaxed);
            round.store(++rounds, std::memory_order_release);
            while (ready.load(std::memory_order_acquire) != helpers) {
                std::this_thread::yield();
            }
            std::size_t left = subject.in_use(instance.self());
            for (unsigned more = 0; more < 64 && left > subject.held; ++more) {
                left = subject.in_use(instance.self()); // a bounded queue is fetched from in batches
            }
            expect(findings, left <= subject.held, "round ", rounds, ": ", left, " of ", blocks.size(), " frees got lost");
        }
        over.store(true);
        for (std::thread &thread : threads) {
            thread.join();
        }
        return findings;
    });
}

// What is given back to the system holds none of the objects' bytes: looked at when it goes.
// `lead`: where the payload lies in its slot of `slot` bytes.
inline Findings wiped_before_release(const lamina_subject &subject, std::size_t lead, std::size_t slot) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        std::vector<unsigned char *> blocks;
        for (std::size_t i = 0; i < detail::some(instance); ++i) {
            auto *const block = static_cast<unsigned char *>(instance.alloc());
            if (block == nullptr) {
                break;
            }
            if (!instance.in_memory(block)) { // another allocator's
                instance.free(block);
                break;
            }
            fill(block, subject.payload, 0xEE);
            blocks.push_back(block - lead);
        }
        std::size_t dirty = 0, seen = 0;
        {
            const BeforeRelease watch([&](const void *at, std::size_t bytes) {
                for (const unsigned char *const block : blocks) {
                    if (address_of(block) - address_of(at) < bytes) {
                        ++seen;
                        dirty += first_other(block, 0, slot, 0) != slot ? 1 : 0;
                    }
                }
            });
            instance.destroy();
        }
        expect(findings, seen == blocks.size(), seen, " of ", blocks.size(), " objects were in what went back to the system");
        expect(findings, dirty == 0, dirty, " objects went back to the system as they were");
        return findings;
    });
}

// release_unused of a store that commits in steps: what it says it gave back is gone, a second call has nothing to do
// and asks nobody, and where the system refuses, nothing is said and nothing is lost.
inline Findings gives_back(const lamina_subject &subject) {
    return guarded([&subject] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        void *const self = instance.self();
        const auto use = [&] {
            std::vector<void *> blocks;
            const std::size_t before = instance.memory().committed;
            const std::size_t size = subject.payload != 0 ? subject.payload : 4096;
            while (blocks.size() < 4096 || (instance.memory().committed == before && blocks.size() < 100000)) {
                void *const ptr = instance.alloc(size, subject.align);
                if (ptr == nullptr) {
                    break;
                }
                fill(ptr, size, 0x5A);
                blocks.push_back(ptr);
            }
            if (subject.rewind != nullptr) {
                expect(findings, subject.rewind(self, 8192), "rewind to the first pages was refused");
            } else if (subject.reset != nullptr) {
                instance.reset();
            }
        };
        use();
        const std::size_t had = instance.memory().committed;
        lamina_fail_release_at(1, ENOMEM);
        const std::size_t refused = subject.release_unused(self);
        const bool fired = lamina_calls_failed() != 0;
        lamina_fail_off();
        if (fired) {
            expect(findings, refused == 0, "release_unused says ", refused, " bytes, but the system refused");
            expect(findings, instance.memory().committed == had, "a refused release left ",
                   instance.memory().committed, " bytes committed of ", had);
        }
        const std::size_t had_then = instance.memory().committed;
        std::size_t bytes = fired ? 0 : refused;
        {
            const Reach reach;
            bytes += subject.release_unused(self);
            const lamina_subject_memory memory = instance.memory();
            expect(findings, memory.committed == had_then || reach.within(memory.base + memory.committed, memory.base + had_then),
                   "giving back reached too far");
        }
        const std::size_t has = instance.memory().committed;
        expect(findings, had - has == bytes, "release_unused says ", bytes, " bytes, ", had - has,
               " are no longer committed");
        expect(findings, subject.reset == nullptr || bytes != 0, "nothing was given back");
        if (bytes != 0) {
            expect(findings, faults(instance.memory().base + has), "the first byte behind what is committed doesn't fault");
            expect(findings, faults(instance.memory().base + had - 1), "the last byte that was given back doesn't fault");
        }
        const unsigned calls = lamina_release_calls_made();
        expect(findings, subject.release_unused(self) == 0, "a second release_unused gave something back");
        expect(findings, lamina_release_calls_made() == calls, "a second release_unused asked the system");
        use();
        instance.check(findings, "in use again");
        return findings;
    });
}

// On a system with larger pages than the layout was cut for, init refuses, before it asks for anything.
inline Findings larger_pages(const lamina_subject &subject) {
    return guarded([&subject] {
        Findings findings;
        Instance instance(subject, 0, Instance::not_started());
        const std::uintptr_t stale = std::uintptr_t{0x7000} << 32U; // a page's address, for whoever trusts the handle
        for (std::size_t at = 0; at + sizeof stale <= subject.handle_bytes; at += sizeof stale) {
            std::memcpy(static_cast<unsigned char *>(instance.self()) + at, &stale, sizeof stale);
        }
        lamina_status status = LAMINA_OK;
        int error = 0;
        unsigned calls = 0;
        {
            const LargerPages system(std::size_t{1} << 21U);
            lamina_set_last_os_error(0);
            status = instance.start();
            error = lamina_last_os_error();
            calls = system.calls();
        }
        expect(findings, status == LAMINA_ERR_PAGE_SIZE, "pages of 2 MiB are answered by: ", lamina_status_text(status));
        expect(findings, error == LAMINA_OS_ERROR_INVALID, "the last error is ", error, ", not that of an invalid argument");
        expect(findings, calls == 0, "the refused init mapped or gave back memory ", calls, " times");
        (void)instance.start();
        (void)detail::started(findings, instance);
        return findings;
    });
}

// Once destroyed, and after each init that failed, the handle points to no memory. `held` reads the pointer.
inline Findings holds_nothing(const lamina_subject &subject, const std::function<const void *(const void *)> &held) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject, 0, Instance::not_started());
        for (unsigned k = 1; k < 200; ++k) {
            fill(instance.self(), std::max<std::size_t>(subject.handle_bytes, 1), 0);
            lamina_fail_at(k, ENOMEM);
            const lamina_status status = instance.start();
            const bool failed = lamina_calls_failed() != 0;
            lamina_fail_off();
            if (status == LAMINA_OK) {
                expect(findings, held(instance.self()) != nullptr, "a living instance holds nothing");
                instance.destroy();
            }
            expect(findings, held(instance.self()) == nullptr, "after ", status == LAMINA_OK ? "destroy" : "a failed init",
                   " (platform call ", k, ") the handle points to memory still");
            if (!failed) {
                break;
            }
        }
        return findings;
    });
}

// What a living instance has from the system, in all. `usable`: what of it is the store's; 0: a part that isn't known here.
inline Findings lends(const lamina_subject &subject, std::size_t bytes, std::size_t usable) {
    Findings findings;
    const PlatformLedger ledger;
    Instance instance(subject);
    if (detail::started(findings, instance)) {
        const std::string text = ledger.text();
        expect(findings, text.find(say(", ", bytes, " bytes,")) != std::string::npos, "the system lends ", text, ", not ",
               bytes, " bytes");
        expect(findings, usable == 0 || instance.memory().bytes == usable, "memory says ", instance.memory().bytes, " bytes, not ", usable);
    }
    return findings;
}

// The edges of a bump: sizes and alignments that just fit, or just don't. `step`: bytes that the first commit adds; 0
// where all memory is there from the start.
inline Findings bump_edges(const lamina_subject &subject, std::size_t capacity, std::size_t granule, std::size_t step) {
    // Sizes are tried where there is room for them: a bump may have a single granule.
    return guarded([&] {
        Findings findings;
        const auto fresh_one = [&](const std::function<void(Instance &)> &body) {
            Instance instance(subject);
            instance.stop_keeping_books();
            if (detail::started(findings, instance)) {
                body(instance);
                instance.check(findings, "at an edge");
            }
        };
        const auto refused = [&](Instance &instance, std::size_t size, std::size_t align) {
            lamina_set_last_os_error(0);
            expect(findings, instance.alloc(size, align) == nullptr, size, " bytes aligned to ", align, " weren't refused");
            expect(findings, lamina_last_os_error() == LAMINA_OS_ERROR_INVALID, size, " bytes aligned to ", align,
                   " leave the error ", lamina_last_os_error());
        };
        fresh_one([&](Instance &instance) {
            refused(instance, 0, 1);
            refused(instance, 8, 0);
            refused(instance, 8, 3);
            lamina_set_last_os_error(0);
            if (subject.rewind != nullptr) {
                expect(findings, !subject.rewind(instance.self(), capacity), "a rewind upwards wasn't refused");
                expect(findings, lamina_last_os_error() == LAMINA_OS_ERROR_INVALID, "it leaves the error ",
                       lamina_last_os_error());
                if (granule > 1) {
                    (void)instance.alloc(granule * 2, 1);
                    expect(findings, !subject.rewind(instance.self(), 1), "a rewind between two granules wasn't refused");
                }
            }
        });
        fresh_one([&](Instance &instance) { // whom it owns
            auto *const ptr = static_cast<unsigned char *>(instance.alloc(granule, 1));
            if (subject.owns != nullptr && ptr != nullptr) {
                expect(findings, subject.owns(instance.self(), ptr + granule - 1), "the last byte isn't owned");
                expect(findings, !subject.owns(instance.self(), ptr + granule), "the byte behind the last is owned");
            }
        });
        const std::size_t first = step != 0 ? step : capacity;
        const auto committed = [&](Instance &instance, const char *when) {
            const std::size_t now = instance.memory().committed;
            expect(findings, step == 0 || now == step, when, ": ", now, " bytes are committed, ", step, " suffice");
        };
        if (first % granule == 0) {
            fresh_one([&](Instance &instance) { // exactly what is there
                expect(findings, instance.alloc(granule, 1) != nullptr, "a granule was refused");
                expect(findings, first == granule || instance.alloc(first - granule, 1) != nullptr,
                       "exactly what is there was refused");
                committed(instance, "filled");
            });
            fresh_one([&](Instance &instance) { // with padding, exactly
                const std::size_t align = granule * 2;
                void *const start = instance.alloc(granule, 1);
                if (first > align && address_of(start) % align == 0) {
                    expect(findings, instance.alloc(first - align, align) != nullptr,
                           "what fits behind its padding was refused");
                    committed(instance, "filled behind padding");
                }
            });
            const auto all_but_two = [&](Instance &instance, std::size_t bytes) { // and what a block on a page would need then
                const std::size_t size = bytes - 2 * granule;
                void *const ptr = instance.alloc(size, 1);
                expect(findings, ptr != nullptr, size, " bytes were refused");
                return (4096 - (address_of(ptr) + size) % 4096) % 4096 + granule;
            };
            if (first > 2 * granule) {
                fresh_one([&](Instance &instance) { // padding that doesn't fit in what is there
                    const std::size_t needs = all_but_two(instance, first);
                    auto *const ptr = static_cast<unsigned char *>(instance.alloc(granule, 4096));
                    expect(findings, (ptr != nullptr) == (needs <= capacity - first + 2 * granule),
                           "a block that needs more than there is, with its padding");
                    if (ptr != nullptr) {
                        fill(ptr, granule, 1);
                    }
                });
            }
            if (capacity > 2 * granule) {
                fresh_one([&](Instance &instance) { // the last chunk is a short one
                    (void)all_but_two(instance, capacity);
                    expect(findings, instance.alloc(granule, 1) != nullptr && instance.alloc(granule, 1) != nullptr,
                           "the end of all was refused");
                });
                fresh_one([&](Instance &instance) { // padding at the end of all
                    if (all_but_two(instance, capacity) > 2 * granule) {
                        expect(findings, instance.alloc(granule, 4096) == nullptr, "padding over the end was handed out");
                        expect(findings, instance.alloc(2 * granule, 1) != nullptr, "the last bytes were refused");
                    } else {
                        expect(findings, instance.alloc(granule, 4096) != nullptr, "a block at a page's start was refused");
                    }
                });
            }
            if (step != 0 && capacity >= 4 * step && step / 2 % granule == 0) {
                fresh_one([&](Instance &instance) {
                    expect(findings, instance.alloc(capacity - step - step / 2, 1) != nullptr, "nearly all was refused");
                    expect(findings, instance.alloc(step, 1) != nullptr, "a short chunk at the end was refused");
                    expect(findings, instance.alloc(step / 2, 1) != nullptr, "the end of all was refused");
                });
            }
            if (subject.resize != nullptr) {
                fresh_one([&](Instance &instance) {
                    void *const ptr = instance.alloc(granule, 1);
                    expect(findings, subject.resize(instance.self(), ptr, granule, first), "growing over all that is there");
                    committed(instance, "grown");
                    expect(findings, subject.resize(instance.self(), ptr, first, granule), "shrinking back");
                    expect(findings, subject.resize(instance.self(), ptr, granule, 1), "shrinking to a byte");
                    expect(findings, subject.resize(instance.self(), ptr, 1, granule), "growing from a byte");
                    expect(findings, subject.in_use == nullptr || subject.in_use(instance.self()) == granule,
                           "a shrunk block keeps its bytes");
                    expect(findings, !subject.resize(instance.self(), nullptr, granule * 2, granule), "resize of NULL");
                    expect(findings, !subject.resize(instance.self(), ptr, granule, 0), "resize to nothing");
                    expect(findings, !subject.resize(instance.self(), ptr, 0, granule), "resize from nothing");
                    if (capacity < 4 * granule) {
                        return;
                    }
                    void *const next = instance.alloc(granule + 1, 1);
                    (void)instance.alloc(granule, 1);
                    expect(findings, granule == 1 || subject.resize(instance.self(), next, granule + 1, 2 * granule),
                           "a block's own last bytes were refused");
                    expect(findings, !subject.resize(instance.self(), next, granule + 1, 2 * granule + 1),
                           "a block grew into its neighbour");
                });
            }
            if (subject.realloc != nullptr && capacity >= 8192 && granule < 64) {
                fresh_one([&](Instance &instance) { // moves for its alignment's sake, to the very end
                    auto *ptr = static_cast<unsigned char *>(instance.alloc(granule, 1));
                    ptr = static_cast<unsigned char *>(instance.alloc(4096 + granule, 1));
                    if (!expect(findings, ptr != nullptr, "a block was refused")) {
                        return;
                    }
                    fill_pattern(ptr, 0, 4096 + granule, 1);
                    for (const std::size_t align : {std::size_t{0}, std::size_t{3}}) {
                        expect(findings, instance.realloc(ptr, 4096 + granule, 64, align) == nullptr,
                               "realloc with an alignment of ", align, " wasn't refused");
                    }
                    const std::size_t used = subject.mark != nullptr ? subject.mark(instance.self()) : 4096 + 2 * granule;
                    (void)instance.alloc(capacity - used - 64, 1);
                    auto *const moved = static_cast<unsigned char *>(instance.realloc(ptr, 4096 + granule, 64, 64));
                    expect(findings, moved != nullptr && pattern_breaks(moved, 0, 64, 1) == 64, "a block moved to the end");
                });
                fresh_one([&](Instance &instance) { // a copy of what there was, and of no more
                    unsigned char *const ptr = static_cast<unsigned char *>(instance.alloc(granule, 1));
                    auto *const next = static_cast<unsigned char *>(instance.alloc(64, 64));
                    if (ptr == nullptr || next == nullptr) {
                        return;
                    }
                    fill(ptr, granule, 0x11);
                    auto *const target = next + 64;
                    (void)instance.alloc(512, 1);
                    fill(target, 512, 0x22);
                    if (subject.rewind != nullptr && subject.mark != nullptr) {
                        expect(findings, subject.rewind(instance.self(), subject.mark(instance.self()) - 512), "rewind");
                        auto *const moved = static_cast<unsigned char *>(instance.realloc(ptr, granule, 256, 1));
                        if (expect(findings, moved == target, "a block moved elsewhere")) {
                            expect(findings, first_other(moved, 0, granule, 0x11) == granule &&
                                   first_other(moved, granule, 256, 0x22) == 256, "realloc copied more than there was");
                        }
                    }
                });
            }
        }
        return findings;
    });
}

// release_unused of a bump whose memory is all there: what it gives back stays accessible and reads as zero, what is in
// use stays as it is, and where the system refuses, nothing is said and nothing is lost.
inline Findings discards(const lamina_subject &subject, std::size_t capacity) {
    return guarded([&] {
        Findings findings;
        const std::size_t page = page_size();
        Instance instance(subject);
        if (capacity < 8 * page || !detail::started(findings, instance)) {
            return findings;
        }
        auto *const ptr = static_cast<unsigned char *>(instance.alloc(page, page));
        const std::size_t mark = subject.mark(instance.self());
        auto *const rest = static_cast<unsigned char *>(instance.alloc(3 * page, 1));
        if (!expect(findings, ptr != nullptr && rest != nullptr, "the blocks were refused")) {
            return findings;
        }
        fill(ptr, page, 0x5A);
        fill(rest, 3 * page, 0x5A);
        const std::size_t in_use = subject.in_use(instance.self());
        expect(findings, subject.release_unused(instance.self()) == capacity - in_use, "not all that is free was given back");
        expect(findings, first_other(rest, 0, 3 * page, 0x5A) == 3 * page, "a block in use was given back");
        expect(findings, subject.rewind(instance.self(), mark), "the rewind was refused");
        lamina_fail_release_at(1, ENOMEM);
        const std::size_t refused = subject.release_unused(instance.self());
        lamina_fail_off();
        expect(findings, refused == 0, "release_unused says ", refused, " bytes, but the system refused");
        expect(findings, first_other(rest, 0, 3 * page, 0x5A) == 3 * page, "a refused release took something");
        const std::size_t bytes = subject.release_unused(instance.self());
        expect(findings, bytes == capacity - mark, "release_unused says ", bytes, " bytes, not ", capacity - mark);
        expect(findings, first_other(ptr, 0, page, 0x5A) == page, "a block in use was given back");
        expect(findings, first_other(rest, 0, 3 * page, 0) == 3 * page, "what was given back doesn't read as zero");
        instance.check(findings, "after release_unused");
        return findings;
    });
}

// What each commit of a bump adds when everything before it was given back: `chunk` bytes, twice as many each time where
// it doubles, and never more than all.
inline Findings chunks_grow(const lamina_subject &subject, std::size_t capacity, std::size_t chunk, bool doubles,
                            bool starts_anew) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        if (!detail::started(findings, instance)) {
            return findings;
        }
        std::size_t wanted = chunk;
        for (unsigned round = 0; round < 70 && findings.clean(); ++round) {
            expect(findings, instance.alloc(1, 1) != nullptr, "round ", round, ": one byte was refused");
            const std::size_t committed = instance.memory().committed;
            expect(findings, committed == wanted, "round ", round, ": ", committed, " bytes are committed, not ", wanted);
            expect(findings, subject.rewind(instance.self(), 0), "round ", round, ": rewind to the start was refused");
            (void)subject.release_unused(instance.self());
            expect(findings, instance.memory().committed == 0, "round ", round, ": something stays committed");
            instance.check(findings, "with everything given back");
            wanted = doubles ? std::min(wanted * 2, capacity) : wanted;
        }
        if (!starts_anew) {
            return findings; // reset leaves the next chunk as large as it has become
        }
        instance.reset();
        // A refused release leaves what is there in use: no new chunk is asked for.
        expect(findings, instance.alloc(1, 1) != nullptr && subject.rewind(instance.self(), 0), "after reset");
        lamina_fail_release_at(1, ENOMEM);
        (void)subject.release_unused(instance.self());
        lamina_fail_off();
        expect(findings, instance.alloc(chunk, 1) != nullptr && instance.memory().committed == chunk,
               "after a refused release ", instance.memory().committed, " bytes are committed, not ", chunk);
        instance.reset();
        (void)subject.release_unused(instance.self());
        expect(findings, instance.alloc(1, 1) != nullptr, "after reset one byte was refused");
        expect(findings, instance.memory().committed == chunk, "after reset ", instance.memory().committed,
               " bytes are committed, not ", chunk);
        return findings;
    });
}

// What a reset keeps of a bump that was used far beyond.
inline Findings reset_keeps(const lamina_subject &subject, std::size_t capacity, std::size_t kept) {
    return guarded([&] {
        Findings findings;
        for (const std::size_t size : {kept - 1, kept}) {
            Instance instance(subject);
            if (!detail::started(findings, instance)) {
                return findings;
            }
            expect(findings, instance.alloc(capacity / 2, 1) != nullptr, "half of all was refused");
            instance.reset();
            const std::size_t committed = instance.memory().committed;
            expect(findings, committed == kept, "after reset ", committed, " bytes are committed, not ", kept);
            if (size != 0 && size <= kept) {
                auto *const ptr = static_cast<unsigned char *>(instance.alloc(size, 1));
                if (expect(findings, ptr != nullptr, "what reset kept was refused")) {
                    fill(ptr, size, 1);
                }
                expect(findings, instance.memory().committed == kept, "what reset kept wasn't used");
                instance.check(findings, "with what reset kept in use");
            }
            instance.reset();
            instance.reset();
            instance.check(findings, "after two resets");
            expect(findings, instance.alloc(capacity / 2, 1) != nullptr, "half of all was refused after reset");
        }
        return findings;
    });
}

// A slab on memory that is committed in steps: after pages went back, the next commit ends at a step again.
inline Findings commits_exactly(const lamina_subject &subject, std::size_t page, std::size_t step) {
    return guarded([&] {
        Findings findings;
        const std::size_t most = subject.capacity * subject.payload / page; // pages that there are slots for
        const std::size_t last = std::min({2 * step / page + 1, std::size_t{64}, most < 2 ? 0 : most - 1});
        for (std::size_t pages = 1; pages <= last && findings.clean(); ++pages) {
            Instance instance(subject);
            instance.stop_keeping_books();
            if (!detail::started(findings, instance)) {
                return findings;
            }
            for (std::size_t i = 0; i < pages * page / subject.payload; ++i) {
                (void)instance.alloc();
            }
            const std::size_t had = instance.memory().committed;
            {
                const Reach reach;
                (void)subject.release_unused(instance.self());
                unsigned char *const base = instance.memory().base;
                expect(findings, reach.within(base + pages * page, base + had), "giving back reached too far");
            }
            const std::size_t kept = instance.memory().committed;
            expect(findings, kept == pages * page, kept, " bytes stay committed, ", pages * page, " are needed");
            (void)instance.alloc();
            const std::size_t wanted = std::min((pages * page / step + 1) * step, instance.memory().bytes);
            const std::size_t committed = instance.memory().committed;
            expect(findings, committed == wanted, "after ", kept, " bytes ", committed, " are committed, not ", wanted);
        }
        return findings;
    });
}

// With the system's heap behind the store: the first byte behind the store is none of its own, and NULL nobody's.
inline Findings routes_home(const lamina_subject &subject, const std::function<void *(Instance &)> &beyond) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance) || instance.alloc() == nullptr) {
            return findings;
        }
        std::size_t nothing = 0;
        void *ptr = nullptr;
        std::vector<void *> freed;
        {
            const NotFreed heap;
            subject.free(instance.self(), nullptr);
            nothing = heap.freed().size();
            ptr = beyond(instance);
            subject.free(instance.self(), ptr);
            freed = heap.freed();
        }
        expect(findings, nothing == 0, "NULL was given to the system's heap");
        expect(findings, freed == std::vector<void *>{ptr}, "the first address behind the store didn't go to the heap");
        return findings;
    });
}

// Of what is no object, nothing may be used.
inline Findings strangers(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    instance.stop_keeping_books();
    if (subject.usable_size == nullptr || !detail::started(findings, instance)) {
        return findings;
    }
    auto *const ptr = static_cast<unsigned char *>(instance.alloc());
    const auto usable = [&](const void *at) { return subject.usable_size(instance.self(), at); };
    expect(findings, usable(ptr) == subject.payload, "an object's usable size is ", usable(ptr), ", not ", subject.payload);
    expect(findings, !detail::bytes_apart(subject) || usable(ptr + 1) == 0, "a place inside an object has a usable size");
    expect(findings, usable(nullptr) == 0, "NULL has a usable size");
    expect(findings, usable(&findings) == 0, "a local variable has a usable size");
    return findings;
}

// While an instance has what there is one of, another init is refused and takes nothing away; destroy makes it free.
// A free object is written to at `offset`: the alloc that comes across it is refused and counted as a failure, and the
// next one is served.
inline Findings passing_refusal(const lamina_subject &subject, std::ptrdiff_t offset) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        detail::Events events;
        subject.set_corruption_handler(instance.self(), &detail::Events::handle, &events);
        const std::vector<void *> blocks = detail::three_blocks(instance);
        if (!expect(findings, blocks.size() == 3, "fewer than three objects to be had")) {
            return findings;
        }
        instance.free(blocks[1]);
        flip(blocks[1], offset, 0x01);
        const State before = instance.state();
        std::size_t served = 0;
        const std::size_t most = detail::some(instance) + subject.held + 1;
        while (served < most && instance.alloc() != nullptr) {
            ++served;
        }
        expect(findings, events.seen.size() == 1, "the handler was called ", events.seen.size(), " times");
        const State after = instance.state();
        expect(findings, !after.has_stats || after.stats.failures == before.stats.failures + 1, "stats.failures went from ",
               before.stats.failures, " to ", after.stats.failures);
        expect(findings, !after.has_stats || after.stats.allocs == before.stats.allocs + served, "stats.allocs went from ",
               before.stats.allocs, " to ", after.stats.allocs, " by ", served, " allocs");
        expect(findings, instance.alloc() != nullptr, "the next alloc is refused, too");
        expect(findings, events.seen.size() == 1, "the handler was called again");
        return findings;
    });
}

inline Findings one_at_a_time(const lamina_subject &subject, bool tells_error) {
    Findings findings;
    Instance first(subject);
    if (!detail::started(findings, first)) {
        return findings;
    }
    void *const ptr = first.alloc();
    const State before = first.state();
    for (unsigned round = 0; round < 2; ++round) {
        lamina_set_last_os_error(0);
        Instance second(subject, 0, Instance::not_started());
        const lamina_status status = second.start();
        expect(findings, status == LAMINA_ERR_BUSY, "a second init is answered by: ", lamina_status_text(status));
        expect(findings, !tells_error || lamina_last_os_error() == LAMINA_OS_ERROR_INVALID, "a refused init leaves the error ",
               lamina_last_os_error());
        expect_unchanged(findings, before, first.state(), "a refused init");
    }
    expect(findings, ptr != nullptr && first.alloc() != ptr, "the first instance lost its block");
    first.check(findings, "after refused inits");
    first.destroy();
    Instance third(subject);
    (void)detail::started(findings, third);
    expect(findings, third.alloc() == ptr, "after destroy the buffer isn't used from its start");
    if (!has_flag(subject, LAMINA_SUBJECT_STATIC_INSTANCE)) {
        subject.destroy(first.self()); // once too often: that takes nothing from the third
        Instance fourth(subject, 0, Instance::not_started());
        expect(findings, fourth.start() == LAMINA_ERR_BUSY, "destroying an instance twice gives away another one's buffer");
    }
    return findings;
}

} // namespace checks

namespace contract {

inline void check_says(Instance &instance, const lamina_corruption &wanted) {
    INFO("subject: " << name_of(instance.subject()));
    LAMINA_REQUIRE_CLEAN(checks::check_says(instance, wanted));
}
inline void check_is_content(Instance &instance) {
    INFO("subject: " << name_of(instance.subject()));
    LAMINA_REQUIRE_CLEAN(checks::check_is_content(instance));
}
inline void reports(const lamina_subject &subject, const std::function<lamina_corruption(Instance &)> &prepare,
                    const std::function<void(Instance &)> &act) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::reports(subject, prepare, act));
}

inline void watched_byte(const lamina_subject &subject, bool freed, std::ptrdiff_t offset, const char *layer,
                         const char *what) {
    INFO("subject: " << name_of(subject) << ", byte " << offset << (freed ? " of a freed object" : ""));
    LAMINA_REQUIRE_CLEAN(checks::watched_byte(subject, freed, offset, layer, what));
}
inline void broken_seal(const lamina_subject &subject, std::ptrdiff_t seal, std::ptrdiff_t slot) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::broken_seal(subject, seal, slot));
}
inline void wiped_before_release(const lamina_subject &subject, std::size_t lead, std::size_t slot) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::wiped_before_release(subject, lead, slot));
}

inline void gives_back(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::gives_back(subject));
}
inline void larger_pages(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::larger_pages(subject));
}
inline void holds_nothing(const lamina_subject &subject, const std::function<const void *(const void *)> &held) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::holds_nothing(subject, held));
}
inline void lends(const lamina_subject &subject, std::size_t bytes, std::size_t usable) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::lends(subject, bytes, usable));
}

inline void bump_edges(const lamina_subject &subject, std::size_t capacity, std::size_t granule, std::size_t step) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::bump_edges(subject, capacity, granule, step));
}
inline void chunks_grow(const lamina_subject &subject, std::size_t capacity, std::size_t chunk, bool doubles,
                        bool starts_anew) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::chunks_grow(subject, capacity, chunk, doubles, starts_anew));
}
inline void reset_keeps(const lamina_subject &subject, std::size_t capacity, std::size_t kept) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::reset_keeps(subject, capacity, kept));
}
inline void commits_exactly(const lamina_subject &subject, std::size_t page, std::size_t step) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::commits_exactly(subject, page, step));
}
inline void routes_home(const lamina_subject &subject, const std::function<void *(Instance &)> &beyond) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::routes_home(subject, beyond));
}
inline void discards(const lamina_subject &subject, std::size_t capacity) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::discards(subject, capacity));
}
inline void wiped_by_reset(const lamina_subject &subject, std::size_t lead, std::size_t slot, bool stray_writes) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::wiped_by_reset(subject, lead, slot, stray_writes));
}
inline void contended_frees(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::contended_frees(subject));
}
inline void passing_refusal(const lamina_subject &subject, std::ptrdiff_t offset) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::passing_refusal(subject, offset));
}
inline void one_at_a_time(const lamina_subject &subject, bool tells_error) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::one_at_a_time(subject, tells_error));
}
inline void strangers(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::strangers(subject));
}

} // namespace contract

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_REPORTS_HPP
