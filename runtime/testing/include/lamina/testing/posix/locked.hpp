// posix/locked.hpp: a system that lacks what locked memory is made of.
#ifndef LAMINA_TESTING_POSIX_LOCKED_HPP
#define LAMINA_TESTING_POSIX_LOCKED_HPP

#include <cerrno>
#include <cstddef>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lamina/os_table.h"
#include "lamina/secret.h"
#include "lamina/testing/death.hpp"
#include "lamina/testing/layers.hpp"

namespace lamina {
namespace testing {

namespace detail {

// Whether a child of a fork can read this byte, and finds `value` there.
inline bool child_finds(const void *ptr, unsigned char value) {
    const Death death = run_in_child([&] { return std::string(1, peek(ptr) == value ? 'y' : 'n'); });
    return death.survived() && death.result == "y";
}

// While it lives, the system lacks what some of the properties (LAMINA_SECRET_*) are made of.
class Poorer {
  public:
    static bool can_lack(unsigned) { return true; }
    explicit Poorer(unsigned lacking) : before_(lamina_os_calls) {
        now() = this;
        no_dump_ = (lacking & LAMINA_SECRET_NO_DUMP) != 0;
        no_fork_ = (lacking & LAMINA_SECRET_NO_FORK) != 0;
        if ((lacking & LAMINA_SECRET_HIDDEN) != 0) {
            lamina_os_calls.memfd_secret = [](unsigned) -> long {
                errno = ENOSYS;
                return -1;
            };
        }
        lamina_os_calls.madvise = &Poorer::madvise;
    }
    ~Poorer() { lamina_os_calls = before_; }
    Poorer(const Poorer &) = delete;
    Poorer &operator=(const Poorer &) = delete;

  private:
    static Poorer *&now() {
        static Poorer *one = nullptr;
        return one;
    }
    static int madvise(void *at, std::size_t bytes, int advice) {
        const bool of_fork = advice == MADV_DONTFORK || advice == MADV_WIPEONFORK;
        if ((now()->no_dump_ && advice == MADV_DONTDUMP) || (now()->no_fork_ && of_fork)) {
            errno = EINVAL;
            return -1;
        }
        return now()->before_.madvise(at, bytes, advice);
    }
    lamina_os_call_table before_;
    bool no_dump_ = false, no_fork_ = false;
};

// From now on this process may lock nothing. False where it can't be arranged.
inline bool forbid_locking() {
    const struct rlimit none = {0, 0};
    return ::setrlimit(RLIMIT_MEMLOCK, &none) == 0 && (::geteuid() != 0 || ::setuid(65534) == 0);
}

} // namespace detail

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_POSIX_LOCKED_HPP
