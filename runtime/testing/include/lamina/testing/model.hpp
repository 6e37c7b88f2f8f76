// model.hpp: the simplest allocator that keeps the subject's promises, as far as they determine anything: whether a
// request must succeed, which freed object comes next, where a bump allocator's next block lies, what the counters say.
#ifndef LAMINA_TESTING_MODEL_HPP
#define LAMINA_TESTING_MODEL_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"

namespace lamina {
namespace testing {

enum class Verdict { must_succeed, must_fail, either };

// A count that the promises fix only between two bounds.
struct Range {
    std::size_t low = 0, high = 0;
    void certainly(std::size_t n = 1) {
        low += n;
        high += n;
    }
    void perhaps(std::size_t n = 1) { high += n; }
    bool holds(std::size_t value) const { return low <= value && value <= high; }
    std::string text() const {
        return low == high ? std::to_string(low) : std::to_string(low) + " to " + std::to_string(high);
    }
};

class Model {
  public:
    explicit Model(Instance &instance)
        : instance_(instance), subject_(instance.subject()), capacity_(instance.capacity()),
          bump_(has_flag(subject_, LAMINA_SUBJECT_BUMP) && subject_.memory != nullptr),
          min_align_(std::max<std::size_t>(subject_.min_align, 1)) {
        base_ = address_of(instance.memory().base);
        if (bump_ && capacity_ == 0) {
            capacity_ = instance.memory().bytes;
        }
        cursors_.assign(1, 0);
    }

    bool predicts_offsets() const { return bump_; }
    std::size_t live() const { return live_; }

    // ---- allocation ----

    static bool power_of_two(std::size_t n) { return n != 0 && (n & (n - 1)) == 0; }

    Verdict verdict(std::size_t size, std::size_t align) const {
        if (instance_.sized() && (size == 0 || !power_of_two(align) || size > SIZE_MAX / 2)) {
            return Verdict::must_fail;
        }
        if (has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED)) {
            return Verdict::must_succeed;
        }
        if (bump_) {
            return bump_verdict(size, align);
        }
        if (instance_.sized() || capacity_ == 0) {
            return Verdict::either;
        }
        const std::size_t free_slots = capacity_ > live_ ? capacity_ - live_ : 0;
        const std::size_t held = std::min(subject_.held, freed_since_fresh_);
        return free_slots == 0 ? Verdict::must_fail : free_slots > held ? Verdict::must_succeed : Verdict::either;
    }

    // Compares an answer with what was promised; call it with the verdict taken before the request.
    bool allocated(Findings &findings, Verdict verdict, void *ptr, std::size_t size, std::size_t align) {
        if (ptr == nullptr) {
            failures_.certainly();
            return expect(findings, verdict != Verdict::must_succeed, "a request for ", size, " bytes aligned to ",
                          align, " was refused with ", live_, " blocks out, ", promised());
        }
        if (!expect(findings, verdict != Verdict::must_fail, "a request for ", size, " bytes aligned to ", align,
                    " succeeded with ", live_, " blocks out, ", promised())) {
            return false;
        }
        const bool good = bump_ ? bump_allocated(findings, ptr, size, align) : order_allocated(findings, ptr);
        allocs_.certainly();
        ++live_;
        peak_ = std::max(peak_, live_);
        return good;
    }

    void freed(void *ptr) {
        frees_.certainly();
        --live_;
        ++freed_since_fresh_;
        if (orders_ && predictable(ptr)) {
            freed_.push_back(address_of(ptr));
        }
    }

    // A request with an argument that no allocator can satisfy. Whether it counts as a failure isn't promised.
    void refused() { failures_.perhaps(); }

    // ---- resizing ----

    Verdict resize_verdict(const void *ptr, std::size_t old_size, std::size_t new_size) const {
        if (new_size > SIZE_MAX / 2) {
            return Verdict::must_fail;
        }
        if (!bump_) {
            return Verdict::either;
        }
        const std::size_t offset = address_of(ptr) - base_;
        if (new_size <= old_size || up(new_size, min_align_) <= up(old_size, min_align_)) {
            return Verdict::either; // shrinking in place is always possible, but nobody promised it
        }
        if (!is_last(offset, old_size)) {
            return Verdict::must_fail;
        }
        if (offset + up(new_size, min_align_) <= capacity_) {
            return last_is_known_ ? Verdict::must_succeed : Verdict::either;
        }
        return offset + new_size > capacity_ ? Verdict::must_fail : Verdict::either;
    }

    void resized(const void *ptr, std::size_t old_size, std::size_t new_size) {
        if (!bump_) {
            return;
        }
        const std::size_t offset = address_of(ptr) - base_;
        if (is_last(offset, old_size)) {
            if (new_size >= old_size) {
                cursors_.assign(1, offset + new_size);
            } else {
                cursors_.push_back(offset + new_size); // the cursor may retreat, or stay
            }
        }
    }

