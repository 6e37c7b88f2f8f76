// SPDX-License-Identifier: MIT
//
// The failing platform: every call that an operation makes is made to fail, one by one, and afterwards everything
// is as it was before.
#include "support.hpp"

#include "lamina/commit.h"
#include "lamina/hooks.h"
#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/os_table.h"
#include "lamina/random.h"
#include "lamina/report.h"
#include "lamina/secret.h"

#include <atomic>
#include <cerrno>
#include <functional>
#include <map>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace
{

// What is mapped through the runtime: address to size. Exact, where /proc would also show the test's own doings.
std::map<uintptr_t, size_t> ledger;

void *ledger_mmap(void *at, size_t bytes, int rights, int flags, int file, long offset)
{
    void *const p = lamina_os_calls_default.mmap(at, bytes, rights, flags, file, offset);
    if (p != MAP_FAILED) {
        ledger[reinterpret_cast<uintptr_t>(p)] = bytes;
    }
    return p;
}

int ledger_munmap(void *at, size_t bytes)
{
    const int out = lamina_os_calls_default.munmap(at, bytes);
    if (out == 0) { // cut the range out of whatever it touches
        const auto start = reinterpret_cast<uintptr_t>(at);
        const uintptr_t end = start + bytes;
        std::map<uintptr_t, size_t> left;
        for (const auto &entry : ledger) {
            const uintptr_t entry_end = entry.first + entry.second;
            if (entry.first < start) {
                left[entry.first] = std::min(entry_end, start) - entry.first;
            }
            if (entry_end > end) {
                const uintptr_t from = std::max(entry.first, end);
                left[from] = entry_end - from;
            }
        }
        ledger = left;
    }
    return out;
}

struct Ledger {
    Ledger()
    {
        ledger.clear();
        lamina_os_calls.mmap = ledger_mmap;
        lamina_os_calls.munmap = ledger_munmap;
    }
    ~Ledger()
    {
        lamina_fail_off();
        lamina_os_calls = lamina_os_calls_default;
    }
    Ledger(const Ledger &) = delete;
    Ledger &operator=(const Ledger &) = delete;
};

size_t page()
{
    return static_cast<size_t>(sysconf(_SC_PAGESIZE)); // not through the runtime: that would count
}

// Makes each call that `body` makes fail in turn. `body` answers whether it succeeded and leaves nothing behind
// when it did.
void fail_each_call(int error, const std::function<bool()> &body)
{
    unsigned k = 0;
    bool through = false;
    while (!through) {
        k++;
        REQUIRE(k < 50);
        INFO("call " << k);
        support::forget_error();
        lamina_fail_at(k, error);
        const bool ok = body();
        through = lamina_calls_failed() == 0;
        lamina_fail_off();
        REQUIRE(ok == through);
        REQUIRE(lamina_last_os_error() == (through ? support::untouched : error));
        REQUIRE(ledger.empty());
    }
    REQUIRE(k >= 2); // it made at least one call
    REQUIRE(lamina_calls_made() == k - 1);
}

} // namespace

