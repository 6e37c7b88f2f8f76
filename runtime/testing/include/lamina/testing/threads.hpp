// threads.hpp: stress where the spec lets several threads in. Runs in a child, so that a deadlock becomes a finding,
// and is meant to be run under ThreadSanitizer as well: whatever order the allocator promises between a free and the
// next allocation of the same memory is relied on here.
#ifndef LAMINA_TESTING_THREADS_HPP
#define LAMINA_TESTING_THREADS_HPP

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "lamina/testing/checks.hpp"
#include "lamina/testing/death.hpp"

namespace lamina {
namespace testing {

namespace detail {

constexpr unsigned stress_threads = 4;

// Where threads leave blocks for each other.
struct Mailbox {
    std::array<std::atomic<void *>, 16> slots{};
};

inline std::size_t stress_size(const lamina_subject &subject) { return subject.payload != 0 ? subject.payload : 48; }
inline std::size_t stress_bytes(const lamina_subject &subject) {
    return std::min<std::size_t>(stress_size(subject), 256);
}

// A block in flight carries a pattern made from its own address.
inline void stamp(const lamina_subject &subject, void *ptr) {
    fill_pattern(static_cast<unsigned char *>(ptr), 0, stress_bytes(subject), address_of(ptr));
}
inline bool stamped(const lamina_subject &subject, const void *ptr) {
    const std::size_t bytes = stress_bytes(subject);
    return pattern_breaks(static_cast<const unsigned char *>(ptr), 0, bytes, address_of(ptr)) == bytes;
}

// All that was promised can be had again, by this thread.
inline void expect_all_back(Findings &findings, Instance &instance, const char *when) {
    const lamina_subject &subject = instance.subject();
    const std::size_t promised = instance.capacity();
    const bool counted = promised != 0 && subject.payload != 0;
    const std::size_t wanted = counted ? promised - std::min(promised, subject.held) : 1;
    std::vector<void *> blocks;
    blocks.reserve(wanted);
    while (blocks.size() < wanted) { // an owner may collect what others freed only when it needs it
        void *const ptr = instance.alloc();
        if (!expect(findings, ptr != nullptr, when, ": only ", blocks.size(), " of ", promised,
                    " objects are to be had again")) {
            break;
        }
        blocks.push_back(ptr);
    }
    for (void *const ptr : blocks) {
        instance.free(ptr);
    }
    if (counted) {
        expect_empty(findings, instance, when);
    } else {
        instance.check(findings, when);
    }
}

inline Findings stress_any(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    instance.stop_keeping_books();
    if (!started(findings, instance)) {
        return findings;
    }
    const std::size_t rounds = std::max<std::size_t>(12000 / slowdown(), 500);
    const std::size_t size = stress_size(subject);
    Mailbox mailbox;
    std::atomic<unsigned> ready{0};
    std::atomic<std::size_t> damaged{0}, handed_out{0};
    std::vector<std::vector<void *>> kept(stress_threads); // where there is no free
    const auto work = [&](unsigned number) {
        Random random(number + 1);
        ready.fetch_add(1);
        while (ready.load() < stress_threads) {
            std::this_thread::yield();
        }
        for (std::size_t i = 0; i < rounds; ++i) {
            void *ptr = instance.alloc(size, subject.align);
            if (ptr != nullptr) {
                handed_out.fetch_add(1, std::memory_order_relaxed);
                stamp(subject, ptr);
            }
            if (subject.free == nullptr) {
                if (ptr != nullptr) {
                    kept[number].push_back(ptr);
                }
                continue;
            }
            if (random.chance(80)) { // leave it for another, take what another left
                ptr = mailbox.slots[random.below(mailbox.slots.size())].exchange(ptr, std::memory_order_acq_rel);
            }
            if (ptr != nullptr) {
                damaged.fetch_add(stamped(subject, ptr) ? 0 : 1, std::memory_order_relaxed);
                instance.free(ptr);
            }
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < stress_threads; ++i) {
        threads.emplace_back(work, i);
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (std::atomic<void *> &slot : mailbox.slots) {
        if (void *const ptr = slot.exchange(nullptr)) {
            damaged.fetch_add(stamped(subject, ptr) ? 0 : 1);
            instance.free(ptr);
        }
    }
    std::vector<void *> all;
    for (const std::vector<void *> &part : kept) {
        for (void *const ptr : part) {
            damaged.fetch_add(stamped(subject, ptr) ? 0 : 1);
            all.push_back(ptr);
        }
    }
    std::sort(all.begin(), all.end());
    for (std::size_t i = 1; i < all.size(); ++i) {
        expect(findings, address_of(all[i]) - address_of(all[i - 1]) >= size, "two threads got overlapping blocks");
    }
    expect(findings, handed_out.load() != 0, "no thread got a block");
    expect(findings, damaged.load() == 0, damaged.load(), " blocks lost their content between two threads");
    instance.check(findings, "after the stress");
    if (subject.stats != nullptr) {
        const lamina_subject_stats stats = instance.stats();
        expect(findings, stats.allocs == handed_out.load(), "stats.allocs is ", stats.allocs, " where ",
               handed_out.load(), " were seen");
    }
    if (subject.free != nullptr) {
        expect_all_back(findings, instance, "after the stress");
    }
    return findings;
}

// A queue from the owner to one other thread; what is in it is out of the allocator.
class Lane {
  public:
    bool push(void *ptr) {
        const std::size_t head = head_.load(std::memory_order_relaxed);
        if (head - tail_.load(std::memory_order_acquire) == slots_.size()) {
            return false;
        }
        slots_[head % slots_.size()] = ptr;
        head_.store(head + 1, std::memory_order_release);
        return true;
    }
    void *pop() {
        const std::size_t tail = tail_.load(std::memory_order_relaxed);
        if (tail == head_.load(std::memory_order_acquire)) {
            return nullptr;
        }
        void *const ptr = slots_[tail % slots_.size()];
        tail_.store(tail + 1, std::memory_order_release);
        return ptr;
    }

  private:
    std::array<void *, 64> slots_{};
    std::atomic<std::size_t> head_{0}, tail_{0};
};

inline Findings stress_remote(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject); // this thread is the owner
    instance.stop_keeping_books();
    if (!started(findings, instance)) {
        return findings;
    }
    constexpr unsigned helpers = 3;
    const std::size_t rounds = std::max<std::size_t>(30000 / slowdown(), 1000);
    std::vector<std::unique_ptr<Lane>> lanes;
    std::atomic<bool> over{false};
    std::atomic<std::size_t> damaged{0}, freed{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < helpers; ++i) {
        lanes.push_back(std::make_unique<Lane>());
        threads.emplace_back([&, lane = lanes.back().get()] {
            for (;;) {
                const bool last = over.load(std::memory_order_acquire);
                bool any = false;
                while (void *const ptr = lane->pop()) {
                    any = true;
                    damaged.fetch_add(stamped(subject, ptr) ? 0 : 1, std::memory_order_relaxed);
                    instance.free(ptr);
                    freed.fetch_add(1, std::memory_order_relaxed);
                }
                if (last && !any) {
                    break;
                }
                std::this_thread::yield();
            }
        });
    }
    Random random(11);
    std::size_t handed_over = 0, dry = 0;
    const auto patience = std::chrono::seconds(2) * slowdown();
    auto last_progress = std::chrono::steady_clock::now();
    for (std::size_t i = 0; i < rounds; ++i) {
        void *const ptr = instance.alloc(stress_size(subject), subject.align);
        if (ptr == nullptr) { // everything is under way to or back from the helpers
            ++dry;
            if (!expect(findings, std::chrono::steady_clock::now() - last_progress < patience,
                        "the owner got nothing for seconds, with ", handed_over - freed.load(), " blocks under way")) {
                break;
            }
            std::this_thread::yield();
            continue;
        }
        last_progress = std::chrono::steady_clock::now();
        stamp(subject, ptr);
        if (random.chance(15) || !lanes[random.below(helpers)]->push(ptr)) {
            damaged.fetch_add(stamped(subject, ptr) ? 0 : 1, std::memory_order_relaxed);
            instance.free(ptr);
        } else {
            ++handed_over;
        }
    }
    over.store(true, std::memory_order_release);
    for (std::thread &thread : threads) {
        thread.join();
    }
    expect(findings, handed_over > helpers, "only ", handed_over, " blocks went to other threads, ", dry,
           " requests dry");
    expect(findings, freed.load() == handed_over, freed.load(), " remote frees of ", handed_over);
    expect(findings, damaged.load() == 0, damaged.load(), " blocks lost their content between two threads");
    expect_all_back(findings, instance, "after the remote frees");
    return findings;
}

// The owner does nothing while others free all it had: none of them waits for it, and then it gets everything back.
inline Findings stall(const lamina_subject &subject) {
    Findings findings;
    Instance instance(subject);
    instance.stop_keeping_books();
    if (!started(findings, instance)) {
        return findings;
    }
    constexpr unsigned helpers = 3;
    const std::size_t most = instance.capacity() != 0 && subject.payload != 0
                                 ? std::min<std::size_t>(instance.capacity(), 20000)
                                 : std::size_t{2000};
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<void *> blocks;
        while (blocks.size() < most) {
            void *const ptr = instance.alloc(stress_size(subject), subject.align);
            if (ptr == nullptr) {
                break;
            }
            stamp(subject, ptr);
            blocks.push_back(ptr);
        }
        const bool first = round == 0;
        expect(findings, blocks.size() == most || subject.held != 0 || subject.payload == 0, "round ", round + 1,
               ": the owner got ", blocks.size(), " of ", most, " objects", first ? "" : " after remote frees");
        std::vector<std::thread> threads;
        std::atomic<unsigned> done{0};
        for (unsigned i = 0; i < helpers; ++i) {
            threads.emplace_back([&, i] {
                for (std::size_t at = i; at < blocks.size(); at += helpers) {
                    instance.free(blocks[at]);
                }
                done.fetch_add(1);
            });
        }
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2) * slowdown();
        while (done.load() < helpers && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::sleep_for(std::chrono::microseconds(200)); // the owner stalls
        }
        if (!expect(findings, done.load() == helpers, helpers - done.load(),
                    " threads hang in free while the owner does nothing")) {
            for (std::thread &thread : threads) {
                thread.detach(); // the child ends with them; a return would destroy what they use
            }
            detail::write_all(STDERR_FILENO, findings.text().data(), findings.text().size());
            ::_exit(71);
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }
    expect_all_back(findings, instance, "after the owner woke up");
    return findings;
}

} // namespace detail

namespace checks {

// Any thread allocates, any thread frees, blocks change hands.
inline Findings threads_any(const lamina_subject &subject) {
    if (!has_flag(subject, LAMINA_SUBJECT_THREADS_ANY)) {
        return detail::not_applicable("one thread at a time");
    }
    return guarded([&subject] { return detail::stress_any(subject); }, 4 * default_time_limit());
}

// One thread allocates, others free.
inline Findings threads_remote_free(const lamina_subject &subject) {
    if (!has_flag(subject, LAMINA_SUBJECT_THREADS_ANY | LAMINA_SUBJECT_THREADS_FREE) || subject.free == nullptr) {
        return detail::not_applicable("no frees from other threads");
    }
    return guarded([&subject] { return detail::stress_remote(subject); }, 4 * default_time_limit());
}

// A stalled owner blocks nobody and loses nothing.
inline Findings threads_stalled_owner(const lamina_subject &subject) {
    if (!has_flag(subject, LAMINA_SUBJECT_THREADS_ANY | LAMINA_SUBJECT_THREADS_FREE) || subject.free == nullptr) {
        return detail::not_applicable("no frees from other threads");
    }
    return guarded([&subject] { return detail::stall(subject); }, 4 * default_time_limit());
}

// A double or misaligned free from another thread is noticed, at the latest when the owner uses the store.
inline Findings threads_bad_frees(const lamina_subject &subject) {
    if (!has_flag(subject, LAMINA_SUBJECT_THREADS_ANY | LAMINA_SUBJECT_THREADS_FREE) || subject.free == nullptr ||
        !has_flag(subject, LAMINA_SUBJECT_DETECTS_DOUBLE_FREE) || has_flag(subject, LAMINA_SUBJECT_CALLBACK)) {
        return detail::not_applicable("no bad free from another thread is promised to be noticed");
    }
    const auto dies = [&subject](const char *name, const std::function<void(Instance &, void *)> &bad) {
        const Death death = death_of(
            [&] {
                Instance instance(subject);
                instance.stop_keeping_books();
                void *const block = detail::middle(detail::three_blocks(instance));
                const auto elsewhere = [&](void *ptr) { std::thread([&] { bad(instance, ptr); }).join(); };
                elsewhere(block);
                for (unsigned i = 0; i < 5000 && instance.alloc() != nullptr; ++i) {
                }
            },
            2.0 * slowdown());
        Findings found;
        found.add_all(corruption_findings(death, std::string("lamina: ") + subject.stack + ":", "", ""), name);
        return found;
    };
    Findings findings;
    findings.add_all(dies("a block freed twice by another thread", [](Instance &instance, void *ptr) {
        instance.free(ptr);
        instance.free(ptr);
    }));
    if (detail::bytes_apart(subject)) {
        findings.add_all(dies("a misaligned block freed by another thread",
                              [](Instance &instance, void *ptr) { instance.free(detail::beside(ptr, 1)); }));
    }
    return findings;
}

// A stack for one thread notices another one; debug builds only.
inline Findings wrong_thread(const lamina_subject &subject, const std::string &layer,
                             const std::string &what = std::string()) {
    Findings findings;
    const auto notices = [&](const char *name, const std::function<void(Instance &, void *)> &action) {
        const Death death = death_of([&] {
            Instance instance(subject);
            instance.stop_keeping_books();
            void *const ptr = instance.alloc();
            std::thread([&] { action(instance, ptr); }).join();
        });
        findings.add_all(corruption_findings(death, "", layer, what), name);
    };
    notices("alloc by another thread", [](Instance &instance, void *) { (void)instance.alloc(); });
    if (subject.free != nullptr) {
        notices("free by another thread", [](Instance &instance, void *ptr) { instance.free(ptr); });
    }
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_THREADS_HPP
