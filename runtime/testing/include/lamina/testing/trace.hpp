// trace.hpp: random traces of operations, run against a subject with its invariants, the shadow map and the model
// consulted after each step; a trace that fails is shrunk to the few steps that matter and printed so that it can be
// replayed.
//
//     LAMINA_TEST_SEED=17      run this seed only, instead of the usual few
//     LAMINA_TEST_STEPS=5000   steps of each trace
//     LAMINA_TEST_TRACE=file   run the trace that a failure printed
//     LAMINA_TEST_SHRINK=0     report the first failing trace as it is
#ifndef LAMINA_TESTING_TRACE_HPP
#define LAMINA_TESTING_TRACE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "lamina/testing/death.hpp"
#include "lamina/testing/findings.hpp"
#include "lamina/testing/instance.hpp"
#include "lamina/testing/model.hpp"
#include "lamina/testing/shadow.hpp"

namespace lamina {
namespace testing {

// ------------------------------------------------------- traces -----------------------------------------------------

enum class Op {
    alloc,
    alloc_zeroed,
    free,
    free_sized,
    resize,
    realloc,
    reset,
    mark,
    rewind,
    free_null,
    refused, // a request that must be refused: zero or huge size, bad alignment
    release,
    ballast, // `size` blocks that stay until the end
};

inline const char *op_name(Op op) {
    static const char *const names[] = {"alloc",   "alloc_zeroed", "free",   "free_sized", "resize",
                                        "realloc", "reset",        "mark",   "rewind",     "free_null",
                                        "refused", "release",      "ballast"};
    return names[static_cast<std::size_t>(op)];
}

// A step names the blocks and marks it means by the number of the step that made them. A step whose target isn't there
// (refused, freed, or shrunk away) does nothing: any subset of a trace is a trace.
struct Step {
    Op op = Op::alloc;
    unsigned id = 0;
    unsigned target = 0;
    std::size_t size = 0;
    std::size_t align = 1;

    std::string text() const { return say(id, " ", op_name(op), " target=", target, " size=", size, " align=", align); }
};

struct Trace {
    unsigned long long seed = 0;
    std::vector<Step> steps;

    std::string text() const {
        std::string out = say("seed ", seed, "\n");
        for (const Step &step : steps) {
            out += "  " + step.text() + "\n";
        }
        return out;
    }

    static Trace parse(std::istream &in) {
        Trace trace;
        std::string line;
        while (std::getline(in, line)) {
            std::istringstream words(line);
            std::string first, op;
            words >> first >> op;
            if (first == "seed") {
                trace.seed = std::strtoull(op.c_str(), nullptr, 0);
                continue;
            }
            Step step;
            step.id = static_cast<unsigned>(std::strtoul(first.c_str(), nullptr, 10));
            bool known = false;
            for (int candidate = 0; candidate <= static_cast<int>(Op::ballast); ++candidate) {
                if (op == op_name(static_cast<Op>(candidate))) {
                    step.op = static_cast<Op>(candidate);
                    known = true;
                }
            }
            for (std::string word; words >> word;) {
                const std::size_t equals = word.find('=');
                const unsigned long long value =
                    equals == std::string::npos ? 0 : std::strtoull(word.c_str() + equals + 1, nullptr, 0);
                const std::string key = word.substr(0, equals);
                if (key == "target") {
                    step.target = static_cast<unsigned>(value);
                } else if (key == "size") {
                    step.size = static_cast<std::size_t>(value);
                } else if (key == "align") {
                    step.align = static_cast<std::size_t>(value);
                }
            }
            if (known) {
                trace.steps.push_back(step);
            }
        }
        return trace;
    }
};

// ----------------------------------------------------- generation ---------------------------------------------------

// Steps of a trace by default.
inline std::size_t default_steps(const lamina_subject &) {
    return static_cast<std::size_t>(environment_number("LAMINA_TEST_STEPS", slowdown() == 1 ? 480 : 120));
}

class TraceGenerator {
  public:
    // `most_align`: the largest alignment asked of a sized store.
    TraceGenerator(const lamina_subject &subject, unsigned long long seed, std::size_t most_align = 4096)
        : subject_(subject), random_(seed), seed_(seed), most_align_(most_align) {}