    // realloc answered with a block. Which counters a move touches, beyond the sum being right, isn't promised.
    void reallocated(Findings &findings, const void *old, std::size_t old_size, void *ptr, std::size_t size,
                     std::size_t align) {
        allocs_.perhaps();
        frees_.perhaps();
        failures_.perhaps(); // the attempt in place
        peak_slack_ = true;  // a move has two blocks out for a moment
        if (ptr == old) {
            resized(old, old_size, size);
        } else if (bump_) {
            bump_allocated(findings, ptr, size, align);
            live_is_known_ = false; // the old block is dead, but a bump doesn't take it back
            peak_is_known_ = false;
        } else {
            ++freed_since_fresh_;
        }
    }
    void realloc_failed() { failures_.perhaps(2); }

    // ---- all at once ----

    std::size_t cursor_now() const { return cursors_.back(); }

    void reset() {
        cursors_.assign(1, 0);
        freed_.clear();
        frees_.perhaps(live_);
        live_ = 0;
        freed_since_fresh_ = 0;
        live_is_known_ = true;
        last_is_known_ = true;
    }
    // Back to the cursors as they were, with `still_live` blocks left.
    void rewound(const std::vector<std::size_t> &cursors, std::size_t still_live) {
        cursors_ = cursors;
        frees_.perhaps(live_ - still_live);
        live_ = still_live;
        live_is_known_ = false;
        peak_is_known_ = false;
        last_is_known_ = false;
    }
    const std::vector<std::size_t> &cursors() const { return cursors_; }

    void released() {
        if (!has_flag(subject_, LAMINA_SUBJECT_ADDRESS)) {
            freed_.clear(); // memory went back: in which order the rest is reused isn't promised
        }
    }

    // ---- what the subject says about itself ----

    bool agrees(Findings &findings) {
        bool good = true;
        if (subject_.in_use != nullptr) {
            good = in_use_agrees(findings, subject_.in_use(instance_.self())) && good;
        }
        if (subject_.capacity_now != nullptr && capacity_ != 0) {
            const std::size_t now = subject_.capacity_now(instance_.self());
            good = expect(findings, now <= capacity_, "capacity is ", now, " where ", capacity_, " were promised") &&
                   good;
            good = expect(findings, instance_.sized() || now >= live_, "capacity is ", now, " with ", live_,
                          " objects out") &&
                   good;
        }
        if (subject_.stats != nullptr) {
            good = stats_agree(findings, instance_.stats()) && good;
        }
        return good;
    }

  private:
    static std::size_t up(std::size_t n, std::size_t align) { return (n + align - 1) / align * align; }

    std::string promised() const { return capacity_ == 0 ? "no bound promised" : say("capacity ", capacity_); }

    // ---- bump arithmetic; offsets are from the base of the memory ----

    std::size_t start_after(std::size_t cursor, std::size_t align) const {
        const std::uintptr_t wanted = std::max(align, min_align_);
        return static_cast<std::size_t>((base_ + cursor + wanted - 1) / wanted * wanted - base_);
    }

    Verdict bump_verdict(std::size_t size, std::size_t align) const {
        bool may_succeed = false;
        bool may_fail = false;
        for (const std::size_t cursor : cursors_) {
            const std::size_t start = start_after(cursor, align);
            may_succeed = may_succeed || (start <= capacity_ && size <= capacity_ - start);
            may_fail = may_fail || start > capacity_ || up(size, min_align_) > capacity_ - start;
        }
        return !may_succeed ? Verdict::must_fail : !may_fail ? Verdict::must_succeed : Verdict::either;
    }

    bool bump_allocated(Findings &findings, void *ptr, std::size_t size, std::size_t align) {
        const std::size_t offset = address_of(ptr) - base_;
        bool predicted = false;
        for (const std::size_t cursor : cursors_) {
            predicted = predicted || offset == start_after(cursor, align);
        }
        const std::size_t wanted = start_after(cursors_.back(), align);
        cursors_.assign(1, offset + size);
        last_is_known_ = true;
        return expect(findings, predicted, "the block lies at offset ", offset, ", but the cursor was at ", wanted,
                      " once aligned to ", std::max(align, min_align_));
    }

    bool is_last(std::size_t offset, std::size_t size) const {
        const std::size_t end = offset + size;
        for (const std::size_t cursor : cursors_) {
            if (cursor == end || up(cursor, min_align_) == up(end, min_align_)) {
                return true;
            }
        }
        return false;
    }

