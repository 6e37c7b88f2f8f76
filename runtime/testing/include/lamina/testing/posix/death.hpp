// posix/death.hpp: a child is a fork of this process.
//
// It is single-threaded at birth, has the default action for the fatal signals (Catch2 and the sanitizers install their
// own), dumps no core, and leaves through _exit, so that nothing registered by the parent runs twice.
#ifndef LAMINA_TESTING_POSIX_DEATH_HPP
#define LAMINA_TESTING_POSIX_DEATH_HPP

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <functional>
#include <iostream>
#include <poll.h>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lamina/testing/death.hpp"

namespace lamina {
namespace testing {

namespace detail {

inline bool is_a_fault(int signal) { return signal == SIGSEGV || signal == SIGBUS; }
inline std::string signal_name(int signal) { return ::strsignal(signal); }

inline void write_all(int file, const char *bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(file, bytes, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return;
        }
        bytes += written;
        size -= static_cast<std::size_t>(written);
    }
}

// Appends what is there to be read; false at the end of the file.
inline bool read_some(int file, std::string &into) {
    char bytes[4096];
    const ssize_t got = ::read(file, bytes, sizeof bytes);
    if (got < 0) {
        return errno == EINTR || errno == EAGAIN;
    }
    into.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
}

// Takes out what an emulator of processors adds when its program ends by a signal: it is no word of the program's.
inline void leave_out_the_emulator(std::string &text) {
    const std::string begins = "qemu: uncaught target signal ";
    for (std::size_t at = text.find(begins); at != std::string::npos; at = text.find(begins, at)) {
        const std::size_t end = text.find('\n', at);
        text.erase(at, end == std::string::npos ? end : end - at + 1);
    }
}

[[noreturn]] inline void be_the_child(const std::function<std::string()> &body, int errors, int results) {
    for (const int fatal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTERM, SIGINT}) {
        (void)std::signal(fatal, SIG_DFL);
    }
    const struct rlimit no_core = {0, 0};
    (void)::setrlimit(RLIMIT_CORE, &no_core);
    (void)::dup2(errors, STDERR_FILENO);
    int status = 0;
    try {
        const std::string result = body();
        write_all(results, result.data(), result.size());
    } catch (const std::exception &problem) {
        const std::string text = std::string("exception: ") + problem.what() + "\n";
        write_all(STDERR_FILENO, text.data(), text.size());
        status = 70;
    } catch (...) {
        write_all(STDERR_FILENO, "exception\n", 10);
        status = 70;
    }
    ::_exit(status);
}

} // namespace detail

inline Death run_in_child(const std::function<std::string()> &body, double seconds) {
    Death death;
    int errors[2] = {-1, -1};
    int results[2] = {-1, -1};
    if (::pipe(errors) != 0) {
        return death;
    }
    if (::pipe(results) != 0) {
        (void)::close(errors[0]);
        (void)::close(errors[1]);
        return death;
    }
    (void)under_valgrind(); // remembered before the fork, so that no child reads the map again
    std::cout.flush();      // what is buffered is the parent's to write
    (void)std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::close(errors[0]);
        (void)::close(results[0]);
        detail::be_the_child(body, errors[1], results[1]);
    }
    (void)::close(errors[1]);
    (void)::close(results[1]);
    if (child < 0) {
        (void)::close(errors[0]);
        (void)::close(results[0]);
        return death;
    }

    using Clock = std::chrono::steady_clock;
    const Clock::time_point deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    bool timed_out = false;
    struct pollfd files[2] = {{errors[0], POLLIN, 0}, {results[0], POLLIN, 0}};
    std::string *const sinks[2] = {&death.text, &death.result};
    while (!timed_out && (files[0].fd >= 0 || files[1].fd >= 0)) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        timed_out = left <= 0;
        if (timed_out || ::poll(files, 2, static_cast<int>(left)) <= 0) {
            continue;
        }
        for (int i = 0; i < 2; ++i) {
            if (files[i].revents != 0 && !detail::read_some(files[i].fd, *sinks[i])) {
                files[i].fd = -1; // poll skips negative descriptors
            }
        }
    }
    if (timed_out) {
        (void)::kill(child, SIGKILL);
    }
    (void)::close(errors[0]);
    (void)::close(results[0]);

    detail::leave_out_the_emulator(death.text);

    int status = 0;
    pid_t ended = -1;
    do {
        ended = ::waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    if (timed_out) {
        death.end = Death::End::timed_out;
    } else if (ended == child && WIFSIGNALED(status)) {
        death.end = Death::End::signalled;
        death.code = WTERMSIG(status);
    } else if (ended == child && WIFEXITED(status)) {
        death.end = Death::End::exited;
        death.code = WEXITSTATUS(status);
    }
    return death;
}

namespace detail {
LAMINA_TESTING_UNSANITIZED inline void touch(volatile unsigned char *byte) { *byte = *byte; }
} // namespace detail

// Whether writing the byte raises SIGSEGV or SIGBUS. The byte keeps its value.
inline bool faults(const void *address) {
    const Death death = death_of([address] {
        detail::touch(const_cast<volatile unsigned char *>(static_cast<const volatile unsigned char *>(address)));
    });
    return death.faulted();
}

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_POSIX_DEATH_HPP
