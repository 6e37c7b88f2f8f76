// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/thread.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

namespace
{

template <class Body> void on_threads(unsigned count, Body body)
{
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < count; i++) {
        threads.emplace_back(body, i);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

// Keeps threads alive until all have come by, so that no identity is reused among them.
void meet(std::atomic<unsigned> &arrived, unsigned count)
{
    arrived++;
    while (arrived < count) {
        lamina_thread_yield();
    }
}

} // namespace

TEST_CASE("no two living threads share an identity or an index", "[thread]")
{
    constexpr unsigned count = 16;
    std::atomic<unsigned> arrived{0};
    std::vector<uintptr_t> ids(count);
    std::vector<unsigned> indices(count);
    std::atomic<bool> stable{true};
    on_threads(count, [&](unsigned i) {
        ids[i] = lamina_thread_id();
        indices[i] = lamina_thread_index();
        meet(arrived, count);
        stable = stable && (ids[i] == lamina_thread_id()) && (indices[i] == lamina_thread_index());
    });
    REQUIRE(stable);
    ids.push_back(lamina_thread_id());
    indices.push_back(lamina_thread_index());
    REQUIRE(std::set<uintptr_t>(ids.begin(), ids.end()).size() == count + 1);
    REQUIRE(std::set<uintptr_t>(ids.begin(), ids.end()).count(0) == 0);
    REQUIRE(std::set<unsigned>(indices.begin(), indices.end()).size() == count + 1);
    // Dense: these came one after the other, but for the main thread's, which may be older.
    std::sort(indices.begin(), indices.begin() + count);
    REQUIRE(indices[count - 1] - indices[0] <= count);
}

TEST_CASE("each atomic does what its name says", "[thread]")
{
    int a = 0;
    int b = 0;
    void *ptr = &a;
    lamina_atomic_store_ptr_relaxed(&ptr, &b);
    REQUIRE(lamina_atomic_load_ptr_relaxed(&ptr) == &b);
    lamina_atomic_store_ptr_release(&ptr, &a);
    REQUIRE(lamina_atomic_load_ptr_acquire(&ptr) == &a);
    REQUIRE(lamina_atomic_exchange_ptr_acquire(&ptr, &b) == &a);
    REQUIRE(lamina_atomic_exchange_ptr_release(&ptr, &a) == &b);
    REQUIRE(lamina_atomic_exchange_ptr_acq_rel(&ptr, nullptr) == &a);
    void *expected = &b;
    REQUIRE_FALSE(lamina_atomic_cas_ptr_weak_release(&ptr, &expected, &a));
    REQUIRE(expected == nullptr);
    while (!lamina_atomic_cas_ptr_weak_release(&ptr, &expected, &a)) {
    }
    REQUIRE(ptr == &a);
    expected = &a;
    while (!lamina_atomic_cas_ptr_weak_acquire(&ptr, &expected, &b)) {
    }
    while (!lamina_atomic_cas_ptr_weak_acq_rel(&ptr, &expected, &a)) {
    }
    while (!lamina_atomic_cas_ptr_weak_relaxed(&ptr, &expected, &b)) {
    }
    REQUIRE(ptr == &b);

    size_t size = 5;
    REQUIRE(lamina_atomic_fetch_add_size_relaxed(&size, 3) == 5);
    REQUIRE(lamina_atomic_fetch_add_size_acq_rel(&size, 2) == 8);
    REQUIRE(lamina_atomic_fetch_sub_size_relaxed(&size, 4) == 10);
    REQUIRE(lamina_atomic_fetch_sub_size_acq_rel(&size, 1) == 6);
    REQUIRE(lamina_atomic_fetch_or_size_relaxed(&size, 8) == 5);
    REQUIRE(lamina_atomic_fetch_or_size_acq_rel(&size, 2) == 13);
    REQUIRE(lamina_atomic_fetch_and_size_relaxed(&size, 12) == 15);
    REQUIRE(lamina_atomic_fetch_and_size_acq_rel(&size, 4) == 12);
    REQUIRE(lamina_atomic_load_size_acquire(&size) == 4);
    lamina_atomic_store_size_release(&size, 9);
    lamina_atomic_raise_size_relaxed(&size, 7);
    REQUIRE(lamina_atomic_load_size_relaxed(&size) == 9);
    lamina_atomic_raise_size_relaxed(&size, 11);
    REQUIRE(lamina_atomic_exchange_size_acq_rel(&size, 0) == 11);
    size_t seen = 1;
    REQUIRE_FALSE(lamina_atomic_cas_size_weak_acq_rel(&size, &seen, 2));
    REQUIRE(seen == 0);

    uint32_t word = 1;
    REQUIRE(lamina_atomic_fetch_add_u32_relaxed(&word, UINT32_MAX) == 1);
    REQUIRE(lamina_atomic_exchange_u32_acquire(&word, 6) == 0);
    REQUIRE(lamina_atomic_load_u32_relaxed(&word) == 6);

    bool flag = false;
    lamina_atomic_store_flag_release(&flag, true);
    REQUIRE(lamina_atomic_load_flag_acquire(&flag));

#if LAMINA_HAS_ATOMIC_U64
    uint64_t wide = UINT64_C(1) << 40;
    REQUIRE(lamina_atomic_fetch_add_u64_relaxed(&wide, 1) == UINT64_C(1) << 40);
    lamina_atomic_store_u64_relaxed(&wide, UINT64_MAX);
    REQUIRE(lamina_atomic_load_u64_acquire(&wide) == UINT64_MAX);
#endif
}

TEST_CASE("atomics lose nothing between threads, and release publishes", "[thread]")
{
    struct Node {
        Node *next;
        size_t value;
    };
    constexpr unsigned count = 4;
    constexpr size_t each = 5000;
    size_t sum = 0;
    size_t peak = 0;
    void *stack = nullptr;
    std::vector<std::vector<Node>> nodes(count, std::vector<Node>(each));
    on_threads(count, [&](unsigned i) {
        for (size_t n = 0; n < each; n++) {
            lamina_atomic_fetch_add_size_relaxed(&sum, 1);
            lamina_atomic_raise_size_relaxed(&peak, i * each + n);
            Node *const node = &nodes[i][n];
            node->value = n;
            void *head = lamina_atomic_load_ptr_relaxed(&stack);
            do {
                node->next = static_cast<Node *>(head);
            } while (!lamina_atomic_cas_ptr_weak_release(&stack, &head, node));
        }
    });
    REQUIRE(sum == count * each);
    REQUIRE(peak == count * each - 1);
    size_t length = 0;
    size_t total = 0;
    for (Node *node = static_cast<Node *>(lamina_atomic_exchange_ptr_acquire(&stack, nullptr)); node != nullptr;
         node = node->next) {
        length++;
        total += node->value;
    }
    REQUIRE(length == count * each);
    REQUIRE(total == count * (each * (each - 1) / 2));
}

TEST_CASE("a mutex excludes", "[thread]")
{
    lamina_mutex_t mutex = LAMINA_MUTEX_INIT;
    constexpr unsigned count = 4;
    constexpr size_t each = 20000;
    size_t plain = 0; // not atomic: ThreadSanitizer tells when the lock doesn't order its accesses
    on_threads(count, [&](unsigned) {
        for (size_t n = 0; n < each; n++) {
            lamina_mutex_lock(&mutex);
            plain++;
            lamina_mutex_unlock(&mutex);
        }
    });
    REQUIRE(plain == count * each);
    REQUIRE(mutex.state == 0);
}

TEST_CASE("waiters of a mutex sleep and are all woken", "[thread]")
{
    lamina_mutex_t mutex;
    lamina_mutex_init(&mutex);
    size_t entered = 0;
    std::atomic<unsigned> started{0};
    lamina_mutex_lock(&mutex);
    std::thread helper([&] {
        on_threads(6, [&](unsigned) {
            started++;
            lamina_mutex_lock(&mutex);
            entered++;
            std::this_thread::sleep_for(std::chrono::milliseconds(2)); // so that the next one goes to sleep
            lamina_mutex_unlock(&mutex);
        });
    });
    while (started < 6) {
        lamina_thread_yield();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    REQUIRE(entered == 0);
    REQUIRE(lamina_atomic_load_u32_relaxed(&mutex.state) == 2); // somebody gave up spinning
    lamina_mutex_unlock(&mutex);
    helper.join();
    REQUIRE(entered == 6);
    REQUIRE(mutex.state == 0);
    lamina_mutex_destroy(&mutex);
}

TEST_CASE("trying a lock never waits, and locking leaves errno alone", "[thread]")
{
    lamina_mutex_t mutex = LAMINA_MUTEX_INIT;
    lamina_spinlock_t spin = LAMINA_SPINLOCK_INIT;
    errno = 77;
    REQUIRE(lamina_mutex_try_lock(&mutex));
    REQUIRE_FALSE(lamina_mutex_try_lock(&mutex));
    REQUIRE(lamina_spinlock_try_lock(&spin));
    REQUIRE_FALSE(lamina_spinlock_try_lock(&spin));
    lamina_mutex_unlock(&mutex);
    lamina_spinlock_unlock(&spin);
    REQUIRE(lamina_mutex_try_lock(&mutex));
    lamina_thread_wait_(&mutex.state, 9); // EAGAIN inside
    lamina_thread_wake_(&mutex.state);
    lamina_mutex_unlock(&mutex);
    REQUIRE(errno == 77);
}

TEST_CASE("a spinlock excludes, with more threads than processors too", "[thread]")
{
    lamina_spinlock_t lock;
    lamina_spinlock_init(&lock);
    constexpr unsigned count = 6;
    constexpr size_t each = 5000;
    size_t plain = 0;
    on_threads(count, [&](unsigned) {
        for (size_t n = 0; n < each; n++) {
            lamina_spinlock_lock(&lock);
            plain++;
            if (n % 1000 == 0) {
                lamina_thread_yield(); // scheduled away while holding it
            }
            lamina_spinlock_unlock(&lock);
        }
    });
    REQUIRE(plain == count * each);
    REQUIRE(lock.held == 0);
}
