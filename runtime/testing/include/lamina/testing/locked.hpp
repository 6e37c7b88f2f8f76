// locked.hpp: what locked memory promises, seen from outside: by what the system says of the pages, by a forked child, and
// by the bytes that are there when the pages go back.
#ifndef LAMINA_TESTING_LOCKED_HPP
#define LAMINA_TESTING_LOCKED_HPP

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>

#include "lamina/os.h"
#include "lamina/secret.h"
#include "lamina/testing/catch.hpp"
#include "lamina/testing/faults.hpp"
#include "lamina/testing/layers.hpp"
#include "lamina/testing/memory.hpp"
#if defined(_WIN32)
#include "lamina/testing/windows/locked.hpp"
#else
#include "lamina/testing/posix/locked.hpp"
#endif

namespace lamina {
namespace testing {

// Where a stack's handle says that its locked memory begins.
using BaseOf = std::function<const void *(const void *handle)>;

namespace detail {

// Whether the system's map shows what was done to a page, which an emulator's, of the addresses beneath it, doesn't.
inline bool map_tells() {
    const std::size_t page = page_size();
    void *const probe = lamina_os_map(page, 0U);
    bool tells = false;
    if (probe != nullptr && !range_use(probe, page).locked && lamina_os_lock(probe, page)) {
        const RangeUse use = range_use(probe, page);
        tells = use.locked && use.writable == page;
    }
    (void)lamina_os_release(probe, page);
    return tells;
}

inline void properties(Findings &findings, const void *base, std::size_t bytes, unsigned has) {
    if (map_tells()) {
        const RangeUse use = range_use(base, bytes);
        expect(findings, use.mapped == bytes && use.writable == bytes, "of ", bytes, " bytes ", use.mapped,
               " are mapped and ", use.writable, " writable");
        expect(findings, use.locked, "not every page is locked");
        expect(findings, (has & LAMINA_SECRET_NO_DUMP) == 0 || use.dont_dump, "a core dump would hold the memory");
        expect(findings, ((has & LAMINA_SECRET_HIDDEN) != 0) == (use.name.find("secretmem") != std::string::npos),
               "the mapping is named \"", use.name, "\"");
    }
    expect(findings, (has & LAMINA_SECRET_LOCKED) != 0, "it doesn't count as locked");
}

} // namespace detail

namespace checks {

// All pages are locked, and every property of `required` holds: on this system, and on ones that lack a property, where
// init fails if that is required and does without if it isn't.
inline Findings locked_pages(const lamina_subject &subject, const BaseOf &base_of, std::size_t bytes, unsigned required) {
    return guarded([&] {
        Findings findings;
        for (const unsigned lacking : {0U, LAMINA_SECRET_HIDDEN, LAMINA_SECRET_HIDDEN | LAMINA_SECRET_NO_DUMP,
                                       LAMINA_SECRET_HIDDEN | LAMINA_SECRET_NO_FORK}) {
            if (!detail::Poorer::can_lack(lacking)) {
                continue;
            }
            const detail::Poorer system(lacking);
            Instance instance(subject, 0, Instance::not_started());
            lamina_set_last_os_error(0);
            const lamina_status status = instance.start();
            if ((required & lacking) != 0) {
                expect(findings, status == LAMINA_ERR_OS && lamina_last_os_error() == LAMINA_OS_ERROR_UNSUPPORTED, "on a system without ", lacking,
                       " init answers: ", lamina_status_text(status), ", error ", lamina_last_os_error());
                continue;
            }
            if (!detail::started(findings, instance)) {
                continue;
            }
            const void *const base = base_of(instance.self());
            const bool hidden = detail::map_tells() && range_use(base, 1).name.find("secretmem") != std::string::npos;
            detail::properties(findings, base, bytes, required | (hidden ? LAMINA_SECRET_HIDDEN : 0U));
            auto *const object = static_cast<unsigned char *>(instance.alloc());
            if (expect(findings, object != nullptr, "the first request was refused") && instance.in_memory(object)) {
                *object = 0xC3;
                expect(findings, (required & LAMINA_SECRET_NO_FORK) == 0 || !detail::child_finds(object, 0xC3),
                       "a forked child finds what an object holds");
            }
        }
        return findings;
    });
}

// Whatever objects held, every byte is zero when the system gets the pages back.
inline Findings scrubbed(const lamina_subject &subject, const BaseOf &base_of, std::size_t bytes) {
    return guarded([&] {
        Findings findings;
        Instance instance(subject);
        instance.stop_keeping_books();
        if (!detail::started(findings, instance)) {
            return findings;
        }
        const auto *const base = static_cast<const unsigned char *>(base_of(instance.self()));
        std::size_t written = 0;
        for (std::size_t i = 0; i < 200; ++i) {
            void *const object = instance.alloc();
            if (object == nullptr) {
                break;
            }
            const bool locked = address_of(object) - address_of(base) < bytes;
            written += locked ? 1 : 0;
            if (!locked && written != 0) { // another branch's, and so are all that follow
                break;
            }
            fill(object, instance.usual_size(), 0xEE);
        }
        expect(findings, written != 0, "no object lies in the locked memory");
        bool seen = false;
        std::size_t zero = 0;
        {
            const BeforeRelease watch([&](const void *at, std::size_t) {
                if (at == base) {
                    seen = true;
                    zero = first_other(base, 0, bytes, 0);
                }
            });
            instance.destroy();
        }
        expect(findings, seen, "the pages never went back");
        expect(findings, zero == bytes, "byte ", zero, " of ", bytes, " goes back as it was");
        return findings;
    });
}

// In a process that may lock nothing, init fails with the system's word for it, and nothing stays mapped.
inline Findings fails_unlocked(const lamina_subject &subject, const BaseOf &base_of) {
    return guarded([&] {
        Findings findings;
        if (under_valgrind()) {
            return detail::not_applicable("Valgrind's own mappings count against the limit");
        }
        if (!detail::forbid_locking()) {
            return detail::not_applicable("this process can't lower its limit");
        }
        PlatformLedger ledger;
        Instance instance(subject, 0, Instance::not_started());
        fill(instance.self(), std::max<std::size_t>(subject.handle_bytes, 1), 0);
        lamina_set_last_os_error(0);
        expect(findings, instance.start() == LAMINA_ERR_OS, "init answers: ", lamina_status_text(instance.status()));
        const int error = lamina_last_os_error();
        expect(findings, error == ENOMEM || error == EPERM || error == EAGAIN, "the last error is ", error);
        expect(findings, ledger.empty(), "the system still lends ", ledger.text());
        expect(findings, base_of(instance.self()) == nullptr, "the handle points to memory");
        return findings;
    });
}

} // namespace checks

namespace contract {

inline void locked_pages(const lamina_subject &subject, const BaseOf &base_of, std::size_t bytes, unsigned required) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::locked_pages(subject, base_of, bytes, required));
}
inline void scrubbed(const lamina_subject &subject, const BaseOf &base_of, std::size_t bytes) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::scrubbed(subject, base_of, bytes));
}
inline void fails_unlocked(const lamina_subject &subject, const BaseOf &base_of) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::fails_unlocked(subject, base_of));
}
// `has`: what an instance says of the memory at `base`.
inline void has_what_it_tells(const void *base, std::size_t bytes, unsigned has) {
    Findings findings;
    lamina::testing::detail::properties(findings, base, bytes, has);
    LAMINA_REQUIRE_CLEAN(findings);
}

} // namespace contract

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_LOCKED_HPP
