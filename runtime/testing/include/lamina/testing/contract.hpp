// contract.hpp: what a generated test includes and calls. Each function here is the check of the same name, required to
// find nothing; called from a TEST_CASE, one for each promise, so that ctest names the promise that is broken.
#ifndef LAMINA_TESTING_CONTRACT_HPP
#define LAMINA_TESTING_CONTRACT_HPP

#include <cstdint>
#include <string>
#include <vector>

#include "lamina/testing/catch.hpp"
#include "lamina/testing/checks.hpp"
#include "lamina/testing/death.hpp"
#include "lamina/testing/differential.hpp"
#include "lamina/testing/faults.hpp"
#include "lamina/testing/layers.hpp"
#include "lamina/testing/locked.hpp"
#include "lamina/testing/memory.hpp"
#include "lamina/testing/reports.hpp"
#include "lamina/testing/threads.hpp"
#include "lamina/testing/trace.hpp"

namespace lamina {
namespace testing {

struct NamedCheck {
    const char *name;
    Findings (*run)(const lamina_subject &);
};

// Every check that needs to know nothing but the subject. A check that doesn't concern a subject says so.
inline const std::vector<NamedCheck> &every_check() {
    static const std::vector<NamedCheck> all = {
        {"fresh", &checks::fresh},
        {"alignment", &checks::alignment},
        {"no_overlap", &checks::no_overlap},
        {"usable_size", &checks::usable_size},
        {"exhaustion", &checks::exhaustion},
        {"reuse", &checks::reuse},
        {"order", &checks::order},
        {"free_sized", &checks::free_sized},
        {"zeroed", &checks::zeroed},
        {"reset", &checks::reset},
        {"mark_rewind", &checks::mark_rewind},
        {"resize", &checks::resize},
        {"realloc", &checks::realloc},
        {"ownership", &checks::ownership},
        {"walk", &checks::walk},
        {"statistics", &checks::statistics},
        {"release", &checks::release},
        {"refused_requests", &checks::refused_requests},
        {"free_null", &checks::free_null},
        {"bad_frees", &checks::bad_frees},
        {"bad_frees_call_back", &checks::bad_frees_call_back},
        {"life_cycle", &checks::life_cycle},
        {"independence", &checks::independence},
        {"footprint", &checks::footprint},
        {"nothing_left_behind", &checks::nothing_left_behind},
        {"random_traces", &checks::random_traces},
        {"platform_failures", &checks::platform_failures},
        {"threads_any", &checks::threads_any},
        {"threads_remote_free", &checks::threads_remote_free},
        {"threads_stalled_owner", &checks::threads_stalled_owner},
        {"threads_bad_frees", &checks::threads_bad_frees},
    };
    return all;
}

namespace contract {

#define LAMINA_TESTING_CONTRACT(name)                                                                                  \
    inline void name(const lamina_subject &subject) {                                                                  \
        INFO("subject: " << name_of(subject));                                                                         \
        LAMINA_REQUIRE_CLEAN(checks::name(subject));                                                                   \
    }

LAMINA_TESTING_CONTRACT(fresh)
LAMINA_TESTING_CONTRACT(alignment)
LAMINA_TESTING_CONTRACT(no_overlap)
LAMINA_TESTING_CONTRACT(usable_size)
LAMINA_TESTING_CONTRACT(exhaustion)
LAMINA_TESTING_CONTRACT(reuse)
LAMINA_TESTING_CONTRACT(order)
LAMINA_TESTING_CONTRACT(free_sized)
LAMINA_TESTING_CONTRACT(zeroed)
LAMINA_TESTING_CONTRACT(reset)
LAMINA_TESTING_CONTRACT(mark_rewind)
LAMINA_TESTING_CONTRACT(resize)
LAMINA_TESTING_CONTRACT(realloc)
LAMINA_TESTING_CONTRACT(ownership)
LAMINA_TESTING_CONTRACT(walk)
LAMINA_TESTING_CONTRACT(statistics)
LAMINA_TESTING_CONTRACT(release)
LAMINA_TESTING_CONTRACT(refused_requests)
LAMINA_TESTING_CONTRACT(free_null)
LAMINA_TESTING_CONTRACT(bad_frees)
LAMINA_TESTING_CONTRACT(bad_frees_call_back)
LAMINA_TESTING_CONTRACT(life_cycle)
LAMINA_TESTING_CONTRACT(independence)
LAMINA_TESTING_CONTRACT(footprint)
LAMINA_TESTING_CONTRACT(nothing_left_behind)
LAMINA_TESTING_CONTRACT(random_traces)
LAMINA_TESTING_CONTRACT(platform_failures)
LAMINA_TESTING_CONTRACT(threads_any)
LAMINA_TESTING_CONTRACT(threads_remote_free)
LAMINA_TESTING_CONTRACT(threads_stalled_owner)
LAMINA_TESTING_CONTRACT(threads_bad_frees)

#undef LAMINA_TESTING_CONTRACT

// All of the above in one test case.
inline void everything(const lamina_subject &subject) {
    INFO("subject: " << name_of(subject));
    for (const NamedCheck &check : every_check()) {
        const Findings findings = check.run(subject);
        INFO(check.name << " found:\n" << findings.text());
        CHECK(findings.clean());
    }
}

inline void flat_against_generic(const lamina_subject &flat, const lamina_subject &generic) {
    INFO("stack: " << flat.stack);
    LAMINA_REQUIRE_CLEAN(checks::flat_against_generic(flat, generic));
}

// ---- single layers; what only the layer knows comes as arguments ----

inline void write_after_free(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                             const std::string &what = std::string()) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::write_after_free(subject, offset, layer, what));
}
inline void damage_seen_by_reset(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                                 const std::string &what = std::string()) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::damage_seen_by_reset(subject, offset, layer, what));
}
inline void damage_seen_by_destroy(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                                   const std::string &what = std::string()) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::damage_seen_by_destroy(subject, offset, layer, what));
}
inline void overflow(const lamina_subject &subject, std::ptrdiff_t offset, const std::string &layer,
                     const std::string &what = std::string()) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::overflow(subject, offset, layer, what));
}
inline void wrong_thread(const lamina_subject &subject, const std::string &layer,
                         const std::string &what = std::string()) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::wrong_thread(subject, layer, what));
}
inline void quarantine_delays(const lamina_subject &subject, std::size_t count) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::quarantine_delays(subject, count));
}
inline void lazy_commit(const lamina_subject &subject, std::size_t step) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::lazy_commit(subject, step));
}
inline void resident_after_init(const lamina_subject &subject, bool everything) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::resident_after_init(subject, everything));
}
inline void guarded_ends(const lamina_subject &subject, bool before, bool after) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::guarded_ends(subject, before, after));
}
inline void guards_between(const lamina_subject &subject, std::size_t every, std::size_t lead = 0) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::guards_between(subject, every, lead));
}
inline void falls_back(const lamina_subject &subject, std::size_t primary) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::falls_back(subject, primary));
}
inline void bytes_after_free(const lamina_subject &subject, std::size_t from, std::size_t to, unsigned value) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::bytes_after_free(subject, from, to, static_cast<unsigned char>(value)));
}
inline void bytes_after_reset(const lamina_subject &subject, std::size_t from, std::size_t to, unsigned value) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::bytes_after_reset(subject, from, to, static_cast<unsigned char>(value)));
}
inline void bytes_after_destroy(const lamina_subject &subject, std::size_t from, std::size_t to, unsigned value) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::bytes_after_destroy(subject, from, to, static_cast<unsigned char>(value)));
}
inline void bytes_after_alloc(const lamina_subject &subject, unsigned value) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::bytes_after_alloc(subject, static_cast<unsigned char>(value)));
}
inline void named(const lamina_subject &subject, const std::string &name) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::named(subject, name));
}
inline void numa_policy(const lamina_subject &subject, lamina_numa_policy policy, const std::vector<uint16_t> &nodes) {
    INFO("subject: " << name_of(subject));
    LAMINA_REQUIRE_CLEAN(checks::numa_policy(subject, policy, nodes));
}

} // namespace contract

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_CONTRACT_HPP