    Trace generate(std::size_t steps) {
        Trace trace;
        trace.seed = seed_;
        if (subject_.payload != 0 && seed_ % 2 != 0) {
            trace.steps.push_back(ballast());
        }
        unsigned grow = 75;
        for (std::size_t i = 0; i < steps; ++i) {
            if (random_.below(40) == 0) {
                grow = grow > 50 ? 30 : 75;
            }
            trace.steps.push_back(next(grow));
        }
        return trace;
    }

  private:
    Step step(Op op, unsigned target = 0) {
        Step out;
        out.op = op;
        out.id = ++last_id_;
        out.target = target;
        return out;
    }

    // Most of the capacity is taken first, so that the rest of the trace plays at the edge.
    Step ballast() {
        Step out = step(Op::ballast);
        const bool small = subject_.capacity != 0 && subject_.capacity <= 8192;
        const std::size_t spare = random_.between(0, 12) + subject_.held;
        out.size = !small ? random_.below(600) : subject_.capacity > spare ? subject_.capacity - spare : 0;
        return out;
    }

    Step next(unsigned grow) {
        const bool freeing = subject_.free != nullptr;
        const unsigned special = static_cast<unsigned>(random_.below(100));
        if (special < 2 && subject_.reset != nullptr && random_.chance(40)) {
            live_.clear();
            marks_.clear();
            return step(Op::reset);
        }
        if (special < 5 && subject_.free != nullptr) {
            return step(Op::free_null);
        }
        if (special < 9 && subject_.payload == 0) {
            return refusal();
        }
        if (special < 11 && subject_.release_unused != nullptr) {
            return step(Op::release);
        }
        if (special < 17 && subject_.mark != nullptr) {
            const Step out = step(Op::mark);
            marks_.push_back(out.id);
            return out;
        }
        if (special < 22 && subject_.rewind != nullptr && !marks_.empty()) {
            const unsigned mark = marks_[random_.below(marks_.size())];
            while (!marks_.empty() && marks_.back() >= mark) {
                marks_.pop_back();
            }
            live_.erase(std::remove_if(live_.begin(), live_.end(), [mark](unsigned id) { return id > mark; }),
                        live_.end());
            return step(Op::rewind, mark);
        }
        if (special < 34 && subject_.payload == 0 && !live_.empty()) {
            if (subject_.resize != nullptr && (subject_.realloc == nullptr || random_.chance(50))) {
                return sized(step(Op::resize, pick(false)));
            }
            if (subject_.realloc != nullptr) {
                return sized(step(Op::realloc, pick(false)));
            }
        }
        if (freeing && !live_.empty() && !random_.chance(grow)) {
            const bool with_size = subject_.free_sized != nullptr && random_.chance(40);
            return step(with_size ? Op::free_sized : Op::free, pick(true));
        }
        const bool zeroed = subject_.alloc_zeroed != nullptr && random_.chance(25);
        const Step out = sized(step(zeroed ? Op::alloc_zeroed : Op::alloc));
        live_.push_back(out.id);
        return out;
    }

    // A live block, the newest ones preferred: they are last in a bump and first in a LIFO list.
    unsigned pick(bool take) {
        const std::size_t at = random_.chance(40) ? live_.size() - 1 : random_.below(live_.size());
        const unsigned id = live_[at];
        if (take) {
            live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(at));
        }
        return id;
    }

