// windows/calls.hpp: the table of Windows calls, watched and changed.
#ifndef LAMINA_TESTING_WINDOWS_CALLS_HPP
#define LAMINA_TESTING_WINDOWS_CALLS_HPP

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lamina/os_table.h"
#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"
#include "lamina/testing/memory.hpp"
#include "lamina/testing/windows/system.hpp"

namespace lamina {
namespace testing {

namespace detail {

// By what a call's failure is told: the source of random numbers has statuses in place of errors.
inline bool is_told(const std::string &call, int error, int injected) {
    return error == injected || (call == "gen_random" && error != 0);
}

// The call by which a layer would reach the same on POSIX, which is what specs and layers name.
inline std::string named_in_specs(const std::string &call) {
    static const std::map<std::string, std::string> names = {
        {"virtual_alloc", "mmap"},       {"virtual_alloc_node", "mbind"}, {"virtual_protect", "mprotect"},
        {"virtual_lock", "mlock"},       {"get_working_set", "mlock"},    {"set_working_set", "mlock"},
        {"query_pages", "mincore"},      {"node_list", "get_mempolicy"},  {"node_of_processor", "getcpu"},
        {"gen_random", "getrandom"},     {"aligned_malloc", "malloc"},
    };
    const auto found = names.find(call);
    return found != names.end() ? found->second : call;
}

// Keeps both words for an error while the tests keep their books.
class ErrorsKept {
  public:
    ErrorsKept() : last_(::GetLastError()), number_(errno) {}
    ~ErrorsKept() {
        ::SetLastError(last_);
        errno = number_;
    }
    ErrorsKept(const ErrorsKept &) = delete;
    ErrorsKept &operator=(const ErrorsKept &) = delete;

  private:
    DWORD last_;
    int number_;
};

// A change of the table that ends with its owner, which is to be found from the table's functions.
template <typename Owner> class TableChange {
  public:
    TableChange() : before_(lamina_os_calls) { current() = static_cast<Owner *>(this); }
    ~TableChange() { lamina_os_calls = before_; }
    TableChange(const TableChange &) = delete;
    TableChange &operator=(const TableChange &) = delete;

  protected:
    static Owner *&current() {
        static Owner *owner = nullptr;
        return owner;
    }
    static const lamina_os_call_table &before() { return current()->TableChange::before_; }

  private:
    lamina_os_call_table before_;
};

} // namespace detail

// What the runtime has from the platform: address ranges and heap blocks, seen by wrapping the table of calls. One at a
// time, and no thread but this one in the runtime.
class PlatformLedger : private detail::TableChange<PlatformLedger> {
    friend class detail::TableChange<PlatformLedger>;

