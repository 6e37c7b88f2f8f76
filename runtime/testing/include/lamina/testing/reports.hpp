// reports.hpp: what is said about damage, to the letter: each field of what check() fills in, and the whole line on
// which a stack ends the program.
#ifndef LAMINA_TESTING_REPORTS_HPP
#define LAMINA_TESTING_REPORTS_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "lamina/os_table.h"
#include "lamina/testing/faults.hpp"
#include "lamina/testing/layers.hpp"

namespace lamina {
namespace testing {

// An event as a test expects it; the stack's name is filled in later.
inline lamina_corruption damage(const char *layer, const char *what, const void *address, std::size_t offset = 0,
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
    const std::size_t offset = event.expected != event.found ? event.offset : 0;
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
// and whoever comes across it next report exactly that byte, `at` bytes into what the layer watches.
inline Findings watched_byte(const lamina_subject &subject, bool freed, std::ptrdiff_t offset, const char *layer,
                             const char *what, std::size_t at) {
    unsigned char *block = nullptr;
    const auto prepare = [&](Instance &instance) {
        const std::vector<void *> blocks = detail::three_blocks(instance);
        block = blocks.size() == 3 ? static_cast<unsigned char *>(blocks[1]) : nullptr;
        if (block == nullptr) {
            return damage("", "fewer than three objects to be had", nullptr);
        }
        if (freed) {
            instance.free(block);
        }
        const unsigned char was = peek(block, offset);
        flip(block, offset, 0x01);
        return damage(layer, what, block + offset, at, was, was ^ 0x01U);
    };
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        instance.stop_keeping_books();
        const lamina_corruption wanted = prepare(instance);
        inner.add_all(check_says(instance, wanted), "");
        flip(block, offset, 0x01);
        instance.check(inner, "with the damage undone");
        return inner;
    });
    const auto act = [&](Instance &instance) {
        if (freed) {
            detail::use_all(instance);
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
    const auto prepare = [&](Instance &instance) {
        const std::vector<void *> blocks = detail::three_blocks(instance);
        if (blocks.size() != 3) {
            return damage("", "fewer than three objects to be had", nullptr);
        }
        auto *const block = static_cast<unsigned char *>(blocks[1]);
        instance.free(block);
        flip(block, seal, 0x01);
        std::uint64_t found = 0;
        for (std::size_t i = sizeof(void *); i-- != 0;) {
            found = found << 8U | peek(block, seal + static_cast<std::ptrdiff_t>(i));
        }
        return damage("quarantine", "written while in quarantine", block + seal, 0, address_of(block + slot), found);
    };
    Findings findings = guarded([&] {
        Findings inner;
        Instance instance(subject);
        instance.stop_keeping_books();
        const lamina_corruption wanted = prepare(instance);
        inner.add_all(check_says(instance, wanted), "");
        flip(const_cast<void *>(wanted.address), 0, 0x01);
        instance.check(inner, "with the damage undone");
        return inner;
    });
    findings.add_all(reports(subject, prepare, [](Instance &instance) { detail::use_all(instance); }), "in use");
    findings.add_all(reports(subject, prepare, [](Instance &instance) { instance.destroy(); }), "destroyed");
    return findings;
}

// What is given back to the system holds none of the objects' bytes: looked at when it goes.
inline Findings wiped_before_release(const lamina_subject &subject) {
    struct Watch {
        const unsigned char *base = nullptr;
        std::size_t bytes = 0;
        std::vector<unsigned char *> blocks;
        std::size_t payload = 0, dirty = 0, seen = 0;
        lamina_os_call_table before = lamina_os_calls;
        static Watch *&current() {
            static Watch *watch = nullptr;
            return watch;
        }
        static int munmap(void *at, std::size_t bytes) {
            Watch &watch = *current();
            for (const unsigned char *const block : watch.blocks) {
                if (address_of(block) - address_of(at) < bytes) {
                    ++watch.seen;
                    watch.dirty += first_other(block, 0, watch.payload, 0) != watch.payload ? 1 : 0;
                }
            }
            return watch.before.munmap(at, bytes);
        }
    };
    return guarded([&subject] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        Watch watch;
        watch.payload = subject.payload;
        for (std::size_t i = 0; i < detail::some(instance); ++i) {
            auto *const block = static_cast<unsigned char *>(instance.alloc());
            if (block == nullptr) {
                break;
            }
            fill(block, subject.payload, 0xEE);
            watch.blocks.push_back(block);
        }
        Watch::current() = &watch;
        lamina_os_calls.munmap = &Watch::munmap;
        instance.destroy();
        lamina_os_calls = watch.before;
        expect(findings, watch.seen == watch.blocks.size(), watch.seen, " of ", watch.blocks.size(),
               " objects were in what went back to the system");
        expect(findings, watch.dirty == 0, watch.dirty, " objects went back to the system as they were");
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
            while (blocks.size() < 4096 || instance.memory().committed == before) {
                void *const ptr = instance.alloc(size, subject.align);
                if (ptr == nullptr) {
                    break;
                }
                fill(ptr, size, 0x5A);
                blocks.push_back(ptr);
            }
            if (subject.reset != nullptr) {
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
        const std::size_t bytes = subject.release_unused(self);
        const std::size_t has = instance.memory().committed;
        expect(findings, had - has == bytes + (fired ? 0 : refused), "release_unused says ", bytes, " bytes, ",
               had - has, " are no longer committed");
        expect(findings, subject.reset == nullptr || bytes + refused != 0 || had == has, "nothing was given back");
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
    struct Table {
        lamina_os_call_table before = lamina_os_calls;
        unsigned calls = 0;
        static Table *&current() {
            static Table *table = nullptr;
            return table;
        }
        static long sysconf(int) { return 1L << 21U; }
        static int munmap(void *, std::size_t) {
            ++current()->calls;
            return 0;
        }
        static void *mmap(void *at, std::size_t bytes, int rights, int flags, int file, long offset) {
            ++current()->calls;
            return current()->before.mmap(at, bytes, rights, flags, file, offset);
        }
    };
    return guarded([&subject] {
        Findings findings;
        Instance instance(subject, 0, Instance::not_started());
        Table table;
        Table::current() = &table;
        lamina_fail_off();
        lamina_fail_at(0, 0); // the runtime forgets the page size that it knows
        lamina_os_calls.sysconf = &Table::sysconf;
        lamina_os_calls.munmap = &Table::munmap;
        lamina_os_calls.mmap = &Table::mmap;
        lamina_set_last_os_error(0);
        const lamina_status status = instance.start();
        const int error = lamina_last_os_error();
        lamina_os_calls = table.before;
        lamina_fail_at(0, 0);
        lamina_fail_off();
        expect(findings, status == LAMINA_ERR_PAGE_SIZE, "pages of 2 MiB are answered by: ", lamina_status_text(status));
        expect(findings, error == LAMINA_OS_ERROR_INVALID, "the last error is ", error, ", not that of an invalid argument");
        expect(findings, table.calls == 0, "the refused init mapped or gave back memory ", table.calls, " times");
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

// What a living instance has from the system, in all.
inline Findings lends(const lamina_subject &subject, std::size_t bytes, std::size_t usable) {
    Findings findings;
    const PlatformLedger ledger;
    Instance instance(subject);
    if (detail::started(findings, instance)) {
        const std::string text = ledger.text();
        expect(findings, text.find(say(", ", bytes, " bytes,")) != std::string::npos, "the system lends ", text, ", not ",
               bytes, " bytes");
        expect(findings, instance.memory().bytes == usable, "memory says ", instance.memory().bytes, " bytes, not ", usable);
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
                         const char *what, std::size_t at) {
    INFO("subject: " << name_of(subject) << ", byte " << offset << (freed ? " of a freed object" : ""));
    LAMINA_REQUIRE_CLEAN(checks::watched_byte(subject, freed, offset, layer, what, at));
}
inline void broken_seal(const lamina_subject &subject, std::ptrdiff_t seal, std::ptrdiff_t slot) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::broken_seal(subject, seal, slot));
}
inline void wiped_before_release(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::wiped_before_release(subject));
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

} // namespace contract

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_REPORTS_HPP