    Step sized(Step out) {
        if (subject_.payload != 0) {
            return out;
        }
        // Large enough to cross many pages; a sixth of a huge store would only be slow to fill and look at.
        const std::size_t most = std::size_t{1} << 18U;
        const std::size_t bound =
            subject_.capacity != 0 ? std::min(std::max<std::size_t>(subject_.capacity / 6, 1), most) : 4096;
        out.size = random_.chance(85) ? random_.between(1, std::min<std::size_t>(bound, 160))
                                      : random_.between(1, bound);
        std::size_t align = std::size_t{1} << random_.below(random_.chance(90) ? 7 : 13);
        out.align = std::min(align, most_align_);
        return out;
    }

    Step refusal() {
        static const std::size_t sizes[] = {0, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2 + 1};
        static const std::size_t aligns[] = {0, 3, 24, SIZE_MAX};
        Step out = step(Op::refused);
        const std::size_t kind = random_.below(8);
        out.size = kind < 4 ? sizes[kind] : 8;
        out.align = kind < 4 ? 8 : aligns[kind - 4];
        return out;
    }

    const lamina_subject &subject_;
    Random random_;
    unsigned long long seed_;
    std::size_t most_align_;
    unsigned last_id_ = 0;
    std::vector<unsigned> live_, marks_;
};

// -------------------------------------------------------- a run -----------------------------------------------------

// What a step showed, without any absolute address: two forms of a stack must show the same.
using Log = std::vector<std::string>;

class TraceRun {
  public:
    TraceRun(const lamina_subject &subject, Log *log = nullptr)
        : subject_(subject), instance_(subject), model_(instance_), log_(log) {}

    // Stops at the first step after which something isn't as promised.
    Findings run(const Trace &trace) {
        Findings findings;
        if (!expect(findings, instance_.alive(), "init failed with status ", static_cast<int>(instance_.status()))) {
            return findings;
        }
        check_stride_ = stride_for(trace.steps.size());
        for (const Step &step : trace.steps) {
            Findings found;
            said_.clear();
            do_step(found, step);
            look(found, step.id);
            if (!found.clean()) {
                findings.add_all(found, "after step " + step.text());
                return findings;
            }
            log_step(step);
        }
        Findings found;
        finish(found);
        findings.add_all(found, "at the end of the trace");
        return findings;
    }

  private:
    static constexpr unsigned ballast_id = 1U << 24U; // above every step's number

    struct Mark {
        std::size_t value;
        std::vector<std::size_t> cursors;
        unsigned id;
    };

    // Where check() walks much memory, it is called every few steps only: a trace has a third of a second in all.
    std::size_t stride_for(std::size_t steps) {
        using Clock = std::chrono::steady_clock;
        if (subject_.check == nullptr) {
            return 1;
        }
        lamina_corruption first = {};
        const Clock::time_point start = Clock::now();
        (void)subject_.check(instance_.self(), &first);
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        const double share = seconds * static_cast<double>(steps) / (0.3 * slowdown());
        return share <= 1.0 ? 1 : static_cast<std::size_t>(share) + 1;
    }

    void note(const std::string &what) {
        if (log_ != nullptr) {
            said_ += what;
        }
    }

    // An address relative to where the memory begins, or to the first block; never absolute.
    std::string relative(void *ptr) {
        if (ptr == nullptr) {
            return "NULL";
        }
        if (has_flag(subject_, LAMINA_SUBJECT_RANDOM)) {
            return "a block";
        }
        if (instance_.in_memory(ptr)) {
            return say("+", address_of(ptr) - address_of(instance_.memory().base));
        }
        if (has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED | LAMINA_SUBJECT_SCATTERED)) {
            return "a block elsewhere";
        }
        if (origin_ == nullptr) {
            origin_ = ptr;
        }
        return say("first", static_cast<std::ptrdiff_t>(address_of(ptr) - address_of(origin_)));
    }

    void *find(unsigned id) const {
        const auto found = by_id_.find(id);
        return found == by_id_.end() ? nullptr : found->second;
    }

