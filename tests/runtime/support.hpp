// SPDX-License-Identifier: MIT
//
// What the runtime's tests share: children that are meant to die, and a look at the process's own mappings.
#ifndef LAMINA_TESTS_RUNTIME_SUPPORT_HPP
#define LAMINA_TESTS_RUNTIME_SUPPORT_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "lamina/core.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support
{

// How a child process ended, and what it wrote on standard error.
struct Ending {
    int signal = 0; // 0: it exited
    int status = 0; // its exit status, if so
    std::string told;
};

// Runs `body` in a child. Signal handlers of sanitizers and of Catch2 are set aside, so that a fault ends the child
// by its signal as it would end a program.
template <class Body> Ending in_child(Body body)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGTRAP, SIGFPE}) {
            std::signal(number, SIG_DFL);
        }
        const rlimit none = {0, 0};
        (void)setrlimit(RLIMIT_CORE, &none);
        (void)dup2(ends[1], STDERR_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        body();
        _exit(0);
    }
    (void)close(ends[1]);
    Ending out;
    char buffer[512];
    for (ssize_t got = 0; (got = read(ends[0], buffer, sizeof buffer)) > 0;) {
        out.told.append(buffer, static_cast<std::size_t>(got));
    }
    (void)close(ends[0]);
    int how = 0;
    REQUIRE(waitpid(child, &how, 0) == child);
    out.signal = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    out.status = WIFEXITED(how) ? WEXITSTATUS(how) : 0;
    return out;
}

inline bool faults_on_read(const void *p)
{
    return in_child([p] { (void)*static_cast<const volatile unsigned char *>(p); }).signal == SIGSEGV;
}

inline bool faults_on_write(void *p)
{
    return in_child([p] { *static_cast<volatile unsigned char *>(p) = 1; }).signal == SIGSEGV;
}

// What /proc/self/smaps says of the mapping that holds `p`.
struct Mapping {
    bool found = false;
    std::uintptr_t start = 0;
    std::uintptr_t end = 0;
    std::string rights; // "rw-p"
    std::string flags;  // the line "VmFlags:", with a space around each
};

inline Mapping mapping_of(const void *p)
{
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    Mapping out;
    std::ifstream file("/proc/self/smaps");
    for (std::string line; std::getline(file, line);) {
        std::uintptr_t start = 0;
        std::uintptr_t end = 0;
        char rights[8] = "";
        if (std::sscanf(line.c_str(), "%zx-%zx %4s", &start, &end, rights) == 3) {
            if (out.found) {
                break;
            }
            if ((start <= address) && (address < end)) {
                out.found = true;
                out.start = start;
                out.end = end;
                out.rights = rights;
            }
        } else if (out.found && (line.compare(0, 8, "VmFlags:") == 0)) {
            out.flags = line.substr(8) + " ";
        }
    }
    return out;
}

// Pages of address space that the process has mapped. Read without the heap, which would change the answer.
inline std::size_t mapped_pages()
{
    char text[128] = "";
    std::FILE *const file = std::fopen("/proc/self/statm", "r");
    REQUIRE(file != nullptr);
    std::setvbuf(file, nullptr, _IONBF, 0);
    const bool got = std::fgets(text, sizeof text, file) != nullptr;
    std::fclose(file);
    REQUIRE(got);
    return std::strtoull(text, nullptr, 10);
}

// Under Valgrind the process's own mappings are Valgrind's too, and come and go.
inline bool mappings_are_ours()
{
    const char *const preload = std::getenv("LD_PRELOAD");
    return (preload == nullptr) || (std::strstr(preload, "vgpreload") == nullptr);
}

// What more address space than there is gets refused with. Valgrind, which lays out the address space itself, says
// EINVAL.
inline const int too_much = mappings_are_ours() ? ENOMEM : EINVAL;

// Puts a known error in place, to see whether a call touches it.
constexpr int untouched = 12345;

inline void forget_error()
{
    lamina_set_last_os_error(untouched);
}

} // namespace support

// The call is refused with exactly this error.
#define REQUIRE_REFUSED(call, error) \
    do { \
        support::forget_error(); \
        REQUIRE(!(call)); \
        REQUIRE(lamina_last_os_error() == (error)); \
    } while (false)

// The call works and leaves the last error alone.
#define REQUIRE_WORKS(call) \
    do { \
        support::forget_error(); \
        REQUIRE((call)); \
        REQUIRE(lamina_last_os_error() == support::untouched); \
    } while (false)

#endif