  public:
    PlatformLedger() {
        lamina_os_calls.virtual_alloc = [](void *at, std::size_t bytes, unsigned long kind, unsigned long rights) {
            return keep_range(
                watched("virtual_alloc", [&] { return before().virtual_alloc(at, bytes, kind, rights); }), at, bytes, kind);
        };
        lamina_os_calls.virtual_alloc_node = [](void *at, std::size_t bytes, unsigned long kind, unsigned long rights,
                                                unsigned long node) {
            return keep_range(watched("virtual_alloc_node",
                                      [&] { return before().virtual_alloc_node(at, bytes, kind, rights, node); }),
                              at, bytes, kind);
        };
        lamina_os_calls.virtual_free = [](void *at, std::size_t bytes, unsigned long kind) {
            const int done = watched("virtual_free", [&] { return before().virtual_free(at, bytes, kind); });
            if (done != 0 && (kind & MEM_RELEASE) != 0) {
                const detail::ErrorsKept errors;
                current()->ranges_.erase(at);
            }
            return done;
        };
        lamina_os_calls.aligned_malloc = [](std::size_t bytes, std::size_t align) {
            void *const block = watched("aligned_malloc", [&] { return before().aligned_malloc(bytes, align); });
            if (block != nullptr) {
                const detail::ErrorsKept errors;
                current()->heap_.insert(block);
            }
            return block;
        };
        lamina_os_calls.aligned_free = [](void *block) {
            {
                const detail::ErrorsKept errors;
                current()->heap_.erase(block);
            }
            before().aligned_free(block);
        };
        lamina_os_calls.virtual_protect = [](void *at, std::size_t bytes, unsigned long rights, unsigned long *had) {
            return watched("virtual_protect", [&] { return before().virtual_protect(at, bytes, rights, had); });
        };
        lamina_os_calls.virtual_lock = [](void *at, std::size_t bytes) {
            return watched("virtual_lock", [&] { return before().virtual_lock(at, bytes); });
        };
        lamina_os_calls.virtual_unlock = [](void *at, std::size_t bytes) {
            return watched("virtual_unlock", [&] { return before().virtual_unlock(at, bytes); });
        };
        lamina_os_calls.get_working_set = [](std::size_t *least, std::size_t *most) {
            return watched("get_working_set", [&] { return before().get_working_set(least, most); });
        };
        lamina_os_calls.set_working_set = [](std::size_t least, std::size_t most) {
            return watched("set_working_set", [&] { return before().set_working_set(least, most); });
        };
        lamina_os_calls.query_pages = [](void *pages, unsigned long bytes) {
            return watched("query_pages", [&] { return before().query_pages(pages, bytes); });
        };
        lamina_os_calls.node_list = [](void *list, unsigned long *bytes) {
            return watched("node_list", [&] { return before().node_list(list, bytes); });
        };
        lamina_os_calls.node_of_processor = [](const void *processor, unsigned short *node) {
            return watched("node_of_processor", [&] { return before().node_of_processor(processor, node); });
        };
        lamina_os_calls.gen_random = [](void *out, unsigned long bytes) {
            return watched("gen_random", [&] { return before().gen_random(out, bytes); });
        };
        lamina_os_calls.fls_alloc = [](void (*ended)(void *value)) {
            return watched("fls_alloc", [&] { return before().fls_alloc(ended); });
        };
        lamina_os_calls.fls_set = [](unsigned long key, void *value) {
            return watched("fls_set", [&] { return before().fls_set(key, value); });
        };
    }

    // "4 ranges, 65536 bytes, 0 heap blocks": comparable, and readable when it differs.
    std::string text() const {
        std::size_t bytes = 0;
        for (const auto &range : ranges_) {
            bytes += range.second;
        }
        return say(ranges_.size(), " ranges, ", bytes, " bytes, ", heap_.size(), " heap blocks");
    }
    bool empty() const { return ranges_.empty() && heap_.empty(); }

    // The call that the injector made fail last; empty when none.
    const std::string &failed_call() const { return failed_; }
    void forget_failure() { failed_.clear(); }

  private:
    template <typename Call> static auto watched(const char *name, Call call) -> decltype(call()) {
        const unsigned failed = lamina_calls_failed();
        const auto result = call();
        if (lamina_calls_failed() != failed) {
            const detail::ErrorsKept errors;
            current()->failed_ = name;
        }
        return result;
    }
    // A range goes back as it was reserved: whole. Committing takes none.
    static void *keep_range(void *got, const void *at, std::size_t bytes, unsigned long kind) {
        if (got != nullptr && (at == nullptr || (kind & MEM_RESERVE) != 0)) {
            const detail::ErrorsKept errors;
            const std::size_t page = page_size();
            current()->ranges_[got] = (bytes + page - 1) / page * page;
        }
        return got;
    }

    std::map<void *, std::size_t> ranges_;
    std::set<void *> heap_;
    std::string failed_;
};

// The system's calls, seen from outside: from where to where they reached.
class Reach : private detail::TableChange<Reach> {
    friend class detail::TableChange<Reach>;

