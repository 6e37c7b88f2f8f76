// SPDX-License-Identifier: MIT
//
// The failing platform: every call that an operation makes is made to fail, one by one, and afterwards everything
// is as it was before.
#include "support.hpp"

#include "lamina/numa.h"
#include "lamina/os.h"
#include "lamina/os_table.h"
#include "lamina/random.h"
#include "lamina/report.h"

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
        [&] { return lamina_os_decommit(p, bytes); },
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
    lamina_os_calls.msync = [](void *, size_t, int) { return 0; }; // it is mapped
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

TEST_CASE("a system with an impossible page size is not used", "[faults]")
{
    const Ledger guard;
    static long answer;
    lamina_os_calls.sysconf = [](int) { return answer; };
    size_t out = 0;
    const uint16_t node = 0;
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