    void do_step(Findings &findings, const Step &step) {
        switch (step.op) {
        case Op::alloc: take(findings, step.id, step.size, step.align, false); break;
        case Op::alloc_zeroed: take(findings, step.id, step.size, step.align, true); break;
        case Op::ballast:
            for (std::size_t i = 0; i < step.size; ++i) {
                take(findings, ballast_id + static_cast<unsigned>(i), step.size, step.align, false);
                if (!findings.clean()) {
                    return;
                }
            }
            break;
        case Op::free: give(findings, step.target, false); break;
        case Op::free_sized: give(findings, step.target, true); break;
        case Op::resize: resize(findings, step); break;
        case Op::realloc: reallocate(findings, step); break;
        case Op::reset: reset(); break;
        case Op::mark: {
            const std::size_t value = subject_.mark(instance_.self());
            marks_.push_back({value, model_.cursors(), step.id});
            note(say("mark ", value));
            break;
        }
        case Op::rewind: rewind(findings, step.target); break;
        case Op::free_null: instance_.free(nullptr); break;
        case Op::refused: refuse(findings, step); break;
        case Op::release:
            note(say("released ", subject_.release_unused(instance_.self())));
            model_.released();
            break;
        }
    }

    void take(Findings &findings, unsigned id, std::size_t size, std::size_t align, bool zeroed) {
        if (subject_.payload != 0) {
            size = subject_.payload;
            align = subject_.align;
        }
        const Verdict verdict = model_.verdict(size, align);
        void *const ptr = zeroed ? instance_.alloc_zeroed(size, align) : instance_.alloc(size, align);
        note(relative(ptr));
        bool good = model_.allocated(findings, verdict, ptr, size, align);
        if (ptr == nullptr) {
            return;
        }
        good = expect(findings, !zeroed || is_zero(static_cast<const unsigned char *>(ptr), size), "alloc_zeroed gave ",
                      size, " bytes that aren't all zero") &&
               good;
        if (shadow_.add(findings, ptr, size, std::max(align, subject_.align), id) && good) {
            by_id_[id] = ptr;
        }
    }

    void give(Findings &findings, unsigned id, bool with_size) {
        void *const ptr = find(id);
        if (ptr == nullptr) {
            return;
        }
        const std::size_t size = shadow_.find(ptr)->size;
        if (!shadow_.remove(findings, ptr)) {
            return;
        }
        by_id_.erase(id);
        if (with_size && subject_.free_sized != nullptr) {
            instance_.free_sized(ptr, size);
        } else {
            instance_.free(ptr);
        }
        model_.freed(ptr);
    }

    // A block that a mark protects keeps its size: to grow it over the mark would be the caller's mistake.
    bool above_marks(unsigned id) const { return marks_.empty() || id > marks_.back().id; }

    void resize(Findings &findings, const Step &step) {
        void *const ptr = find(step.target);
        if (ptr == nullptr || !above_marks(step.target)) {
            return;
        }
        const std::size_t old_size = shadow_.find(ptr)->size;
        const Verdict verdict = model_.resize_verdict(ptr, old_size, step.size);
        const bool done = subject_.resize(instance_.self(), ptr, old_size, step.size);
        note(done ? "resized" : "not resized");
        expect(findings, verdict != (done ? Verdict::must_fail : Verdict::must_succeed), "resize from ", old_size,
               " to ", step.size, " bytes in place ", done ? "succeeded" : "was refused");
        if (done) {
            model_.resized(ptr, old_size, step.size);
            shadow_.resized(findings, ptr, step.size);
        } else {
            model_.realloc_failed();
        }
    }