TEST_CASE("each operation fails cleanly at each of its calls", "[faults]")
{
    const Ledger guard;
    const auto mapped = [](unsigned flags) {
        void *const p = lamina_os_map(3 * page(), flags);
        return (p != nullptr) && lamina_os_release(p, 3 * page());
    };
    SECTION("reserve")
    {
        fail_each_call(ENOMEM, [] {
            void *const p = lamina_os_reserve(3 * page());
            return (p != nullptr) && lamina_os_release(p, 3 * page());
        });
    }
    SECTION("reserve aligned")
    {
        fail_each_call(ENOMEM, [] {
            void *const p = lamina_os_reserve_aligned(3 * page(), static_cast<size_t>(1) << 24);
            return (p != nullptr) && lamina_os_release(p, 3 * page());
        });
    }
    SECTION("map")
    {
        fail_each_call(ENOMEM, [&] { return mapped(0); });
    }
    SECTION("map populated")
    {
        fail_each_call(ENOMEM, [&] { return mapped(LAMINA_MAP_POPULATE); });
    }
    SECTION("map for transparent huge pages, populated")
    {
        if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0) {
            fail_each_call(ENOMEM, [&] { return mapped(LAMINA_MAP_HUGE_TRANSPARENT | LAMINA_MAP_POPULATE); });
        }
    }
    SECTION("the heap")
    {
        for (const size_t align : {static_cast<size_t>(8), static_cast<size_t>(256)}) {
            fail_each_call(ENOMEM, [align] {
                void *const p = lamina_os_heap_alloc(100, align);
                lamina_os_heap_free(p);
                return p != nullptr;
            });
        }
    }
    SECTION("a watermark")
    {
        fail_each_call(ENOMEM, [] {
            lamina_commit_t mark = {};
            if (!lamina_commit_init(&mark, 8 * page(), 4 * page(), page())) {
                return false;
            }
            const bool ok = lamina_commit_to(&mark, page()) && lamina_commit_to_shared(&mark, 3 * page());
            return lamina_commit_release(&mark) && ok;
        });
    }
    SECTION("a locked range")
    {
        fail_each_call(ENOMEM, [] {
            void *const p = lamina_os_map(2 * page(), 0);
            const bool ok = (p != nullptr) && lamina_os_lock(p, page()) && lamina_os_lock_on_touch(p, 2 * page());
            return ((p == nullptr) || lamina_os_release(p, 2 * page())) && ok;
        });
    }
    SECTION("a hidden mapping")
    {
        void *const p = lamina_secret_map(page(), LAMINA_SECRET_HIDDEN, nullptr);
        if (p != nullptr) {
            REQUIRE(lamina_secret_release(p, page()));
            fail_each_call(ENOMEM, [] {
                void *const secret = lamina_secret_map(3 * page(), LAMINA_SECRET_HIDDEN, nullptr);
                return (secret != nullptr) && lamina_secret_release(secret, 3 * page());
            });
        }
    }
    SECTION("a mapping on its node")
    {
        if (lamina_numa_node_count() != 0) {
            const auto node = static_cast<uint16_t>(lamina_numa_current_node());
            fail_each_call(ENOMEM, [node] {
                void *const p =
                    lamina_numa_map(2 * page(), LAMINA_MAP_POPULATE, nullptr, LAMINA_NUMA_BIND, &node, 1);
                return (p != nullptr) && lamina_os_release(p, 2 * page());
            });
            if (access("/sys/devices/system/node/online", R_OK) == 0) {
                fail_each_call(EPERM, [node] { return lamina_numa_distance(node, node) == 10; });
            }
        }
    }
    SECTION("random")
    {
        fail_each_call(EFAULT, [] {
            unsigned char out[16];
            return lamina_random_bytes(out, sizeof out);
        });
    }
    SECTION("nodes")
    {
        fail_each_call(EPERM, [] { return lamina_numa_current_node() >= 0; });
        if (lamina_numa_node_count() != 0) {
            fail_each_call(EPERM, [] { return lamina_numa_node_count() != 0; });
        }
    }
}

TEST_CASE("a range keeps its contents and its rights when a call about it fails", "[faults]")
{
    const Ledger guard;
    lamina_fail_at(0, 0);
    const size_t bytes = 3 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0x3C, bytes);
    const auto intact = [&] {
        for (size_t i = 0; i < bytes; i++) {
            if (p[i] != 0x3C) {
                return false;
            }
        }
        p[0] = 0x3C;
        return support::mapping_of(p).rights == "rw-p";
    };
    const std::vector<std::function<bool()>> operations = {
        [&] { return lamina_os_commit(p, bytes); },
        [&] { return lamina_os_protect(p, bytes, LAMINA_PROTECT_READ); },
        [&] { return lamina_os_guard(p, bytes); },
        [&] { return lamina_os_populate(p, bytes); },
        [&] {
            size_t out = 0;
            return lamina_os_query(p, bytes, &out);
        },
    };
    for (const auto &operation : operations) {
        for (unsigned k = 1; k <= 2; k++) { // the page size is asked first, then the operation itself
            lamina_fail_at(k, ENOMEM);
            REQUIRE_REFUSED(operation(), ENOMEM);
            REQUIRE(lamina_calls_failed() == 1);
            lamina_fail_off();
            REQUIRE(intact());
        }
    }
    // A decommit has two steps. The rights are never other than they were; the contents were to go, and are gone when
    // it is the second that is refused.
    REQUIRE(lamina_os_protect(p, page(), LAMINA_PROTECT_READ));
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_os_decommit(p, bytes), EAGAIN);
    REQUIRE(p[0] == 0x3C);
    REQUIRE(support::mapping_of(p).rights == "r--p");
    lamina_fail_off();
    lamina_fail_at(2, ENOMEM); // after the page size
    REQUIRE_REFUSED(lamina_os_decommit(p, bytes), ENOMEM);
    lamina_fail_off();
    REQUIRE(p[0] == 0);
    REQUIRE(support::mapping_of(p).rights == "r--p");
    REQUIRE(support::mapping_of(p + page()).rights == "rw-p");
    REQUIRE(lamina_os_protect(p, page(), LAMINA_PROTECT_READ | LAMINA_PROTECT_WRITE));
    std::memset(p, 0x3C, bytes);
    // Giving pages back is counted apart.
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_os_decommit(p, bytes), EAGAIN);
    REQUIRE(intact());
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_os_discard(p, bytes), EAGAIN);
    REQUIRE(intact());
    lamina_fail_release_at(1, ENOMEM);
    REQUIRE_REFUSED(lamina_os_release(p, bytes), ENOMEM);
    REQUIRE(intact());
    REQUIRE(ledger.size() == 1);
    lamina_fail_off();
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    REQUIRE(ledger.empty());
}