  public:
    Reach() {
        lamina_os_calls.virtual_alloc = [](void *at, std::size_t bytes, unsigned long kind, unsigned long rights) {
            see(at, bytes);
            return before().virtual_alloc(at, bytes, kind, rights);
        };
        lamina_os_calls.virtual_protect = [](void *at, std::size_t bytes, unsigned long rights, unsigned long *had) {
            see(at, bytes);
            return before().virtual_protect(at, bytes, rights, had);
        };
        lamina_os_calls.virtual_free = [](void *at, std::size_t bytes, unsigned long kind) {
            see(at, bytes);
            return before().virtual_free(at, bytes, kind);
        };
    }
    bool within(const unsigned char *from, const unsigned char *to) const {
        return from_ >= address_of(from) && to_ <= address_of(to);
    }

  private:
    static void see(const void *at, std::size_t bytes) {
        current()->from_ = std::min(current()->from_, address_of(at));
        current()->to_ = std::max(current()->to_, address_of(at) + bytes);
    }
    std::uintptr_t from_ = UINTPTR_MAX, to_ = 0;
};

// While it lives, `look` sees each range before it goes back to the system.
class BeforeRelease : private detail::TableChange<BeforeRelease> {
    friend class detail::TableChange<BeforeRelease>;

  public:
    using Look = std::function<void(const void *at, std::size_t bytes)>;
    explicit BeforeRelease(Look look) : look_(std::move(look)) {
        lamina_os_calls.virtual_free = [](void *at, std::size_t bytes, unsigned long kind) {
            if ((kind & MEM_RELEASE) != 0) {
                current()->look_(at, whole(at));
            }
            return before().virtual_free(at, bytes, kind);
        };
    }

  private:
    static std::size_t whole(const void *start) {
        std::size_t bytes = 0;
        MEMORY_BASIC_INFORMATION info;
        while (::VirtualQuery(static_cast<const char *>(start) + bytes, &info, sizeof info) == sizeof info &&
               info.State != MEM_FREE && info.AllocationBase == start) {
            bytes += info.RegionSize;
        }
        return bytes;
    }
    Look look_;
};

// While it lives, the system's pages are this large, and what is mapped or given back is counted.
class LargerPages : private detail::TableChange<LargerPages> {
    friend class detail::TableChange<LargerPages>;

  public:
    explicit LargerPages(std::size_t bytes) : page_(bytes) {
        lamina_fail_off();
        lamina_fail_at(0, 0); // the runtime forgets the page size that it knows
        lamina_os_calls.system_info = [](std::size_t *page, std::size_t *granularity) {
            *page = *granularity = current()->page_;
        };
        lamina_os_calls.virtual_free = [](void *, std::size_t, unsigned long) {
            ++current()->calls_;
            return 1;
        };
        // So that whoever gives back what isn't there goes on.
        lamina_os_calls.virtual_query = [](const void *at, void *info, std::size_t size) {
            MEMORY_BASIC_INFORMATION answer = {};
            answer.BaseAddress = answer.AllocationBase = const_cast<void *>(at);
            answer.RegionSize = std::size_t{1} << 30U;
            answer.State = MEM_COMMIT;
            answer.Protect = PAGE_READWRITE;
            *static_cast<MEMORY_BASIC_INFORMATION *>(info) = answer;
            return size;
        };
        lamina_os_calls.virtual_alloc = [](void *at, std::size_t size, unsigned long kind, unsigned long rights) {
            ++current()->calls_;
            return before().virtual_alloc(at, size, kind, rights);
        };
    }
    ~LargerPages() {
        lamina_fail_at(0, 0); // the page size is asked for anew, when the table is as it was
        lamina_fail_off();
    }
    unsigned calls() const { return calls_; }

  private:
    std::size_t page_;
    unsigned calls_ = 0;
};

// While it lives, what is given back to the system's heap is noted and kept.
class NotFreed : private detail::TableChange<NotFreed> {
    friend class detail::TableChange<NotFreed>;

  public:
    NotFreed() {
        lamina_os_calls.aligned_free = [](void *block) { current()->freed_.push_back(block); };
    }
    const std::vector<void *> &freed() const { return freed_; }

  private:
    std::vector<void *> freed_;
};

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_WINDOWS_CALLS_HPP