    void reallocate(Findings &findings, const Step &step) {
        void *const old = find(step.target);
        if (old == nullptr || !above_marks(step.target)) {
            return;
        }
        const Block block = *shadow_.find(old);
        const std::size_t align = std::max(step.align, subject_.align);
        const Verdict in_place = model_.resize_verdict(old, block.size, step.size);
        const Verdict moving = model_.verdict(step.size, align);
        void *const ptr = instance_.realloc(old, block.size, step.size, align);
        note(relative(ptr));
        if (ptr == nullptr) {
            model_.realloc_failed();
            const bool fits_where_it_is = in_place == Verdict::must_succeed && address_of(old) % align == 0;
            expect(findings, moving != Verdict::must_succeed && !fits_where_it_is, "realloc from ", block.size, " to ",
                   step.size, " bytes was refused, though there is room");
            shadow_.verify(findings, block);
            return;
        }
        const std::size_t shared = std::min(block.size, step.size);
        const std::size_t at = pattern_breaks(static_cast<const unsigned char *>(ptr), 0, shared, block.id);
        expect(findings, at == shared, "realloc from ", block.size, " to ", step.size, " bytes changed byte ", at);
        model_.reallocated(findings, old, block.size, ptr, step.size, align);
        shadow_.forget(old);
        if (shadow_.add(findings, ptr, step.size, align, block.id)) {
            by_id_[step.target] = ptr;
        } else {
            by_id_.erase(step.target);
        }
    }

    void reset() {
        instance_.reset();
        shadow_.clear();
        by_id_.clear();
        marks_.clear();
        model_.reset();
    }

    void rewind(Findings &findings, unsigned id) {
        const auto mark = std::find_if(marks_.begin(), marks_.end(), [id](const Mark &m) { return m.id == id; });
        if (mark == marks_.end()) {
            return;
        }
        const bool done = subject_.rewind(instance_.self(), mark->value);
        note(done ? "rewound" : "not rewound");
        if (!expect(findings, done, "rewind to a mark set at step ", id, " was refused")) {
            return;
        }
        // Ballast has the highest numbers but is the oldest.
        for (auto block = by_id_.begin(); block != by_id_.end();) {
            const bool gone = block->first > id && block->first < ballast_id;
            if (gone) {
                shadow_.forget(block->second);
            }
            block = gone ? by_id_.erase(block) : std::next(block);
        }
        model_.rewound(mark->cursors, by_id_.size());
        marks_.erase(mark, marks_.end());
    }

    void refuse(Findings &findings, const Step &step) {
        const State before = instance_.state();
        void *const ptr = instance_.alloc(step.size, step.align);
        expect(findings, ptr == nullptr, "a request for ", step.size, " bytes aligned to ", step.align,
               " must be refused, but succeeded");
        expect_unchanged(findings, before, instance_.state(), "the refused request");
        model_.refused();
    }

    static void visit(void *context, void *ptr, std::size_t size) {
        static_cast<std::vector<Block> *>(context)->push_back({static_cast<unsigned char *>(ptr), size, 1, 0});
    }

    void look(Findings &findings, unsigned id) {
        if (++looks_ % check_stride_ == 0) {
            instance_.check(findings, "invariants");
        }
        model_.agrees(findings);
        if (shadow_.count() != 0) {
            // One block is read in full at each step, and every one when it is freed and at the end.
            auto some = shadow_.blocks().lower_bound(address_of(probe_));
            if (some == shadow_.blocks().end()) {
                some = shadow_.blocks().begin();
            }
            shadow_.verify(findings, some->second);
            block_answers(findings, some->second);
            probe_ = some->second.ptr + 1;
            if (void *const newest = find(id)) {
                block_answers(findings, *shadow_.find(newest));
            }
        }
        if (subject_.walk != nullptr && looks_ % walk_stride() == 0) {
            walk(findings);
        }
    }
    std::size_t walk_stride() const { return check_stride_ + shadow_.count() / 64; }

    void block_answers(Findings &findings, const Block &block) {
        if (subject_.owns != nullptr &&
            (!has_flag(subject_, LAMINA_SUBJECT_UNBOUNDED) || instance_.in_memory(block.ptr))) {
            expect(findings, subject_.owns(instance_.self(), block.ptr), "owns() denies block ", block.id,
                   ", which is out");
        }
        if (subject_.usable_size != nullptr) {
            const std::size_t usable = subject_.usable_size(instance_.self(), block.ptr);
            expect(findings, usable >= block.size, "usable_size() is ", usable, " for a block of ", block.size,
                   " bytes");
        }
    }