TEST_CASE("an aligned reservation that can't be trimmed is taken back", "[faults]")
{
    const Ledger guard;
    const size_t align = static_cast<size_t>(1) << 30;
    unsigned failures = 0;
    for (unsigned k = 1; k <= 2; k++) { // the head, the tail
        lamina_fail_release_at(k, ENOMEM);
        support::forget_error();
        void *const p = lamina_os_reserve_aligned(page(), align);
        const bool hit = lamina_calls_failed() != 0; // by chance there may be only one piece to trim
        lamina_fail_off();
        if (hit) {
            failures++;
            REQUIRE(p == nullptr);
            REQUIRE(lamina_last_os_error() == ENOMEM);
        } else {
            REQUIRE(p != nullptr);
            REQUIRE(lamina_os_release(p, page()));
        }
        REQUIRE(ledger.empty());
    }
    REQUIRE(failures >= 1);
}

TEST_CASE("huge pages: each kind is tried, a fall-back that worked leaves no error", "[faults]")
{
    const Ledger guard;
    static std::vector<int> tried; // the size codes of the explicit huge pages asked for, -1 for ordinary pages
    tried.clear();
    lamina_os_calls.mmap = [](void *at, size_t bytes, int rights, int flags, int file, long offset) -> void * {
        tried.push_back(((flags & MAP_HUGETLB) != 0) ? (flags >> 26) & 63 : -1);
        if ((flags & MAP_HUGETLB) != 0) {
            errno = ENOMEM;
            return MAP_FAILED;
        }
        return ledger_mmap(at, bytes, rights, flags, file, offset);
    };
    size_t got = 5;
    REQUIRE_REFUSED(lamina_os_map_ex(page(), LAMINA_MAP_HUGE_2M, &got), ENOMEM);
    REQUIRE_REFUSED(lamina_os_map_ex(page(), LAMINA_MAP_HUGE_1G, &got), ENOMEM);
    REQUIRE_REFUSED(lamina_os_map_ex(page(), LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M, &got), ENOMEM);
    REQUIRE(got == 5);
    REQUIRE(tried == std::vector<int>{21, 30, 30}); // without FALLBACK, the larger kind alone
    tried.clear();
    support::forget_error();
    void *const p =
        lamina_os_map_ex(page(), LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_FALLBACK, &got);
    REQUIRE(p != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(got == page());
    REQUIRE(tried == std::vector<int>{30, 21, -1});
    REQUIRE(lamina_os_release(p, page()));

    // Advice that the kernel doesn't know.
    lamina_os_calls.madvise = [](void *, size_t, int) {
        errno = EINVAL;
        return -1;
    };
    REQUIRE_REFUSED(lamina_os_map_ex(page(), LAMINA_MAP_HUGE_TRANSPARENT, &got), EINVAL);
    REQUIRE(ledger.empty());
    support::forget_error();
    void *const q = lamina_os_map_ex(page(), LAMINA_MAP_HUGE_TRANSPARENT | LAMINA_MAP_HUGE_FALLBACK, &got);
    REQUIRE(q != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(lamina_os_release(q, page()));
    REQUIRE(ledger.empty());
}

TEST_CASE("releasing an explicit huge page by the size that was asked for", "[faults]")
{
    const Ledger guard;
    static std::vector<size_t> asked;
    static size_t unit;
    const auto refuse_odd_sizes = [](void *, size_t bytes) {
        asked.push_back(bytes);
        if (bytes % unit != 0) {
            errno = EINVAL;
            return -1;
        }
        return 0;
    };
    lamina_os_calls.munmap = refuse_odd_sizes;
    lamina_os_calls.ask_mapped = [](void *, size_t) { return 0; }; // it is mapped
    void *const at = reinterpret_cast<void *>(static_cast<uintptr_t>(LAMINA_HUGE_1G) * 4); // nothing looks there
    unit = LAMINA_HUGE_2M;
    REQUIRE_WORKS(lamina_os_release(at, 3 * page()));
    REQUIRE(asked == std::vector<size_t>{3 * page(), LAMINA_HUGE_2M});
    asked.clear();
    unit = LAMINA_HUGE_1G;
    REQUIRE_WORKS(lamina_os_release(at, LAMINA_HUGE_1G + 1));
    REQUIRE(asked ==
            std::vector<size_t>{LAMINA_HUGE_1G + page(), LAMINA_HUGE_1G + LAMINA_HUGE_2M, 2 * LAMINA_HUGE_1G});
    asked.clear();
    unit = SIZE_MAX; // refused whatever the size
    REQUIRE_REFUSED(lamina_os_release(at, page()), EINVAL);
    REQUIRE(asked.size() == 3);
    asked.clear();
    REQUIRE_REFUSED(lamina_os_release(static_cast<char *>(at) + page(), page()), EINVAL);
    REQUIRE(asked.size() == 1); // can't be the start of a huge page
}

TEST_CASE("old kernels: populating touches, guarding protects", "[faults][death]")
{
    const Ledger guard;
    const size_t bytes = 4 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    p[page()] = 0x42;
    lamina_os_calls.madvise = [](void *at, size_t size, int advice) {
        if (advice > 22) {
            errno = EINVAL;
            return -1;
        }
        return lamina_os_calls_default.madvise(at, size, advice);
    };
    REQUIRE_WORKS(lamina_os_populate(p, bytes));
    size_t resident = 0;
    REQUIRE(lamina_os_query(p, bytes, &resident));
    REQUIRE(resident == bytes);
    REQUIRE(p[page()] == 0x42);
    REQUIRE_WORKS(lamina_os_guard(p + page(), page()));
    REQUIRE(support::mapping_of(p + page()).rights == "---p");
    REQUIRE(support::faults_on_read(p + page()));
    REQUIRE_WORKS(lamina_os_unguard(p + page(), page()));
    p[page()] = 1;
    REQUIRE(lamina_os_release(p, bytes));
}

TEST_CASE("a commit that is refused moves no watermark", "[faults][commit]")
{
    const Ledger guard;
    lamina_commit_t mark = {};
    REQUIRE(lamina_commit_init(&mark, 8 * page(), 1, page()));
    REQUIRE(lamina_commit_to(&mark, 2 * page()));
    std::memset(mark.base, 0x66, 2 * page());
    for (const bool shared : {false, true}) {
        for (unsigned k = 1; k <= 2; k++) { // the page size, the commit
            lamina_fail_at(k, ENOMEM);
            REQUIRE_REFUSED(shared ? lamina_commit_to_shared(&mark, 5 * page()) : lamina_commit_to(&mark, 5 * page()),
                            ENOMEM);
            REQUIRE(lamina_calls_failed() == 1);
            lamina_fail_off();
            REQUIRE(mark.committed == 2 * page());
            REQUIRE(support::mapping_of(mark.base + 2 * page()).rights == "---p");
        }
    }
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_commit_trim(&mark, page()), EAGAIN);
    REQUIRE(mark.committed == 2 * page());
    REQUIRE(mark.base[2 * page() - 1] == 0x66);
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_commit_release(&mark), EAGAIN);
    REQUIRE(mark.committed == 2 * page());
    lamina_fail_off();
    REQUIRE_WORKS(lamina_commit_release(&mark));
    REQUIRE(ledger.empty());
}

