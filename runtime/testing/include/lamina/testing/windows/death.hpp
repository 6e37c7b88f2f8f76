// windows/death.hpp: a child is this program started again.
//
// Windows has no fork. The new process runs the same test case up to the same call of run_in_child, takes the results of
// the calls before it from its parent, and there runs the body for which it was started. So a test case must come to the
// same calls in the same order each time, as all do that draw from a seed. A body may start children of its own.
#ifndef LAMINA_TESTING_WINDOWS_DEATH_HPP
#define LAMINA_TESTING_WINDOWS_DEATH_HPP

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <io.h>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <unistd.h>

#include "lamina/testing/catch.hpp"
#include "lamina/testing/death.hpp"
#include "lamina/testing/windows/system.hpp"

namespace lamina {
namespace testing {

namespace detail {

inline bool is_a_fault(int signal) { return signal == SIGSEGV; }
inline std::string signal_name(int signal) {
    return signal == SIGABRT   ? "abort"
           : signal == SIGSEGV ? "access violation"
           : signal == SIGILL  ? "illegal instruction"
           : signal == SIGFPE  ? "arithmetic error"
                               : "unknown";
}

inline void write_all(int file, const char *bytes, std::size_t size) {
    while (size > 0) {
        const int written = ::_write(file, bytes, static_cast<unsigned>(size));
        if (written <= 0) {
            return;
        }
        bytes += written;
        size -= static_cast<std::size_t>(written);
    }
}

// A child's exit status where the system has none for it: these are no codes of the system's, which leaves bit 29 clear.
constexpr UINT status_aborted = 0xE0000001U;
constexpr UINT status_strayed = 0xE0000002U; // it didn't come to its body

// Without anybody's destructors and handlers, like _exit.
[[noreturn]] inline void leave(UINT status) {
    (void)::TerminateProcess(::GetCurrentProcess(), status);
    for (;;) { // the call returns at most before the end
    }
}

inline LONG CALLBACK die_of_it(EXCEPTION_POINTERS *info) {
    const DWORD code = info->ExceptionRecord->ExceptionCode;
    switch (code) {
    case EXCEPTION_ACCESS_VIOLATION:
    case EXCEPTION_ILLEGAL_INSTRUCTION:
    case EXCEPTION_PRIV_INSTRUCTION:
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
    case EXCEPTION_STACK_OVERFLOW: leave(code);
    default: return EXCEPTION_CONTINUE_SEARCH; // C++ exceptions among them
    }
}

inline void set_end(Death &death, DWORD status) {
    death.end = Death::End::signalled;
    switch (status) {
    case status_strayed: death.end = Death::End::not_started; break;
    case status_aborted: death.code = SIGABRT; break;
    case EXCEPTION_ACCESS_VIOLATION:
    case EXCEPTION_STACK_OVERFLOW: death.code = SIGSEGV; break;
    case EXCEPTION_ILLEGAL_INSTRUCTION:
    case EXCEPTION_PRIV_INSTRUCTION: death.code = SIGILL; break;
    case EXCEPTION_INT_DIVIDE_BY_ZERO: death.code = SIGFPE; break;
    default:
        death.end = Death::End::exited;
        death.code = static_cast<int>(status);
        break;
    }
}

inline std::string content(const std::string &file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

inline std::string variable(const char *name) {
    char value[1024] = "";
    const DWORD size = ::GetEnvironmentVariableA(name, value, sizeof value);
    return size < sizeof value ? std::string(value, size) : std::string();
}

// Where this process is among the calls of run_in_child. A call's name is its number in its test case or body, behind its
// body's name: "3", and within that "3.0".
class Calls {
  public:
    static Calls &of_this_process() {
        static Calls calls;
        return calls;
    }

    Death run(const std::function<std::string()> &body, double seconds) {
        const std::string test = Catch::getResultCapture().getCurrentTestName();
        if (test != test_ && goal_.empty()) {
            next_ = 0;
            known_.clear();
        }
        test_ = test;
        const std::string name = within_ + std::to_string(next_++);
        const auto found = known_.find(name);
        if (found != known_.end()) {
            return found->second;
        }
        if (!arrived_) {
            arrived_ = name == goal_;
            if (!arrived_ && goal_.compare(0, name.size() + 1, name + ".") != 0) {
                leave(status_strayed);
            }
            within_ = name + ".";
            next_ = 0;
            if (arrived_) {
                be_the_child(body);
            }
            (void)body(); // the goal lies in it
            leave(status_strayed);
        }
        return known_[name] = start(name, seconds);
    }

  private:
    Calls() : goal_(variable("LAMINA_TEST_CHILD")), files_(variable("LAMINA_TEST_CHILD_FILES")), arrived_(goal_.empty()) {
        std::istringstream in(content(files_));
        std::string name;
        int end = 0;
        Death death;
        std::size_t text = 0, result = 0;
        while (!goal_.empty() && in >> name >> end >> death.code >> text >> result && in.get() == '\n') {
            death.end = static_cast<Death::End>(end);
            death.text.resize(text);
            death.result.resize(result);
            in.read(&death.text[0], static_cast<std::streamsize>(text));
            in.read(&death.result[0], static_cast<std::streamsize>(result));
            known_[name] = death;
        }
    }

    [[noreturn]] void be_the_child(const std::function<std::string()> &body) {
        // Ahead of whoever else (Catch2) has one; a stack that aborts has no handler of its own.
        (void)::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
        (void)::AddVectoredExceptionHandler(1, die_of_it);
        (void)std::signal(SIGABRT, [](int) { leave(status_aborted); });
        (void)std::signal(SIGSEGV, [](int) { leave(EXCEPTION_ACCESS_VIOLATION); }); // raised, that is
        const int errors = ::_open((files_ + ".err").c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY, 0600);
        const int results = ::_open((files_ + ".out").c_str(), _O_WRONLY | _O_CREAT | _O_TRUNC | _O_BINARY, 0600);
        if (errors < 0 || results < 0) {
            leave(status_strayed);
        }
        (void)::_dup2(errors, STDERR_FILENO);
        (void)::SetStdHandle(STD_ERROR_HANDLE, reinterpret_cast<HANDLE>(::_get_osfhandle(errors)));
        UINT status = 0;
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
        leave(status);
    }

    // The test case by its name, as Catch2 takes it on its command line.
    static std::string escaped(const std::string &name) {
        std::string out;
        for (const char c : name) {
            out += std::string(",[]\\*~").find(c) != std::string::npos ? "\\" : "";
            out += c;
        }
        return out;
    }

    void hand_down(const std::string &file) const {
        std::ofstream out(file, std::ios::binary);
        for (const auto &call : known_) {
            const Death &death = call.second;
            out << call.first << ' ' << static_cast<int>(death.end) << ' ' << death.code << ' ' << death.text.size() << ' '
                << death.result.size() << '\n'
                << death.text << death.result;
        }
    }

    Death start(const std::string &name, double seconds) const {
        Death death;
        char folder[MAX_PATH] = "";
        char files[MAX_PATH] = "";
        char program[MAX_PATH] = "";
        if (::GetTempPathA(sizeof folder, folder) == 0 || ::GetTempFileNameA(folder, "lam", 0, files) == 0 ||
            ::GetModuleFileNameA(nullptr, program, sizeof program) >= sizeof program || test_.find('"') != std::string::npos) {
            return death;
        }
        hand_down(files);
        (void)::SetEnvironmentVariableA("LAMINA_TEST_CHILD", name.c_str());
        (void)::SetEnvironmentVariableA("LAMINA_TEST_CHILD_FILES", files);
        wait_for(death, program, std::string("\"") + program + "\" \"" + escaped(test_) + "\"", seconds);
        (void)::SetEnvironmentVariableA("LAMINA_TEST_CHILD", goal_.empty() ? nullptr : goal_.c_str());
        (void)::SetEnvironmentVariableA("LAMINA_TEST_CHILD_FILES", goal_.empty() ? nullptr : files_.c_str());
        const std::string errors = std::string(files) + ".err";
        const std::string results = std::string(files) + ".out";
        death.text = content(errors);
        death.result = content(results);
        if (::GetFileAttributesA(results.c_str()) == INVALID_FILE_ATTRIBUTES && death.end != Death::End::timed_out) {
            death.end = Death::End::not_started; // whatever its status: the body wasn't reached
        }
        (void)::DeleteFileA(errors.c_str());
        (void)::DeleteFileA(results.c_str());
        (void)::DeleteFileA(files);
        return death;
    }

    // In a job, so that whatever the child starts ends with it. What Catch2 says there is nobody's to read.
    static void wait_for(Death &death, const char *program, std::string command, double seconds) {
        const HANDLE job = ::CreateJobObjectA(nullptr, nullptr);
        JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {};
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        (void)::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
        SECURITY_ATTRIBUTES inherited = {sizeof inherited, nullptr, TRUE};
        const HANDLE nobody = ::CreateFileA("NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                                            OPEN_EXISTING, 0, nullptr);
        STARTUPINFOA how = {};
        how.cb = sizeof how;
        how.dwFlags = STARTF_USESTDHANDLES;
        how.hStdInput = how.hStdOutput = how.hStdError = nobody;
        PROCESS_INFORMATION child = {};
        if (::CreateProcessA(program, &command[0], nullptr, nullptr, TRUE, CREATE_SUSPENDED, nullptr, nullptr, &how, &child) !=
            0) {
            (void)::AssignProcessToJobObject(job, child.hProcess);
            (void)::ResumeThread(child.hThread);
            const double limit = 1000.0 * (seconds + seconds_to_arrive);
            if (::WaitForSingleObject(child.hProcess, static_cast<DWORD>(limit)) == WAIT_OBJECT_0) {
                DWORD status = 0;
                (void)::GetExitCodeProcess(child.hProcess, &status);
                set_end(death, status);
            } else {
                (void)::TerminateProcess(child.hProcess, 1);
                (void)::WaitForSingleObject(child.hProcess, INFINITE);
                death.end = Death::End::timed_out;
            }
            (void)::CloseHandle(child.hThread);
            (void)::CloseHandle(child.hProcess);
        }
        (void)::CloseHandle(nobody);
        (void)::CloseHandle(job);
    }

    static constexpr double seconds_to_arrive = 20.0; // to start, and to come to the body
    std::string goal_;    // the call that this process was started for; empty in the first
    std::string files_;   // where its parent left what is known, and looks for what it says
    std::string within_;  // the body that is being run, and a dot
    std::string test_;    // the test case
    unsigned next_ = 0;   // the next call's number
    bool arrived_ = true; // whether the goal was reached
    std::map<std::string, Death> known_;
};

} // namespace detail

inline Death run_in_child(const std::function<std::string()> &body, double seconds) {
    return detail::Calls::of_this_process().run(body, seconds);
}

namespace detail {

#if !defined(__x86_64__)
#error "how a faulting access goes on is known for x86-64 alone"
#endif

inline volatile LONG touching = 0;
inline volatile LONG touch_faulted = 0;
inline unsigned char touch_instead = 0;

// The access is made again, of a byte that is there.
inline LONG CALLBACK touch_elsewhere(EXCEPTION_POINTERS *info) {
    const DWORD code = info->ExceptionRecord->ExceptionCode;
    if (touching == 0 || (code != EXCEPTION_ACCESS_VIOLATION && code != STATUS_GUARD_PAGE_VIOLATION)) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    touch_faulted = 1;
    info->ContextRecord->Rax = reinterpret_cast<DWORD64>(&touch_instead);
    return EXCEPTION_CONTINUE_EXECUTION;
}

} // namespace detail

// In this process: no other thread may fault meanwhile.
inline bool faults(const void *address) {
    void *const handler = ::AddVectoredExceptionHandler(1, detail::touch_elsewhere);
    detail::touch_faulted = 0;
    detail::touching = 1;
    unsigned char byte = 0;
    __asm__ volatile("movb (%0), %1\n\tmovb %1, (%0)" : "+a"(address), "=&d"(byte) : : "memory");
    detail::touching = 0;
    (void)::RemoveVectoredExceptionHandler(handler);
    return detail::touch_faulted != 0;
}

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_WINDOWS_DEATH_HPP
