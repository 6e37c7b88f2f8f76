// faults.hpp: every k-th request to the platform fails. Whatever the stack was doing then, the failure comes out as a
// clean status or NULL with the platform's error, nothing stays mapped that shouldn't, and the allocator works on.
//
// Needs the testing build of the runtime, in which each platform call goes through a table.
#ifndef LAMINA_TESTING_FAULTS_HPP
#define LAMINA_TESTING_FAULTS_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "lamina/os_table.h"
#include "lamina/testing/checks.hpp"
#if defined(_WIN32)
#include "lamina/testing/windows/calls.hpp"
#else
#include "lamina/testing/posix/calls.hpp"
#endif

namespace lamina {
namespace testing {

namespace detail {

enum class Failing { once, from_then_on, releasing };

inline void inject(Failing kind, unsigned k, int error) {
    switch (kind) {
    case Failing::once: lamina_fail_at(k, error); break;
    case Failing::from_then_on: lamina_fail_from(k, error); break;
    case Failing::releasing: lamina_fail_release_at(k, error); break;
    }
}

// Whether the stack says that it answers this call's failure by another way: one of the words it lists.
inline bool tolerates(const lamina_subject &subject, const std::string &call) {
    std::istringstream listed(std::string("name_range ") +
                              (subject.tolerated_calls != nullptr ? subject.tolerated_calls : ""));
    return std::find(std::istream_iterator<std::string>(listed), std::istream_iterator<std::string>(), named_in_specs(call)) !=
           std::istream_iterator<std::string>();
}

// One life of an allocator under the injector: init, fill, free, release, destroy.
class FaultyLife {
  public:
    FaultyLife(const lamina_subject &subject, PlatformLedger &ledger, Failing kind, unsigned k, int error)
        : subject_(subject), ledger_(ledger), instance_(subject, 0, Instance::not_started()), kind_(kind), k_(k),
          error_(error) {}

    // Whether the k-th call came at all.
    bool run(Findings &findings) {
        const std::string before = ledger_.text();
        ledger_.forget_failure();
        lamina_set_last_os_error(0);
        if (kind_ == Failing::releasing) {
            lamina_fail_off(); // a failure to give back is no reason for init to fail
        } else {
            inject(kind_, k_, error_);
        }
        seen_failures_ = lamina_calls_failed(); // those of the life before, where nothing was injected anew
        if (instance_.start() != LAMINA_OK) {
            failed_init(findings, before);
        } else {
            if (kind_ != Failing::releasing) {
                excused(findings, "init");
            }
            live(findings);
            lamina_fail_off();
            instance_.check(findings, "before destroy");
            instance_.destroy();
            instance_.check(findings, "after destroy");
        }
        expect(findings, ledger_.text() == before, "after destroy the platform still lends ", ledger_.text(),
               "; before, ", before);
        lamina_fail_off();
        return fired_;
    }

  private:
    static constexpr std::size_t most_objects = 20000;
    static constexpr unsigned most_calls = 8; // of filling; a store that commits in steps makes one each

    void failed_init(Findings &findings, const std::string &before) {
        fired_ = lamina_calls_failed() != seen_failures_;
        seen_failures_ = lamina_calls_failed();
        expect(findings, fired_, "init failed, but no platform call did: ", lamina_status_text(instance_.status()));
        expect(findings, is_told(ledger_.failed_call(), lamina_last_os_error(), error_), "after the failed init the last error is ",
               lamina_last_os_error(), ", not ", error_);
        lamina_fail_off();
        expect(findings, ledger_.text() == before, "the failed init (", ledger_.failed_call(), ") leaves ",
               ledger_.text(), "; before, ", before);
        (void)instance_.start();
        if (started(findings, instance_)) {
            fill(findings);
            verify(findings);
            instance_.check(findings, "after a second init");
            for (unsigned char *const ptr : blocks_) {
                if (subject_.free != nullptr) {
                    instance_.free(ptr);
                }
            }
            instance_.destroy();
        }
    }

    // A call failed and the operation didn't: only where the stack says that it has another way.
    void excused(Findings &findings, const char *during) {
        const unsigned failed = lamina_calls_failed();
        if (failed == seen_failures_) {
            return;
        }
        seen_failures_ = failed;
        fired_ = true;
        const std::string &call = ledger_.failed_call();
        const bool other_branch = has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) && std::strcmp(during, "init") != 0;
        expect(findings, other_branch || tolerates(subject_, call), "a failure of ",
               call.empty() ? "a call that nobody saw" : call, " during ", during, " went unnoticed");
    }

    std::size_t object_size() const {
        if (subject_.payload != 0) {
            return subject_.payload;
        }
        const std::size_t share = instance_.capacity() / 48;
        return instance_.capacity() != 0 ? std::min(std::max<std::size_t>(share, 64), instance_.capacity())
                                         : std::size_t{64};
    }

    // Allocates until the store is full, or has asked the platform often enough. Stops at a refusal.
    void fill(Findings &findings) {
        const std::size_t size = object_size();
        const unsigned first_call = lamina_calls_made();
        std::size_t elsewhere = 0;
        while (blocks_.size() < most_objects && lamina_calls_made() - first_call < most_calls && elsewhere < 4) {
            const State before = instance_.state();
            const unsigned failed = lamina_calls_failed();
            auto *const ptr = static_cast<unsigned char *>(instance_.alloc(size, subject_.align));
            if (ptr == nullptr) {
                refused(findings, before, failed != lamina_calls_failed());
                return;
            }
            excused(findings, "alloc");
            const std::size_t id = blocks_.size();
            std::memcpy(ptr, &id, std::min(size, sizeof id));
            ptr[size - 1] = size > sizeof id ? static_cast<unsigned char>(id) : ptr[size - 1];
            blocks_.push_back(ptr);
            if (has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) && !instance_.in_memory(ptr)) {
                ++elsewhere;
            }
        }
    }