TEST_CASE("a secret has what is required of it, or it isn't there", "[faults][secret]")
{
    const Ledger guard;
    constexpr unsigned ordinary = LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK;
    lamina_os_calls.memfd_secret = [](unsigned) -> long {
        errno = ENOSYS;
        return -1;
    };
    REQUIRE_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_HIDDEN, nullptr), ENOTSUP);

    // Each call in turn is refused with what a kernel without the property says.
    bool through = false;
    unsigned refusals = 0;
    for (unsigned k = 1; !through; k++) {
        for (const unsigned required : {ordinary, LAMINA_SECRET_NO_FORK, 0U}) {
            INFO("call " << k << ", required " << required);
            unsigned got = 0xFF;
            support::forget_error();
            lamina_fail_at(k, EINVAL);
            void *const p = lamina_secret_map(2 * page(), required, &got);
            through = lamina_calls_failed() == 0;
            lamina_fail_off();
            if (p == nullptr) {
                refusals++;
                REQUIRE(got == 0xFF);
                REQUIRE(((lamina_last_os_error() == EINVAL) || (lamina_last_os_error() == ENOTSUP)));
            } else {
                REQUIRE((got & (required | LAMINA_SECRET_LOCKED)) == (required | LAMINA_SECRET_LOCKED));
                REQUIRE(lamina_last_os_error() == support::untouched);
                const support::Mapping mapping = support::mapping_of(p);
                REQUIRE(mapping.flags.find(" lo ") != std::string::npos);
                REQUIRE((mapping.flags.find(" dd ") != std::string::npos) == ((got & LAMINA_SECRET_NO_DUMP) != 0));
                REQUIRE(((mapping.flags.find(" wf ") != std::string::npos) ||
                         (mapping.flags.find(" dc ") != std::string::npos)) ==
                        ((got & LAMINA_SECRET_NO_FORK) != 0));
                REQUIRE(lamina_secret_release(p, 2 * page()));
            }
            REQUIRE(ledger.empty());
        }
        REQUIRE(k < 20);
    }
    REQUIRE(refusals >= 7); // page size, mmap, mlock for all three; the advice against dumps for the first

    // No way to keep it from children at all.
    lamina_os_calls.madvise = [](void *at, size_t bytes, int advice) {
        if ((advice == MADV_DONTFORK) || (advice > 17)) {
            errno = EINVAL;
            return -1;
        }
        return lamina_os_calls_default.madvise(at, bytes, advice);
    };
    REQUIRE_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_NO_FORK, nullptr), ENOTSUP);
    REQUIRE(ledger.empty());
}

