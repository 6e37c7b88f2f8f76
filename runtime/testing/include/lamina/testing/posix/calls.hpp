// posix/calls.hpp: the table of POSIX calls, watched and changed.
#ifndef LAMINA_TESTING_POSIX_CALLS_HPP
#define LAMINA_TESTING_POSIX_CALLS_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "lamina/os_table.h"
#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"

namespace lamina {
namespace testing {

namespace detail {

// By what a call's failure is told, and what the layers of a spec call it.
inline bool is_told(const std::string &, int error, int injected) { return error == injected; }
inline const std::string &named_in_specs(const std::string &call) { return call; }

} // namespace detail

// What the runtime has from the platform: address ranges and heap blocks, seen by wrapping the table of calls. Exact
// also where a sanitizer or Valgrind maps memory of its own, which /proc/self/maps would mix in. One at a time, and no
// thread but this one in the runtime.
class PlatformLedger {
  public:
    PlatformLedger() : before_(lamina_os_calls) {
        current() = this;
        lamina_os_calls.mmap = &PlatformLedger::mmap;
        lamina_os_calls.munmap = &PlatformLedger::munmap;
        lamina_os_calls.malloc = &PlatformLedger::malloc;
        lamina_os_calls.aligned_alloc = &PlatformLedger::aligned_alloc;
        lamina_os_calls.free = &PlatformLedger::free;
        lamina_os_calls.mprotect = &PlatformLedger::mprotect;
        lamina_os_calls.madvise = &PlatformLedger::madvise;
        lamina_os_calls.mincore = &PlatformLedger::mincore;
        lamina_os_calls.name_range = &PlatformLedger::name_range;
        lamina_os_calls.mbind = &PlatformLedger::mbind;
        lamina_os_calls.get_mempolicy = &PlatformLedger::get_mempolicy;
        lamina_os_calls.getcpu = &PlatformLedger::getcpu;
        lamina_os_calls.getrandom = &PlatformLedger::getrandom;
        lamina_os_calls.sysconf = &PlatformLedger::sysconf;
        lamina_os_calls.mlock = &PlatformLedger::mlock;
        lamina_os_calls.memfd_secret = &PlatformLedger::memfd_secret;
        lamina_os_calls.ftruncate = &PlatformLedger::ftruncate;
    }
    ~PlatformLedger() {
        lamina_os_calls = before_;
        current() = nullptr;
    }
    PlatformLedger(const PlatformLedger &) = delete;
    PlatformLedger &operator=(const PlatformLedger &) = delete;

    // "4 ranges, 65536 bytes, 0 heap blocks": comparable, and readable when it differs.
    std::string text() const {
        std::size_t bytes = 0;
        for (const auto &range : ranges_) {
            bytes += static_cast<std::size_t>(range.second - range.first);
        }
        return say(ranges_.size(), " ranges, ", bytes, " bytes, ", heap_.size(), " heap blocks");
    }
    bool empty() const { return ranges_.empty() && heap_.empty(); }

    // The call that the injector made fail last; empty when none.
    const std::string &failed_call() const { return failed_; }
    void forget_failure() { failed_.clear(); }

  private:
    static PlatformLedger *&current() {
        static PlatformLedger *ledger = nullptr;
        return ledger;
    }

    template <typename Call> static auto watched(const char *name, Call call) -> decltype(call()) {
        const unsigned before = lamina_calls_failed();
        const auto result = call();
        if (lamina_calls_failed() != before) {
            const int error = errno;
            current()->failed_ = name;
            errno = error;
        }
        return result;
    }

    void add(std::uintptr_t from, std::uintptr_t to) {
        remove(from, to);
        ranges_[from] = to;
        const auto here = ranges_.find(from);
        if (here != ranges_.begin() && std::prev(here)->second == from) {
            std::prev(here)->second = to;
            ranges_.erase(here);
        }
        const auto merged = std::prev(ranges_.upper_bound(from));
        const auto next = std::next(merged);
        if (next != ranges_.end() && next->first == merged->second) {
            merged->second = next->second;
            ranges_.erase(next);
        }
    }
    void remove(std::uintptr_t from, std::uintptr_t to) {
        auto range = ranges_.upper_bound(from);
        if (range != ranges_.begin()) {
            --range;
        }
        while (range != ranges_.end() && range->first < to) {
            const std::uintptr_t low = range->first;
            const std::uintptr_t high = range->second;
            if (high <= from) {
                ++range;
                continue;
            }
            range = ranges_.erase(range);
            if (low < from) {
                ranges_[low] = from;
            }
            if (high > to) {
                ranges_[to] = high;
            }
        }
    }
    static std::uintptr_t page_end(const void *at, std::size_t bytes) {
        const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        return (address_of(at) + bytes + page - 1) / page * page;
    }

