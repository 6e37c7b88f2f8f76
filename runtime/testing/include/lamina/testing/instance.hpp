// instance.hpp: a subject brought to life, owned, and watched at its edges.
#ifndef LAMINA_TESTING_INSTANCE_HPP
#define LAMINA_TESTING_INSTANCE_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "lamina/testing/environment.hpp"
#include "lamina/testing/findings.hpp"
#include "lamina/testing/subject.h"

namespace lamina {
namespace testing {

inline std::uintptr_t address_of(const void *ptr) { return reinterpret_cast<std::uintptr_t>(ptr); }
inline bool has_flag(const lamina_subject &subject, unsigned flag) { return (subject.flags & flag) != 0; }
inline bool counts(const lamina_subject &subject, unsigned lack) { return (subject.stats_lack & lack) == 0; }
inline std::string name_of(const lamina_subject &subject) {
    return std::string(subject.stack) + " (" + subject.form + ")";
}

// Memory at an exact alignment (aligned to `align` but to nothing more, so that nobody can live off luck), between two
// strips of guard bytes.
class GuardedMemory {
  public:
    GuardedMemory() = default;
    GuardedMemory(std::size_t bytes, std::size_t align)
        : bytes_(bytes), storage_(bytes + 2 * apart_for(align) + 2 * strip) {
        const std::uintptr_t lowest = address_of(storage_.data()) + strip;
        const std::uintptr_t apart = apart_for(align);
        const std::uintptr_t start = (lowest + apart - 1) / apart * apart + align;
        start_ = storage_.data() + (start - address_of(storage_.data()));
        std::memset(start_, junk, bytes_); // nobody can count on zeros either
        std::memset(start_ - strip, guard, strip);
        std::memset(start_ + bytes_, guard, strip);
    }

    GuardedMemory(GuardedMemory &&) = default;
    GuardedMemory &operator=(GuardedMemory &&) = default;
    GuardedMemory(const GuardedMemory &) = delete;
    GuardedMemory &operator=(const GuardedMemory &) = delete;

    unsigned char *data() { return start_; }
    std::size_t size() const { return bytes_; }
    bool guards_intact() const {
        for (std::size_t i = 0; i < strip && start_ != nullptr; ++i) {
            if (start_[i + bytes_] != guard || *(start_ - 1 - i) != guard) {
                return false;
            }
        }
        return true;
    }

  private:
    static constexpr std::size_t strip = 64;
    // Every instance lies alike, up to the largest alignment that a test asks for: its padding is the same in each.
    static std::size_t apart_for(std::size_t align) { return std::max<std::size_t>(2 * align, 8192); }
    static constexpr unsigned char guard = 0xC7;
    static constexpr unsigned char junk = 0xA5;
    std::size_t bytes_ = 0;
    std::vector<unsigned char> storage_;
    unsigned char *start_ = nullptr;
};

// What an observer can see of an allocator; equal before and after a refused request.
struct State {
    bool has_in_use = false, has_capacity = false, has_mark = false, has_memory = false, has_stats = false;
    std::size_t in_use = 0, capacity = 0, mark = 0, committed = 0;
    lamina_subject_stats stats = {};
};

class Instance {
  public:
    // Starts at once. `wanted`: for a caller's buffer, how many objects (or bytes) it is to hold; 0 takes the capacity.
    explicit Instance(const lamina_subject &subject, std::size_t wanted = 0)
        : Instance(subject, wanted, not_started()) {
        (void)start();
    }

    struct not_started {};
    Instance(const lamina_subject &subject, std::size_t wanted, not_started)
        : subject_(subject),
          handle_(std::max<std::size_t>(subject.handle_bytes, 1), std::max<std::size_t>(subject.handle_align, 1)) {
        if (has_flag(subject_, LAMINA_SUBJECT_CALLER_BUFFER)) {
            const std::size_t without_promise = subject_.payload != 0 ? 16 : 4096;
            capacity_ = wanted != 0 ? wanted : subject_.capacity != 0 ? subject_.capacity : without_promise;
            buffer_ = GuardedMemory(subject_.bytes_for(capacity_), buffer_align(subject_));
        } else {
            capacity_ = subject_.capacity;
        }
    }

    Instance(const Instance &) = delete;
    Instance &operator=(const Instance &) = delete;
    ~Instance() { destroy(); }

    static std::size_t buffer_align(const lamina_subject &subject) {
        return subject.buffer_align != 0 ? subject.buffer_align : subject.align;
    }

    lamina_status start() {
        status_ = has_flag(subject_, LAMINA_SUBJECT_CALLER_BUFFER)
                      ? subject_.init_with(self(), buffer_.data(), buffer_.size())
                      : subject_.init(self());
        alive_ = status_ == LAMINA_OK;
        return status_;
    }
    void destroy() {
        // What another allocator gave outlives this one: it is ours to give back.
        while (alive_ && !lent_.empty()) {
            void *const ptr = *lent_.begin();
            lent_.erase(lent_.begin());
            if (!in_memory(ptr)) {
                subject_.free(self(), ptr);
            }
        }
        if (alive_ && subject_.destroy != nullptr) {
            subject_.destroy(self());
        }
        alive_ = false;
    }

    bool alive() const { return alive_; }
    lamina_status status() const { return status_; }
    void *self() { return handle_.data(); }
    const lamina_subject &subject() const { return subject_; }
    // Objects, or bytes for sized stores, that this instance promises; 0 where it is unbounded or doesn't say.
    std::size_t capacity() const { return has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) ? 0 : capacity_; }
    bool sized() const { return subject_.payload == 0; }
    GuardedMemory &buffer() { return buffer_; }