TEST_CASE("a secret is zero before it is unmapped, also where that fails", "[faults][secret]")
{
    const Ledger guard;
    static bool was_zero;
    was_zero = false;
    lamina_os_calls.memfd_secret = [](unsigned) -> long {
        errno = ENOSYS;
        return -1;
    };
    auto *const p = static_cast<unsigned char *>(lamina_secret_map(2 * page(), 0, nullptr));
    REQUIRE(p != nullptr);
    std::memset(p, 0x77, 2 * page());
    lamina_os_calls.munmap = [](void *at, size_t bytes) {
        was_zero = true;
        for (size_t i = 0; i < bytes; i++) {
            was_zero = was_zero && (static_cast<unsigned char *>(at)[i] == 0);
        }
        return ledger_munmap(at, bytes);
    };
    lamina_fail_release_at(1, ENOMEM);
    REQUIRE_REFUSED(lamina_secret_release(p, 2 * page()), ENOMEM);
    REQUIRE(was_zero);
    REQUIRE(p[0] == 0);
    lamina_fail_off();
    REQUIRE_WORKS(lamina_secret_release(p, 2 * page()));
    REQUIRE(ledger.empty());
}

TEST_CASE("advice that an emulator swallows is not believed", "[faults][death]")
{
    const Ledger guard;
    const size_t bytes = 4 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    lamina_os_calls.madvise = [](void *, size_t, int) { return 0; };
    REQUIRE_WORKS(lamina_os_guard(p, page()));
    REQUIRE(support::faults_on_read(p));
    REQUIRE_WORKS(lamina_os_unguard(p, page()));
    REQUIRE_WORKS(lamina_os_populate(p, bytes));
    size_t resident = 0;
    REQUIRE(lamina_os_query(p, bytes, &resident));
    REQUIRE(resident == bytes);
    lamina_os_calls.memfd_secret = [](unsigned) -> long {
        errno = ENOSYS;
        return -1;
    };
    REQUIRE_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_NO_DUMP, nullptr), ENOTSUP);
    REQUIRE_REFUSED(lamina_secret_map(page(), LAMINA_SECRET_NO_FORK, nullptr), ENOTSUP);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    REQUIRE(ledger.empty());
}

TEST_CASE("purging where the kernel can't gives the pages back at once", "[faults]")
{
    const Ledger guard;
    const size_t bytes = 2 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 1, bytes);
    lamina_os_calls.madvise = [](void *at, size_t size, int advice) {
        if (advice == MADV_FREE) {
            errno = EINVAL;
            return -1;
        }
        return lamina_os_calls_default.madvise(at, size, advice);
    };
    lamina_os_contents contents = LAMINA_CONTENTS_UNDEFINED;
    REQUIRE_WORKS(lamina_os_purge(p, bytes, &contents));
    REQUIRE(contents == LAMINA_CONTENTS_ZERO);
    REQUIRE(p[0] == 0);
    REQUIRE(p[bytes - 1] == 0);
    contents = LAMINA_CONTENTS_UNDEFINED;
    lamina_fail_release_at(1, EAGAIN); // the second way
    REQUIRE_REFUSED(lamina_os_purge(p, bytes, &contents), EAGAIN);
    lamina_os_calls.madvise = lamina_os_calls_default.madvise;
    lamina_fail_release_at(1, EAGAIN);
    REQUIRE_REFUSED(lamina_os_purge(p, bytes, &contents), EAGAIN);
    REQUIRE(contents == LAMINA_CONTENTS_UNDEFINED);
    lamina_fail_off();
    REQUIRE_WORKS(lamina_os_release(p, bytes));
}

// Run by the next one, in a process where nobody has asked for the key or to be told of forks yet.
TEST_CASE("hooks that the system can't keep", "[.fresh]")
{
    static lamina_thread_hook hook;
    static lamina_fork_hook fork_hook;
    const auto call = [](void *) {};
    for (const unsigned k : {1U, 2U}) { // no key, then no room for its value
        lamina_fail_at(k, EAGAIN);
        REQUIRE_REFUSED(lamina_thread_hook_add(&hook, call, nullptr), EAGAIN);
        REQUIRE(lamina_calls_failed() == 1);
        REQUIRE(hook.call == nullptr);
        lamina_fail_off();
        REQUIRE_REFUSED(lamina_thread_hook_remove(&hook), EINVAL);
    }
    lamina_fail_at(1, ENOMEM);
    REQUIRE_REFUSED(lamina_fork_hook_add(&fork_hook), ENOMEM);
    lamina_fail_off();
    REQUIRE_REFUSED(lamina_fork_hook_remove(&fork_hook), EINVAL);
    REQUIRE_WORKS(lamina_fork_hook_add(&fork_hook));
    REQUIRE_WORKS(lamina_thread_hook_add(&hook, call, nullptr));
    REQUIRE_WORKS(lamina_fork_hook_remove(&fork_hook));
    REQUIRE_WORKS(lamina_thread_hook_remove(&hook));
}

