// reports.hpp: what is said about damage, to the letter: each field of what check() fills in, and the whole line on
// which a stack ends the program.
#ifndef LAMINA_TESTING_REPORTS_HPP
#define LAMINA_TESTING_REPORTS_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

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

} // namespace contract

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_REPORTS_HPP