    // The operations, with the object's own size and alignment where the store has only one.
    void *alloc() { return alloc(usual_size(), subject_.align); }
    std::size_t usual_size() const {
        const std::size_t of_sized = capacity() != 0 ? std::min<std::size_t>(16, capacity()) : 16;
        return subject_.payload != 0 ? subject_.payload : of_sized;
    }
    void *alloc(std::size_t size, std::size_t align) { return lend(subject_.alloc(self(), size, align)); }
    void *alloc_zeroed(std::size_t size, std::size_t align) { return lend(subject_.alloc_zeroed(self(), size, align)); }
    void free(void *ptr) {
        give_back(ptr);
        subject_.free(self(), ptr);
    }
    void free_sized(void *ptr, std::size_t size) {
        give_back(ptr);
        subject_.free_sized(self(), ptr, size);
    }
    void *realloc(void *ptr, std::size_t old_size, std::size_t new_size, std::size_t align) {
        void *const out = subject_.realloc(self(), ptr, old_size, new_size, align);
        if (out != nullptr) {
            give_back(ptr);
        }
        return lend(out);
    }
    void reset() {
        lent_.clear();
        subject_.reset(self());
    }
    // For several threads, and for blocks that were freed behind our back.
    void stop_keeping_books() {
        books_ = false;
        lent_.clear();
    }
    bool can_free() const { return subject_.free != nullptr; }

    lamina_subject_memory memory() {
        const lamina_subject_memory none = {nullptr, 0, 0};
        return subject_.memory != nullptr ? subject_.memory(self()) : none;
    }
    bool in_memory(const void *ptr) {
        const lamina_subject_memory range = memory();
        return range.base != nullptr && address_of(ptr) >= address_of(range.base) &&
               address_of(ptr) - address_of(range.base) < range.bytes;
    }

    lamina_subject_stats stats() {
        lamina_subject_stats out = {};
        if (subject_.stats != nullptr) {
            subject_.stats(self(), &out);
        }
        return out;
    }

    // All invariants, and the edges of the memory that we lent.
    bool check(Findings &findings, const std::string &when) {
        bool holds = true;
        if (alive_ && subject_.check != nullptr) {
            lamina_corruption first = {};
            holds = subject_.check(self(), &first);
            expect(findings, holds, when, ": check() reports ", describe(first));
        }
        holds = expect(findings, buffer_.guards_intact(), when, ": bytes outside the caller's buffer were written") &&
                holds;
        return expect(findings, handle_.guards_intact(), when, ": bytes outside the handle were written") && holds;
    }

    State state() {
        State out;
        if ((out.has_in_use = subject_.in_use != nullptr)) {
            out.in_use = subject_.in_use(self());
        }
        if ((out.has_capacity = subject_.capacity_now != nullptr)) {
            out.capacity = subject_.capacity_now(self());
        }
        if ((out.has_mark = subject_.mark != nullptr)) {
            out.mark = subject_.mark(self());
        }
        if ((out.has_memory = subject_.memory != nullptr)) {
            out.committed = subject_.memory(self()).committed;
        }
        if ((out.has_stats = subject_.stats != nullptr)) {
            out.stats = stats();
        }
        return out;
    }

    static std::string describe(const lamina_corruption &corruption) {
        if (corruption.stack == nullptr || corruption.layer == nullptr || corruption.what == nullptr) {
            return "a corruption that it doesn't describe";
        }
        char line[LAMINA_CORRUPTION_LINE_BYTES] = "";
        (void)lamina_corruption_line(line, sizeof line, &corruption);
        return std::string(line, std::strcspn(line, "\n"));
    }

  private:
    void *lend(void *ptr) {
        if (books_ && ptr != nullptr) {
            lent_.insert(ptr);
        }
        return ptr;
    }
    void give_back(void *ptr) {
        if (books_) {
            lent_.erase(ptr);
        }
    }

    const lamina_subject &subject_;
    GuardedMemory handle_;
    GuardedMemory buffer_;
    std::size_t capacity_ = 0;
    lamina_status status_ = LAMINA_OK;
    bool alive_ = false;
    // Blocks that are out, where some may come from another allocator; else it isn't worth the time.
    bool books_ = has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) && subject_.free != nullptr;
    std::set<void *> lent_;
};

// A request that is refused changes nothing but the count of failures.
inline bool expect_unchanged(Findings &findings, const State &before, const State &after, const std::string &what) {
    bool same = true;
    const auto compare = [&](const char *name, std::size_t was, std::size_t is) {
        same = expect(findings, was == is, what, " changed ", name, " from ", was, " to ", is) && same;
    };
    compare("in_use", before.in_use, after.in_use);
    compare("capacity", before.capacity, after.capacity);
    compare("the mark", before.mark, after.mark);
    compare("the committed bytes", before.committed, after.committed);
    compare("stats.allocs", before.stats.allocs, after.stats.allocs);
    compare("stats.frees", before.stats.frees, after.stats.frees);
    compare("stats.live", before.stats.live, after.stats.live);
    compare("stats.peak", before.stats.peak, after.stats.peak);
    compare("stats.bytes", before.stats.bytes, after.stats.bytes);
    compare("stats.peak_bytes", before.stats.peak_bytes, after.stats.peak_bytes);
    return same;
}

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_INSTANCE_HPP