TEST_CASE("hooks are not there where the system can't keep them", "[faults][hooks]")
{
    if (support::mappings_are_ours()) { // under Valgrind this program is another
        const support::Ending end = support::in_child([] {
            execl("/proc/self/exe", "runtime_table_tests", "[.fresh]", "-o", "/dev/stderr", nullptr);
            _exit(99);
        });
        INFO(end.told);
        REQUIRE(end.signal == 0);
        REQUIRE(end.status == 0);
        REQUIRE(end.told.find("1 test case") != std::string::npos);
    }
}

TEST_CASE("distances are read from lists of any length", "[faults][numa]")
{
    const Ledger guard;
    static std::string online;
    static std::string distances;
    static std::string opened;
    static const std::string *reading;
    static size_t at;
    lamina_os_calls.open = [](const char *path) {
        opened = path;
        reading = (opened.find("online") != std::string::npos) ? &online : &distances;
        at = 0;
        return 99;
    };
    lamina_os_calls.close = [](int) { return 0; };
    lamina_os_calls.read = [](int, void *out, size_t bytes) -> long { // a few at a time, as a slow file would
        const size_t some = std::min({bytes, reading->size() - at, static_cast<size_t>(3)});
        std::memcpy(out, reading->data() + at, some);
        at += some;
        return static_cast<long>(some);
    };
    online = "0-1,4,7-2000\n";
    distances.clear();
    for (int i = 0; i < 1997; i++) {
        distances += (i == 0) ? "10" : " " + std::to_string(10 + i % 90);
    }
    distances += "\n";
    REQUIRE(lamina_numa_distance(4095, 0) == 10);
    REQUIRE(opened == "/sys/devices/system/node/node4095/distance");
    REQUIRE(lamina_numa_distance(0, 1) == 11);
    REQUIRE(lamina_numa_distance(10, 4) == 12);
    REQUIRE(opened == "/sys/devices/system/node/node10/distance");
    REQUIRE(lamina_numa_distance(0, 7) == 13);
    REQUIRE(lamina_numa_distance(0, 2000) == 10 + 1996 % 90);
    for (const uint16_t missing : {static_cast<uint16_t>(2), static_cast<uint16_t>(5), static_cast<uint16_t>(2001)}) {
        support::forget_error();
        REQUIRE(lamina_numa_distance(0, missing) == -1);
        REQUIRE(lamina_last_os_error() == EINVAL);
    }
    for (const char *const broken : {"", "\n", "x", "0-", "0-,4", ",", "99999999999999999999"}) {
        INFO("online is '" << broken << "'");
        online = broken;
        REQUIRE(lamina_numa_distance(0, 4) == -1);
    }
    online = "0-7\n";
    for (const char *const broken : {"", "\n", "10 20", "10 x 20 20 20"}) {
        INFO("distances are '" << broken << "'");
        distances = broken;
        REQUIRE(lamina_numa_distance(0, 4) == -1);
    }
    lamina_os_calls.read = [](int, void *, size_t) -> long {
        errno = EIO;
        return -1;
    };
    support::forget_error();
    REQUIRE(lamina_numa_distance(0, 4) == -1);
    REQUIRE(lamina_last_os_error() == EIO);
}

