// death.hpp: code that is expected to die, or that may hang or crash, run in a process of its own: on POSIX systems a
// fork (posix/death.hpp), on Windows the same program started again (windows/death.hpp).
#ifndef LAMINA_TESTING_DEATH_HPP
#define LAMINA_TESTING_DEATH_HPP

#include <csignal>
#include <functional>
#include <string>

#include "lamina/testing/environment.hpp"
#include "lamina/testing/findings.hpp"

namespace lamina {
namespace testing {

namespace detail {
// What a system calls it: see the folder of each.
inline bool is_a_fault(int signal);
inline std::string signal_name(int signal);
} // namespace detail

// How a child ended and what it wrote to stderr.
struct Death {
    enum class End { exited, signalled, timed_out, not_started };
    End end = End::not_started;
    int code = 0; // exit status, or the signal
    std::string text;
    std::string result; // what the child handed back through its result pipe

    bool survived() const { return end == End::exited && code == 0; }
    bool aborted() const { return end == End::signalled && code == SIGABRT; }
    bool faulted() const { return end == End::signalled && detail::is_a_fault(code); }

    std::string summary() const {
        std::string out;
        switch (end) {
        case End::exited: out = "exited with status " + std::to_string(code); break;
        case End::signalled: out = "killed by signal " + std::to_string(code) + " (" + detail::signal_name(code) + ")"; break;
        case End::timed_out: out = "still running when its time was up"; break;
        case End::not_started: out = "could not be started"; break;
        }
        if (!text.empty()) {
            out += ", stderr:\n" + text;
        }
        return out;
    }
};

inline double default_time_limit() { return 10.0 * slowdown(); }

// Runs `body` in a child and waits for its end, at most `seconds`. The string that it returns comes back in `result`.
inline Death run_in_child(const std::function<std::string()> &body, double seconds = default_time_limit());

// Whether writing the byte faults. The byte keeps its value.
inline bool faults(const void *address);

// How `body` dies.
inline Death death_of(const std::function<void()> &body, double seconds = default_time_limit()) {
    return run_in_child(
        [&body] {
            body();
            return std::string();
        },
        seconds);
}

// What a sanitizer wrote, if it did: a child that leaves through _exit doesn't get the sanitizer's exit status.
// "… Sanitizer failed to allocate" isn't a report: it is how a sanitizer comments on a request that was refused.
inline bool sanitizer_reported(const std::string &text) {
    return text.find("Sanitizer: ") != std::string::npos || text.find("runtime error:") != std::string::npos;
}

// Runs a check in a child: crash, hang and sanitizer report become findings. With LAMINA_TEST_INLINE=1 the check runs
// in this process, for the debugger.
inline Findings guarded(const std::function<Findings()> &check, double seconds = default_time_limit()) {
    if (environment_number("LAMINA_TEST_INLINE", 0) != 0) {
        return check();
    }
    const Death death = run_in_child(
        [&check] {
            const Findings found = check();
            std::string out = found.applicable() ? std::string("+") : "-" + found.reason();
            out += '\0';
            for (const std::string &sentence : found.sentences()) {
                out += sentence;
                out += '\0';
            }
            return out;
        },
        seconds);
    Findings findings;
    std::size_t from = 0;
    for (std::size_t to = death.result.find('\0'); to != std::string::npos; to = death.result.find('\0', from)) {
        const std::string part = death.result.substr(from, to - from);
        if (from != 0) {
            findings.add(part);
        } else if (part.size() > 1) {
            findings.not_applicable(part.substr(1));
        }
        from = to + 1;
    }
    if (!death.survived() || death.result.empty()) {
        findings.add("died: " + death.summary());
    } else if (sanitizer_reported(death.text)) {
        findings.add("a sanitizer reported: " + death.text);
    }
    return findings;
}

// The death must be an abort whose message names the stack, the layer and what was found. Empty strings match any.
inline Findings corruption_findings(const Death &death, const std::string &stack, const std::string &layer,
                                    const std::string &what) {
    Findings findings;
    if (!expect(findings, death.aborted(), "expected an abort, but the child ", death.summary())) {
        return findings;
    }
    for (const std::string &part : {stack, layer, what}) {
        expect(findings, death.text.find(part) != std::string::npos, "the report doesn't mention \"", part,
               "\"; it reads: ", death.text);
    }
    return findings;
}

} // namespace testing
} // namespace lamina

#if defined(_WIN32)
#include "lamina/testing/windows/death.hpp"
#else
#include "lamina/testing/posix/death.hpp"
#endif

// REQUIRE that a child died of a detected corruption: an abort, and a report that names stack, layer and finding.
#define REQUIRE_CORRUPTION(death, stack, layer, what)                                                                  \
    LAMINA_REQUIRE_CLEAN(::lamina::testing::corruption_findings((death), (stack), (layer), (what)))

#endif // LAMINA_TESTING_DEATH_HPP