    static void *mmap(void *at, std::size_t bytes, int rights, int flags, int file, long offset) {
        void *const got =
            watched("mmap", [&] { return current()->before_.mmap(at, bytes, rights, flags, file, offset); });
        if (got != MAP_FAILED) {
            const int error = errno;
            current()->add(address_of(got), page_end(got, bytes));
            errno = error;
        }
        return got;
    }
    static int munmap(void *at, std::size_t bytes) {
        const int status = watched("munmap", [&] { return current()->before_.munmap(at, bytes); });
        if (status == 0) {
            const int error = errno;
            current()->remove(address_of(at), page_end(at, bytes));
            errno = error;
        }
        return status;
    }
    static void *malloc(std::size_t bytes) {
        return keep(watched("malloc", [&] { return current()->before_.malloc(bytes); }));
    }
    static void *aligned_alloc(std::size_t align, std::size_t bytes) {
        return keep(watched("aligned_alloc", [&] { return current()->before_.aligned_alloc(align, bytes); }));
    }
    static void *keep(void *block) {
        if (block != nullptr) {
            const int error = errno;
            current()->heap_.insert(block);
            errno = error;
        }
        return block;
    }
    static void free(void *block) {
        current()->heap_.erase(block);
        current()->before_.free(block);
    }
    static int mprotect(void *at, std::size_t bytes, int rights) {
        return watched("mprotect", [&] { return current()->before_.mprotect(at, bytes, rights); });
    }
    static int madvise(void *at, std::size_t bytes, int advice) {
        return watched("madvise", [&] { return current()->before_.madvise(at, bytes, advice); });
    }
    static int mincore(void *at, std::size_t bytes, unsigned char *pages) {
        return watched("mincore", [&] { return current()->before_.mincore(at, bytes, pages); });
    }
    static int name_range(void *at, std::size_t bytes, const char *name) {
        return watched("name_range", [&] { return current()->before_.name_range(at, bytes, name); });
    }
    static long mbind(void *at, unsigned long bytes, int mode, const unsigned long *nodes, unsigned long bits,
                      unsigned flags) {
        return watched("mbind", [&] { return current()->before_.mbind(at, bytes, mode, nodes, bits, flags); });
    }
    static long get_mempolicy(int *mode, unsigned long *nodes, unsigned long bits, void *at, unsigned long flags) {
        return watched("get_mempolicy", [&] { return current()->before_.get_mempolicy(mode, nodes, bits, at, flags); });
    }
    static long getcpu(unsigned *cpu, unsigned *node) {
        return watched("getcpu", [&] { return current()->before_.getcpu(cpu, node); });
    }
    static long getrandom(void *out, std::size_t bytes, unsigned flags) {
        return watched("getrandom", [&] { return current()->before_.getrandom(out, bytes, flags); });
    }
    static long sysconf(int name) {
        return watched("sysconf", [&] { return current()->before_.sysconf(name); });
    }
    static int mlock(const void *at, std::size_t bytes) {
        return watched("mlock", [&] { return current()->before_.mlock(at, bytes); });
    }
    static long memfd_secret(unsigned flags) {
        return watched("memfd_secret", [&] { return current()->before_.memfd_secret(flags); });
    }
    static int ftruncate(int file, long bytes) {
        return watched("ftruncate", [&] { return current()->before_.ftruncate(file, bytes); });
    }