TEST_CASE("a system with an impossible page size is not used", "[faults]")
{
    const Ledger guard;
    static long answer;
    lamina_os_calls.sysconf = [](int) { return answer; };
    size_t out = 0;
    const uint16_t node = 0;
    lamina_os_contents contents = LAMINA_CONTENTS_ZERO;
    lamina_commit_t mark = {};
    void *const p = reinterpret_cast<void *>(static_cast<uintptr_t>(1) << 20);
    for (const long size : {0L, 3000L, -4096L}) {
        answer = size;
        lamina_fail_at(0, 0); // forgets what is known
        errno = (size < 0) ? ENOSYS : 0;
        const int error = (size < 0) ? ENOSYS : EINVAL;
        REQUIRE_REFUSED(lamina_os_page_size(), error);
        REQUIRE_REFUSED(lamina_os_granularity(), error);
        REQUIRE_REFUSED(lamina_os_reserve(1), error);
        REQUIRE_REFUSED(lamina_os_reserve_aligned(1, 64), error);
        REQUIRE_REFUSED(lamina_os_map(1, 0), error);
        REQUIRE_REFUSED(lamina_os_map(1, LAMINA_MAP_HUGE_TRANSPARENT), error);
        REQUIRE_REFUSED(lamina_os_commit(p, 1), error);
        REQUIRE_REFUSED(lamina_os_decommit(p, 1), error);
        REQUIRE_REFUSED(lamina_os_discard(p, 1), error);
        REQUIRE_REFUSED(lamina_os_populate(p, 1), error);
        REQUIRE_REFUSED(lamina_os_release(p, 1), error);
        REQUIRE_REFUSED(lamina_os_protect(p, 1, 0), error);
        REQUIRE_REFUSED(lamina_os_guard(p, 1), error);
        REQUIRE_REFUSED(lamina_os_unguard(p, 1), error);
        REQUIRE_REFUSED(lamina_os_huge_advise(p, 1), error);
        REQUIRE_REFUSED(lamina_os_query(p, 1, &out), error);
        REQUIRE_REFUSED(lamina_os_purge(p, 1, &contents), error);
        REQUIRE_REFUSED(lamina_os_reuse(p, 1), error);
        REQUIRE_REFUSED(lamina_os_lock(p, 1), error);
        REQUIRE_REFUSED(lamina_os_lock_on_touch(p, 1), error);
        REQUIRE_REFUSED(lamina_os_unlock(p, 1), error);
        REQUIRE_REFUSED(lamina_secret_map(1, 0, nullptr), error);
        REQUIRE_REFUSED(lamina_secret_release(p, 1), error);
        REQUIRE_REFUSED(lamina_commit_init(&mark, 1, 1, 1), error);
        REQUIRE_REFUSED(lamina_numa_map(1, 0, nullptr, LAMINA_NUMA_BIND, &node, 1), error);
        REQUIRE_REFUSED(lamina_numa_reserve(1, LAMINA_NUMA_BIND, &node, 1), error);
        REQUIRE_REFUSED(lamina_numa_apply(p, 1, LAMINA_NUMA_BIND, &node, 1), error);
        REQUIRE(lamina_calls_made() == 0);
    }
    lamina_os_calls = lamina_os_calls_default;
    lamina_fail_at(0, 0);
    REQUIRE(lamina_os_page_size() == page());
}

TEST_CASE("random bytes: interruptions and short answers are made good, failure is failure", "[faults]")
{
    const Ledger guard;
    static int round;
    round = 0;
    lamina_os_calls.getrandom = [](void *out, size_t bytes, unsigned) -> long {
        round++;
        if (round % 2 == 1) {
            errno = EINTR;
            return -1;
        }
        const size_t some = (bytes < 3) ? bytes : 3;
        std::memset(out, round, some);
        return static_cast<long>(some);
    };
    unsigned char out[8] = {};
    REQUIRE_WORKS(lamina_random_bytes(out, sizeof out));
    REQUIRE(round == 6);
    REQUIRE(out[0] == 2);
    REQUIRE(out[3] == 4);
    REQUIRE(out[7] == 6);

    lamina_os_calls.getrandom = [](void *, size_t, unsigned) -> long { return 0; };
    REQUIRE_REFUSED(lamina_random_bytes(out, sizeof out), EIO);
    lamina_os_calls.getrandom = [](void *, size_t, unsigned) -> long {
        errno = ENOSYS;
        return -1;
    };
    REQUIRE_REFUSED(lamina_random_bytes(out, sizeof out), ENOSYS);
}