    void walk(Findings &findings) {
        std::vector<Block> seen;
        const std::size_t count = subject_.walk(instance_.self(), &TraceRun::visit, &seen);
        expect(findings, count == seen.size(), "walk() returns ", count, " and visited ", seen.size());
        expect(findings, seen.size() == shadow_.count(), "walk() visited ", seen.size(), " blocks where ",
               shadow_.count(), " are out");
        std::sort(seen.begin(), seen.end(), [](const Block &a, const Block &b) { return a.ptr < b.ptr; });
        for (std::size_t i = 0; i < seen.size(); ++i) {
            const Block *const block = shadow_.find(seen[i].ptr);
            if (expect(findings, block != nullptr, "walk() visited a block that isn't out")) {
                expect(findings, seen[i].size >= block->size, "walk() says ", seen[i].size, " bytes of a block of ",
                       block->size);
            }
            expect(findings, i == 0 || seen[i].ptr != seen[i - 1].ptr, "walk() visited a block twice");
        }
    }

    void finish(Findings &findings) {
        shadow_.verify_all(findings);
        if (subject_.free != nullptr && findings.clean()) {
            std::vector<unsigned> ids;
            for (const auto &entry : by_id_) {
                ids.push_back(entry.first);
            }
            for (const unsigned id : ids) {
                give(findings, id, false);
            }
        }
        instance_.check(findings, "invariants");
        model_.agrees(findings);
        if (subject_.walk != nullptr) {
            walk(findings);
        }
    }

    void log_step(const Step &step) {
        if (log_ == nullptr) {
            return;
        }
        std::string line = op_name(step.op);
        line += " -> " + said_;
        const State state = instance_.state();
        line += say("; in_use ", state.in_use, ", capacity ", state.capacity, ", mark ", state.mark, ", committed ",
                    state.committed);
        line += say(", stats ", state.stats.allocs, " ", state.stats.frees, " ", state.stats.failures, " ",
                    state.stats.live, " ", state.stats.peak, " ", state.stats.bytes, " ", state.stats.peak_bytes);
        log_->push_back(line);
    }

    const lamina_subject &subject_;
    Instance instance_;
    Model model_;
    Shadow shadow_;
    Log *log_;
    std::string said_;
    void *origin_ = nullptr;
    unsigned char *probe_ = nullptr;
    std::size_t check_stride_ = 1;
    std::size_t looks_ = 0;
    std::map<unsigned, void *> by_id_;
    std::vector<Mark> marks_;
};

inline Findings run_trace(const lamina_subject &subject, const Trace &trace, Log *log = nullptr) {
    return TraceRun(subject, log).run(trace);
}

// ------------------------------------------------------- shrinking --------------------------------------------------

// Delta debugging: drops ever smaller parts of the trace for as long as it still fails, then simplifies the arguments.
class Shrinker {
  public:
    using Fails = std::function<bool(const Trace &)>;

    Shrinker(Fails fails, double seconds = slowdown() == 1 ? 4.0 : 20.0)
        : fails_(std::move(fails)), deadline_(Clock::now() + duration(seconds)) {}