    lamina_os_call_table before_;
    std::map<std::uintptr_t, std::uintptr_t> ranges_;
    std::set<void *> heap_;
    std::string failed_;
};

// The system's calls, seen from outside: from where to where they reached.
class Reach {
  public:
    Reach() : before_(lamina_os_calls) {
        current() = this;
        lamina_os_calls.mmap = [](void *at, std::size_t bytes, int rights, int flags, int file, long offset) {
            see(at, bytes);
            return current()->before_.mmap(at, bytes, rights, flags, file, offset);
        };
        lamina_os_calls.mprotect = [](void *at, std::size_t bytes, int rights) {
            see(at, bytes);
            return current()->before_.mprotect(at, bytes, rights);
        };
        lamina_os_calls.madvise = [](void *at, std::size_t bytes, int advice) {
            see(at, bytes);
            return current()->before_.madvise(at, bytes, advice);
        };
    }
    ~Reach() { lamina_os_calls = before_; }
    Reach(const Reach &) = delete;
    Reach &operator=(const Reach &) = delete;
    bool within(const unsigned char *from, const unsigned char *to) const {
        return from_ >= address_of(from) && to_ <= address_of(to);
    }

  private:
    static Reach *&current() {
        static Reach *reach = nullptr;
        return reach;
    }
    static void see(const void *at, std::size_t bytes) {
        current()->from_ = std::min(current()->from_, address_of(at));
        current()->to_ = std::max(current()->to_, address_of(at) + bytes);
    }
    lamina_os_call_table before_;
    std::uintptr_t from_ = UINTPTR_MAX, to_ = 0;
};

// While it lives, `look` sees each range before it goes back to the system.
class BeforeRelease {
  public:
    using Look = std::function<void(const void *at, std::size_t bytes)>;
    explicit BeforeRelease(Look look) : before_(lamina_os_calls), look_(std::move(look)) {
        current() = this;
        lamina_os_calls.munmap = [](void *at, std::size_t bytes) {
            current()->look_(at, bytes);
            return current()->before_.munmap(at, bytes);
        };
    }
    ~BeforeRelease() { lamina_os_calls = before_; }
    BeforeRelease(const BeforeRelease &) = delete;
    BeforeRelease &operator=(const BeforeRelease &) = delete;

  private:
    static BeforeRelease *&current() {
        static BeforeRelease *one = nullptr;
        return one;
    }
    lamina_os_call_table before_;
    Look look_;
};

// While it lives, the system's pages are this large, and what is mapped or given back is counted.
class LargerPages {
  public:
    explicit LargerPages(std::size_t bytes) : before_(lamina_os_calls), page_(static_cast<long>(bytes)) {
        current() = this;
        lamina_fail_off();
        lamina_fail_at(0, 0); // the runtime forgets the page size that it knows
        lamina_os_calls.sysconf = [](int) { return current()->page_; };
        lamina_os_calls.munmap = [](void *, std::size_t) {
            ++current()->calls_;
            return 0;
        };
        lamina_os_calls.ask_mapped = [](void *, std::size_t) { return 0; }; // so that whoever gives back what isn't there goes on
        lamina_os_calls.mmap = [](void *at, std::size_t size, int rights, int flags, int file, long offset) {
            ++current()->calls_;
            return current()->before_.mmap(at, size, rights, flags, file, offset);
        };
    }
    ~LargerPages() {
        lamina_os_calls = before_;
        lamina_fail_at(0, 0);
        lamina_fail_off();
    }
    LargerPages(const LargerPages &) = delete;
    LargerPages &operator=(const LargerPages &) = delete;
    unsigned calls() const { return calls_; }

  private:
    static LargerPages *&current() {
        static LargerPages *one = nullptr;
        return one;
    }
    lamina_os_call_table before_;
    long page_;
    unsigned calls_ = 0;
};

// While it lives, what is given back to the system's heap is noted and kept.
class NotFreed {
  public:
    NotFreed() : before_(lamina_os_calls) {
        current() = this;
        lamina_os_calls.free = [](void *block) { current()->freed_.push_back(block); };
    }
    ~NotFreed() { lamina_os_calls = before_; }
    NotFreed(const NotFreed &) = delete;
    NotFreed &operator=(const NotFreed &) = delete;
    const std::vector<void *> &freed() const { return freed_; }

  private:
    static NotFreed *&current() {
        static NotFreed *one = nullptr;
        return one;
    }
    lamina_os_call_table before_;
    std::vector<void *> freed_;
};

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_POSIX_CALLS_HPP