TEST_CASE("memory policies: each refusal of the kernel is passed on", "[faults]")
{
    const Ledger guard;
    static unsigned long allowed[64];
    static int binds;
    static int last_mode;
    static unsigned long last_mask;
    binds = 0;
    std::memset(allowed, 0, sizeof allowed);
    allowed[0] = 5;                                                           // nodes 0 and 2 …
    allowed[4095 / (8 * sizeof(long))] |= 1UL << (4095 % (8 * sizeof(long))); // … and the last one there can be
    lamina_os_calls.get_mempolicy = [](int *, unsigned long *nodes, unsigned long bits, void *,
                                       unsigned long) -> long {
        std::memcpy(nodes, allowed, (bits - 1) / 8);
        return 0;
    };
    lamina_os_calls.mbind = [](void *, unsigned long, int mode, const unsigned long *nodes, unsigned long,
                               unsigned) -> long {
        binds++;
        last_mode = mode;
        last_mask = (nodes != nullptr) ? nodes[0] : 0;
        return 0;
    };
    void *const p = reinterpret_cast<void *>(static_cast<uintptr_t>(1) << 20);
    const uint16_t both[3] = {2, 0, 4095};
    REQUIRE_WORKS(lamina_numa_apply(p, 1, LAMINA_NUMA_INTERLEAVE, both, 3));
    REQUIRE(last_mode == 3);
    REQUIRE(last_mask == 5);
    REQUIRE(lamina_numa_node_count() == 3);
    REQUIRE(lamina_numa_node_allowed(4095));
    REQUIRE(binds == 1);
    const uint16_t one_missing[2] = {0, 1};
    REQUIRE_REFUSED(lamina_numa_apply(p, 1, LAMINA_NUMA_BIND, one_missing, 2), EINVAL);
    REQUIRE(binds == 1); // the kernel was not asked to bind to the other one alone
    REQUIRE_WORKS(lamina_numa_apply(p, 1, LAMINA_NUMA_LOCAL, nullptr, 0));
    REQUIRE(last_mode == 4);

    lamina_os_calls.mbind = [](void *, unsigned long, int, const unsigned long *, unsigned long, unsigned) -> long {
        errno = EIO;
        return -1;
    };
    REQUIRE_REFUSED(lamina_numa_apply(p, 1, LAMINA_NUMA_BIND, both, 2), EIO);
    lamina_os_calls.get_mempolicy = [](int *, unsigned long *, unsigned long, void *, unsigned long) -> long {
        errno = ENOSYS;
        return -1;
    };
    REQUIRE_REFUSED(lamina_numa_apply(p, 1, LAMINA_NUMA_BIND, both, 2), ENOSYS);
    REQUIRE_REFUSED(lamina_numa_node_count(), ENOSYS);
    REQUIRE_REFUSED(lamina_numa_node_allowed(0), ENOSYS);
    support::forget_error();
    REQUIRE(lamina_numa_node_of(p) == -1);
    REQUIRE(lamina_last_os_error() == ENOSYS);

    // What older and newer kernels answer.
    static int mode_answer;
    lamina_os_calls.get_mempolicy = [](int *mode, unsigned long *nodes, unsigned long, void *,
                                       unsigned long) -> long {
        *mode = mode_answer;
        nodes[0] = 0;
        return 0;
    };
    lamina_numa_policy policy = LAMINA_NUMA_BIND;
    size_t count = 1;
    mode_answer = 1;
    REQUIRE_WORKS(lamina_numa_policy_of(p, &policy, nullptr, 0, &count));
    REQUIRE(policy == LAMINA_NUMA_LOCAL);
    mode_answer = 2 | 0x8000;
    REQUIRE_WORKS(lamina_numa_policy_of(p, &policy, nullptr, 0, &count));
    REQUIRE(policy == LAMINA_NUMA_BIND);
    mode_answer = 77;
    REQUIRE_REFUSED(lamina_numa_policy_of(p, &policy, nullptr, 0, &count), ENOTSUP);
}

TEST_CASE("the injector counts, fails once or for good, and stops", "[faults]")
{
    const Ledger guard;
    (void)lamina_os_page_size();
    lamina_fail_at(0, 0);
    REQUIRE(lamina_calls_made() == 0);
    for (int i = 0; i < 3; i++) {
        lamina_os_heap_free(lamina_os_heap_alloc(8, 8));
    }
    REQUIRE(lamina_calls_made() == 3);
    REQUIRE(lamina_calls_failed() == 0);
    REQUIRE(lamina_release_calls_made() == 0); // free can't report failure

    const auto pattern = [] {
        std::string out;
        for (int i = 0; i < 5; i++) {
            void *const p = lamina_os_heap_alloc(8, 8);
            out += (p != nullptr) ? '+' : '-';
            lamina_os_heap_free(p);
        }
        return out;
    };
    lamina_fail_at(2, ENOMEM);
    REQUIRE(pattern() == "+-+++");
    REQUIRE(lamina_calls_failed() == 1);
    lamina_fail_from(3, ENOMEM);
    REQUIRE(pattern() == "++---");
    REQUIRE(lamina_calls_failed() == 3);
    lamina_fail_off();
    REQUIRE(pattern() == "+++++");
    REQUIRE(lamina_calls_made() == 10);
}

TEST_CASE("of many threads' calls exactly the k-th fails", "[faults]")
{
    lamina_os_calls = lamina_os_calls_default;
    for (const unsigned k : {1U, 50U, 399U}) {
        std::atomic<unsigned> failures{0};
        lamina_fail_at(k, ENOMEM);
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; t++) {
            threads.emplace_back([&] {
                for (int i = 0; i < 100; i++) {
                    void *const p = lamina_os_heap_alloc(8, 8);
                    failures += (p == nullptr) ? 1U : 0U;
                    lamina_os_heap_free(p);
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
        lamina_fail_off();
        REQUIRE(failures == 1);
        REQUIRE(lamina_calls_made() == 400);
    }
}

TEST_CASE("a report is one write", "[faults][death]")
{
    const support::Ending end = support::in_child([] {
        lamina_os_calls.write = [](int file, const void *bytes, size_t count) -> long {
            (void)!write(file, "[", 1);
            const long out = lamina_os_calls_default.write(file, bytes, count);
            (void)!write(file, "]", 1);
            return out;
        };
        const lamina_corruption event = {"s", "slab", "double free", nullptr, 0, 0, 0};
        lamina_corruption_abort(&event);
    });
    REQUIRE(end.signal == SIGABRT);
    REQUIRE(end.told.find("[lamina: s: slab: double free at 0x0\n]") != std::string::npos);
}