    void refused(Findings &findings, const State &before, bool failed) {
        expect_unchanged(findings, before, instance_.state(), "a refused allocation");
        if (failed) {
            fired_ = true;
            seen_failures_ = lamina_calls_failed();
            expect(findings, is_told(ledger_.failed_call(), lamina_last_os_error(), error_), "after the refused allocation (", ledger_.failed_call(),
                   ") the last error is ", lamina_last_os_error(), ", not ", error_);
            hungry_ = true;
        } else if (subject_.payload != 0 && instance_.capacity() != 0) {
            expect(findings, blocks_.size() >= instance_.capacity() || (fired_ && kind_ == Failing::from_then_on),
                   "object ", blocks_.size() + 1, " of ", instance_.capacity(), " was refused without a reason");
        }
    }

    void verify(Findings &findings) const {
        const std::size_t size = object_size();
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            std::size_t id = 0;
            std::size_t wanted = 0;
            std::memcpy(&id, blocks_[i], std::min(size, sizeof id));
            std::memcpy(&wanted, &i, std::min(size, sizeof id));
            const bool tail = size <= sizeof id || blocks_[i][size - 1] == static_cast<unsigned char>(i);
            if (!expect(findings, id == wanted && tail, "block ", i, " lost its content")) {
                return;
            }
        }
    }

    void live(Findings &findings) {
        fill(findings);
        instance_.check(findings, "after filling");
        verify(findings);
        if (hungry_) { // what failed works once the platform does
            lamina_fail_off();
            hungry_ = false;
            const std::size_t had = blocks_.size();
            fill(findings);
            expect(findings, blocks_.size() > had, "the allocation that failed with the platform fails without, too");
            verify(findings);
            instance_.check(findings, "after the platform recovered");
        }
        if (kind_ == Failing::releasing) {
            inject(kind_, k_, error_);
            seen_failures_ = lamina_calls_failed();
        }
        for (unsigned char *const ptr : blocks_) {
            if (subject_.free != nullptr) {
                instance_.free(ptr);
            }
        }
        blocks_.clear();
        if (subject_.release_unused != nullptr) {
            (void)subject_.release_unused(instance_.self());
            instance_.check(findings, "after release_unused");
        }
        if (subject_.reset != nullptr) {
            instance_.reset();
            instance_.check(findings, "after reset");
        }
        fired_ = fired_ || lamina_calls_failed() != seen_failures_; // giving back may fail and has nobody to tell
        lamina_fail_off();
        if (subject_.free == nullptr && subject_.reset == nullptr) {
            return;
        }
        const std::size_t size = object_size();
        for (unsigned i = 0; i < 3; ++i) {
            auto *const ptr = static_cast<unsigned char *>(subject_.alloc_zeroed != nullptr
                                                               ? instance_.alloc_zeroed(size, subject_.align)
                                                               : instance_.alloc(size, subject_.align));
            if (ptr == nullptr) {
                expect(findings, i != 0 || subject_.held != 0, "after all was freed nothing is to be had");
                break;
            }
            expect(findings, subject_.alloc_zeroed == nullptr || is_zero(ptr, size),
                   "after a failure alloc_zeroed gave bytes that aren't zero");
            std::memset(ptr, 0x55, size);
            if (subject_.free != nullptr) {
                instance_.free(ptr);
            }
        }
    }

    const lamina_subject &subject_;
    PlatformLedger &ledger_;
    Instance instance_;
    Failing kind_;
    unsigned k_;
    int error_;
    unsigned seen_failures_ = 0;
    bool fired_ = false;
    bool hungry_ = false;
    std::vector<unsigned char *> blocks_;
};

} // namespace detail

namespace checks {

// Each platform call of a life fails in turn; then each and all after it; then each that gives something back.
inline Findings platform_failures(const lamina_subject &subject) {
    return guarded([&subject] {
        static const char *const kinds[] = {"fails", "and all after it fail", "(of those that give back) fails"};
        Findings findings;
        PlatformLedger ledger;
        for (const detail::Failing kind :
             {detail::Failing::once, detail::Failing::from_then_on, detail::Failing::releasing}) {
            for (unsigned k = 1; k < 200 && findings.clean(); ++k) {
                Findings found;
                const bool came = detail::FaultyLife(subject, ledger, kind, k, ENOMEM).run(found);
                findings.add_all(found, say("platform call ", k, " ", kinds[static_cast<int>(kind)]));
                if (!came) {
                    break;
                }
            }
        }
        return findings;
    });
}

// What the platform lends comes back: nothing stays after destroy, with blocks out or not.
inline Findings nothing_left_behind(const lamina_subject &subject) {
    if (subject.destroy == nullptr) {
        return detail::not_applicable("no destroy");
    }
    Findings findings;
    PlatformLedger ledger;
    for (unsigned round = 0; round < 3; ++round) {
        {
            Instance instance(subject);
            if (!detail::started(findings, instance)) {
                return findings;
            }
            Shadow shadow;
            const std::vector<void *> blocks = detail::take(findings, instance, shadow, detail::some(instance));
            // A block that lies outside the store's own memory belongs to whoever holds it.
            for (void *const ptr : blocks) {
                if (instance.can_free() &&
                    (round == 1 || (has_flag(subject, LAMINA_SUBJECT_UNBOUNDED) && !instance.in_memory(ptr)))) {
                    shadow.remove(findings, ptr);
                    instance.free(ptr);
                }
            }
        }
        expect(findings, ledger.empty(), "after destroy the platform still lends ", ledger.text());
    }
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_FAULTS_HPP