    Trace shrink(Trace trace) {
        for (std::size_t part = std::max<std::size_t>(trace.steps.size() / 2, 1); time_left();) {
            bool dropped = false;
            for (std::size_t from = 0; from < trace.steps.size() && time_left();) {
                Trace candidate = trace;
                const std::size_t to = std::min(from + part, trace.steps.size());
                candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(from),
                                      candidate.steps.begin() + static_cast<std::ptrdiff_t>(to));
                if (fails_(candidate)) {
                    trace = candidate;
                    dropped = true;
                } else {
                    from = to;
                }
            }
            if (part > 1) {
                part /= 2;
            } else if (!dropped) {
                break;
            }
        }
        for (std::size_t i = 0; i < trace.steps.size(); ++i) {
            simplify(trace, i, &Step::size, trace.steps[i].op == Op::ballast ? 0 : 1);
            simplify(trace, i, &Step::align, 1);
        }
        return trace;
    }

  private:
    using Clock = std::chrono::steady_clock;
    static Clock::duration duration(double seconds) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    }
    bool time_left() const { return Clock::now() < deadline_; }

    // Halves the distance to the simplest value for as long as the trace fails.
    void simplify(Trace &trace, std::size_t at, std::size_t Step::*field, std::size_t simplest) {
        while (time_left() && trace.steps[at].*field > simplest && trace.steps[at].op != Op::refused) {
            Trace candidate = trace;
            std::size_t &value = candidate.steps[at].*field;
            value = simplest;
            if (fails_(candidate)) {
                trace = candidate;
                return;
            }
            const std::size_t was = trace.steps[at].*field;
            value = field == &Step::align ? was / 2 : was - 1;
            const std::size_t half = simplest + (was - simplest) / 2;
            if (field == &Step::size && half < value) {
                value = half;
                if (!fails_(candidate)) {
                    value = was - 1;
                    if (!fails_(candidate)) {
                        return;
                    }
                }
            } else if (!fails_(candidate)) {
                return;
            }
            trace = candidate;
        }
    }

    Fails fails_;
    Clock::time_point deadline_;
};

// Runs a trace in a child (a crash must not end the shrinking); when it fails, shrinks it and says how to replay it.
inline Findings run_and_shrink(const std::string &who, const Trace &trace,
                               const std::function<Findings(const Trace &)> &run) {
    const Findings first = guarded([&] { return run(trace); });
    if (first.clean()) {
        return first;
    }
    Trace smallest = trace;
    if (environment_number("LAMINA_TEST_SHRINK", 1) != 0) {
        const double limit = 1.0 * slowdown(); // a candidate that hangs costs this much
        Shrinker shrinker(
            [&](const Trace &candidate) { return !guarded([&] { return run(candidate); }, limit).clean(); });
        smallest = shrinker.shrink(trace);
    }
    const Findings last = guarded([&] { return run(smallest); });
    Findings findings;
    findings.add_all(last.clean() ? first : last, who);
    findings.add(say("the shortest failing trace has ", smallest.steps.size(), " of ", trace.steps.size(),
                     " steps; to replay it, put these lines into a file that LAMINA_TEST_TRACE names:\n",
                     smallest.text()));
    return findings;
}

// The seeds of an ordinary run, or the one that was asked for.
inline std::vector<unsigned long long> trace_seeds() {
    const unsigned long long none = ~0ULL;
    const unsigned long long asked = environment_number("LAMINA_TEST_SEED", none);
    return asked != none ? std::vector<unsigned long long>{asked} : std::vector<unsigned long long>{1, 2, 3};
}

// The trace that the environment names, when it names one.
inline bool trace_from_environment(Trace &trace) {
    const char *const path = std::getenv("LAMINA_TEST_TRACE");
    if (path == nullptr) {
        return false;
    }
    std::ifstream in(path);
    trace = Trace::parse(in);
    return !trace.steps.empty();
}

inline Findings random_trace(const lamina_subject &subject, unsigned long long seed, std::size_t steps) {
    const auto run = [&subject](const Trace &trace) { return run_trace(subject, trace); };
    return run_and_shrink(name_of(subject), TraceGenerator(subject, seed).generate(steps), run);
}

namespace checks {

// Random traces with every invariant and the model consulted after each step.
inline Findings random_traces(const lamina_subject &subject) {
    Trace replay;
    if (trace_from_environment(replay)) {
        return run_trace(subject, replay);
    }
    Findings findings;
    for (const unsigned long long seed : trace_seeds()) {
        findings.add_all(random_trace(subject, seed, default_steps(subject)));
        if (!findings.clean()) {
            break;
        }
    }
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_TRACE_HPP