    bool in_use_agrees(Findings &findings, std::size_t in_use) {
        if (bump_) {
            for (const std::size_t cursor : cursors_) {
                if (in_use == cursor || in_use == up(cursor, min_align_)) {
                    const std::size_t known = cursor;
                    cursors_.assign(1, known);
                    return true;
                }
            }
            findings.add(say("in_use is ", in_use, " with the cursor at ", cursors_.back()));
            return false;
        }
        if (instance_.sized()) {
            return expect(findings, live_ != 0 || !live_is_known_ || in_use == 0, "in_use is ", in_use,
                          " with no block out");
        }
        // Objects in quarantine belong to nobody: whether they count as in use isn't promised.
        const std::size_t held = std::min(subject_.held, freed_since_fresh_);
        return expect(findings, live_ <= in_use && in_use <= live_ + held, "in_use is ", in_use, " with ", live_,
                      " objects out");
    }

    bool stats_agree(Findings &findings, const lamina_subject_stats &stats) const {
        const auto counted = [&findings](const char *name, std::size_t is, const Range &promise) {
            return expect(findings, promise.holds(is), "stats.", name, " is ", is, " where ", promise.text(),
                          " were seen");
        };
        bool good = counted("allocs", stats.allocs, allocs_);
        const bool live_counted = counts(subject_, LAMINA_SUBJECT_LACKS_LIVE);
        good = (!live_counted || counted("frees", stats.frees, frees_)) && good;
        good = counted("failures", stats.failures, failures_) && good;
        if (live_is_known_ && live_counted) {
            good = counted("live", stats.live, {live_, live_}) && good;
            if (counts(subject_, LAMINA_SUBJECT_LACKS_PEAK)) {
                good = counted("peak", stats.peak,
                               {peak_, peak_is_known_ ? peak_ + (peak_slack_ ? 1U : 0U) : SIZE_MAX}) &&
                       good;
            }
            if (!instance_.sized() && counts(subject_, LAMINA_SUBJECT_LACKS_BYTES)) {
                good = counted("bytes", stats.bytes, {live_ * subject_.payload, live_ * subject_.payload}) && good;
            }
            if (!instance_.sized() && counts(subject_, LAMINA_SUBJECT_LACKS_PEAK_BYTES)) {
                good = counted("peak_bytes", stats.peak_bytes, {peak_ * subject_.payload, peak_ * subject_.payload}) &&
                       good;
            }
        }
        good = expect(findings, !counts(subject_, LAMINA_SUBJECT_LACKS_PEAK_BYTES) || stats.peak_bytes >= stats.bytes,
                      "stats.peak_bytes is ", stats.peak_bytes, ", below stats.bytes ", stats.bytes) &&
               good;
        return good;
    }

    // ---- in which order freed objects come back ----

    bool predictable(const void *ptr) {
        return !has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) || instance_.in_memory(ptr);
    }

    bool order_allocated(Findings &findings, void *ptr) {
        const auto found = std::find(freed_.begin(), freed_.end(), address_of(ptr));
        if (!orders_ || freed_.empty() || !predictable(ptr)) {
            return true;
        }
        const bool recycled = found != freed_.end();
        bool good = true;
        if (has_flag(subject_, LAMINA_SUBJECT_LIFO)) {
            good = expect(findings, recycled && found + 1 == freed_.end(), "LIFO order: the block is ", ptr,
                          where(found), ", but the one freed last is ", reinterpret_cast<void *>(freed_.back()));
        } else if (has_flag(subject_, LAMINA_SUBJECT_FIFO)) {
            good = expect(findings, !recycled || found == freed_.begin(), "FIFO order: the block is ", ptr,
                          where(found), ", but the one freed first is ", reinterpret_cast<void *>(freed_.front()));
        } else if (has_flag(subject_, LAMINA_SUBJECT_ADDRESS)) {
            const std::uintptr_t lowest = *std::min_element(freed_.begin(), freed_.end());
            good = expect(findings, address_of(ptr) <= lowest, "address order: the block is ", ptr,
                          ", but the lowest free one is ", reinterpret_cast<void *>(lowest));
        }
        if (recycled) {
            freed_.erase(found);
        }
        return good;
    }
    std::string where(std::vector<std::uintptr_t>::iterator found) {
        return found == freed_.end() ? " (a fresh one)" : say(" (freed ", freed_.end() - found, " frees ago)");
    }

    Instance &instance_;
    const lamina_subject &subject_;
    std::size_t capacity_;
    bool bump_;
    std::size_t min_align_;
    std::uintptr_t base_ = 0;
    std::vector<std::size_t> cursors_; // where the cursor may be; more than one after a block shrank in place
    bool last_is_known_ = true;        // after a rewind, the allocator may have forgotten which block is the last

    // A quarantine delays reuse, so that nothing is predicted; the shape of its delay is the layer's own case.
    bool orders_ = subject_.payload != 0 && subject_.held == 0;
    std::vector<std::uintptr_t> freed_;
    std::size_t freed_since_fresh_ = 0;

    std::size_t live_ = 0, peak_ = 0;
    bool live_is_known_ = true; // a rewind takes blocks back without a count
    bool peak_is_known_ = true;
    bool peak_slack_ = false;
    Range allocs_, frees_, failures_;
};

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_MODEL_HPP
