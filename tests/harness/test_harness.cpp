// The tests of the tests: every check passes the correct toys, and each small fault is found by the check that is there
// to find it.
#include "lamina/testing/contract.hpp"

#include "toy.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

using namespace lamina::testing;

namespace {

const lamina_subject *const all_toys[] = {
    &toy_slab_flat_subject,   &toy_slab_generic_subject, &toy_callback_flat_subject, &toy_quarantine_flat_subject,
    &toy_buffer_flat_subject, &toy_shared_flat_subject,  &toy_remote_flat_subject,   &toy_fallback_flat_subject,
    &toy_bump_flat_subject,   &toy_bump_generic_subject,
};

// An empty value is as good as none.
bool set_variable(const char *name, const char *value) {
#if defined(_WIN32)
    return ::_putenv_s(name, value) == 0;
#else
    return ::setenv(name, value, 1) == 0;
#endif
}

// Breaks the toys for the length of a scope.
struct Broken {
    explicit Broken(toy_fault fault, toy_fault twin = TOY_CORRECT) {
        toy_fault_now = fault;
        toy_twin_fault_now = twin;
    }
    ~Broken() {
        toy_fault_now = TOY_CORRECT;
        toy_twin_fault_now = TOY_CORRECT;
    }
    Broken(const Broken &) = delete;
    Broken &operator=(const Broken &) = delete;
};

const NamedCheck &check_named(const std::string &name) {
    for (const NamedCheck &check : every_check()) {
        if (name == check.name) {
            return check;
        }
    }
    throw std::runtime_error("no check is called " + name);
}

struct Case {
    toy_fault fault;
    const char *name;
    const lamina_subject *subject;
    const char *check;
    const char *says; // part of what the check says
};

#define CASE(fault, subject, check, says)                                                                              \
    { fault, #fault, &toy_##subject##_flat_subject, check, says }

const Case cases[] = {
    CASE(TOY_ONE_TOO_MANY, slab, "exhaustion", "was handed out"),
    CASE(TOY_ONE_TOO_MANY, slab, "random_traces", "succeeded with 200 blocks"),
    CASE(TOY_ONE_TOO_MANY, buffer, "footprint", "hold 2, not 1"),
    CASE(TOY_ONE_TOO_FEW, slab, "exhaustion", "was refused"),
    CASE(TOY_ONE_TOO_FEW, slab, "random_traces", "was refused with 199 blocks"),
    CASE(TOY_ONE_TOO_FEW, buffer, "footprint", "hold"),
    CASE(TOY_OVERLAPPING_SLOTS, slab, "no_overlap", "overlaps"),
    CASE(TOY_OVERLAPPING_SLOTS, slab, "random_traces", "overlaps"),
    CASE(TOY_OVERLAPPING_SLOTS, slab, "exhaustion", "bytes apart"),
    CASE(TOY_MISALIGNED_SLOTS, slab, "alignment", "isn't aligned"),
    CASE(TOY_MISALIGNED_SLOTS, slab, "random_traces", "isn't aligned"),
    CASE(TOY_ZEROING_FORGOTTEN, slab, "zeroed", "isn't all zero"),
    CASE(TOY_ZEROING_FORGOTTEN, slab, "random_traces", "aren't all zero"),
    CASE(TOY_NOT_LIFO, slab, "order", "LIFO order"),
    CASE(TOY_NOT_LIFO, slab, "random_traces", "LIFO order"),
    CASE(TOY_DOUBLE_FREE_UNNOTICED, slab, "bad_frees", "just freed"),
    CASE(TOY_DOUBLE_FREE_UNNOTICED, slab, "bad_frees", "freed before another"),
    CASE(TOY_DOUBLE_FREE_UNNOTICED, callback, "bad_frees_call_back", "called 0 times"),
    CASE(TOY_RANGE_UNCHECKED, slab, "bad_frees", "address after the memory"),
    CASE(TOY_RANGE_UNCHECKED, slab, "independence", "another instance"),
    CASE(TOY_ALIGNMENT_UNCHECKED, slab, "bad_frees", "misaligned by one byte"),
    CASE(TOY_ALIGNMENT_UNCHECKED, slab, "bad_frees", "inside a block"),
    CASE(TOY_LEAK_ON_FAILED_INIT, slab, "platform_failures", "the failed init"),
    CASE(TOY_LEAK_ON_DESTROY, slab, "nothing_left_behind", "still lends"),
    CASE(TOY_LEAK_ON_DESTROY, slab, "platform_failures", "still lends"),
    CASE(TOY_RESET_INCOMPLETE, slab, "reset", "freelist link"),
    CASE(TOY_FAILURES_NOT_COUNTED, slab, "exhaustion", "stats.failures"),
    CASE(TOY_PEAK_FORGOTTEN, slab, "statistics", "stats.peak"),
    CASE(TOY_PEAK_FORGOTTEN, slab, "random_traces", "stats.peak"),
    CASE(TOY_REFUSAL_COUNTS_AS_USE, slab, "exhaustion", "in_use"),
    CASE(TOY_REFUSAL_COUNTS_AS_USE, slab, "platform_failures", "in_use"),
    CASE(TOY_CANARY_NOT_WRITTEN_ON_REUSE, slab, "reuse", "canary overwritten"),
    CASE(TOY_POISON_NOT_WRITTEN, slab, "no_overlap", "poison overwritten"),
    CASE(TOY_POISON_TOO_LONG, slab, "no_overlap", "was overwritten"),
    CASE(TOY_POISON_TOO_LONG, slab, "random_traces", "was overwritten"),
    CASE(TOY_COMMIT_SKIPPED, slab, "no_overlap", "died"),
    CASE(TOY_COMMIT_FAILURE_IGNORED, slab, "platform_failures", "died"),
    CASE(TOY_WATERMARK_MOVES_ON_FAILURE, slab, "platform_failures", ""),
    CASE(TOY_ERROR_LOST, slab, "platform_failures", "the last error is 0"),
    CASE(TOY_BIND_FAILURE_IGNORED, slab, "platform_failures", "went unnoticed"),
    CASE(TOY_OWNS_END, slab, "ownership", "after its memory"),
    CASE(TOY_OWNS_NOT_LAST, slab, "ownership", "denies"),
    CASE(TOY_WALK_MISSES_ONE, slab, "walk", "visited"),
    CASE(TOY_WALK_MISSES_ONE, slab, "random_traces", "walk() visited"),
    CASE(TOY_WALK_VISITS_FREE, slab, "walk", "every other freed"),
    CASE(TOY_FREE_NULL_REPORTED, slab, "free_null", "died"),
    CASE(TOY_FREE_FORGETS_IN_USE, slab, "reuse", "in_use"),
    CASE(TOY_FREE_FORGETS_IN_USE, slab, "random_traces", "in_use"),
    CASE(TOY_FREE_LOSES_SOME, slab, "reuse", "to be had"),
    CASE(TOY_STATE_SHARED, slab, "independence", "in_use"),
    CASE(TOY_REPORT_WRONG_STACK, slab, "bad_frees", "doesn't mention"),
    CASE(TOY_REPORT_WRONG_ADDRESS, slab, "bad_frees", "doesn't mention"),
    CASE(TOY_REPORT_WRONG_ADDRESS, callback, "bad_frees_call_back", "the event is about"),
    CASE(TOY_HANDLER_THEN_FREED_ANYWAY, callback, "bad_frees_call_back", "the refused free"),
    CASE(TOY_INIT_TRUSTS_ZEROS, slab, "fresh", "some counter"),
    CASE(TOY_CRASHES_RARELY, slab, "random_traces", "died"),
    CASE(TOY_USABLE_TOO_LARGE, slab, "usable_size", "canary overwritten"),
    CASE(TOY_RELEASE_LOSES_OBJECTS, slab, "release", "to be had"),
    CASE(TOY_RELEASE_TAKES_LIVE, slab, "release", ""),
    CASE(TOY_QUARANTINE_LEAKS, quarantine, "reuse", "to be had"),

    CASE(TOY_BUMP_ONE_TOO_MANY, bump, "exhaustion", "were handed out"),
    CASE(TOY_BUMP_SIZE_WRAPS, bump, "refused_requests", "wasn't refused"),
    CASE(TOY_BUMP_ZERO_SIZE, bump, "refused_requests", "0 bytes"),
    CASE(TOY_BUMP_ZERO_SIZE, bump, "random_traces", "must be refused"),
    CASE(TOY_BUMP_ANY_ALIGNMENT, bump, "refused_requests", "aligned to 3"),
    CASE(TOY_BUMP_OFFSET_ALIGNED, bump, "alignment", "isn't aligned"),
    CASE(TOY_BUMP_RESIZE_KEEPS_CURSOR, bump, "resize", "overlaps"),
    CASE(TOY_BUMP_RESIZE_KEEPS_CURSOR, bump, "random_traces", ""),
    CASE(TOY_BUMP_RESIZES_ANY, bump, "resize", "isn't the last"),
    CASE(TOY_BUMP_RESIZES_ANY, bump, "random_traces", ""),
    CASE(TOY_BUMP_RESIZES_OVER_END, bump, "resize", "over the end"),
    CASE(TOY_BUMP_REWINDS_UP, bump, "mark_rewind", "wasn't refused"),
    CASE(TOY_BUMP_REWIND_IGNORED, bump, "mark_rewind", "mark() is"),
    CASE(TOY_BUMP_REWIND_IGNORED, bump, "random_traces", ""),
    CASE(TOY_BUMP_ZEROING_FORGOTTEN, bump, "zeroed", "isn't all zero"),
    CASE(TOY_BUMP_REALLOC_FORGETS, bump, "realloc", "changed byte"),
    CASE(TOY_BUMP_REALLOC_FORGETS, bump, "random_traces", "changed byte"),
    CASE(TOY_BUMP_REALLOC_KEEPS_NOTHING_ON_FAILURE, bump, "realloc", "changed the block"),
    CASE(TOY_BUMP_RESET_IGNORED, bump, "reset", "in_use"),
    CASE(TOY_BUMP_BYTE_LESS_ACCEPTED, bump, "footprint", "one byte smaller"),
    CASE(TOY_BUMP_BYTE_LESS_ACCEPTED, buffer, "footprint", "one byte smaller"),
    CASE(TOY_BUMP_MISALIGNED_ACCEPTED, bump, "footprint", "misaligned by one byte"),
    CASE(TOY_BUMP_MISALIGNED_ACCEPTED, buffer, "footprint", "misaligned by one byte"),
    CASE(TOY_BUMP_REFUSAL_MOVES_CURSOR, bump, "refused_requests", "changed"),
    CASE(TOY_BUMP_GRANULE_DROPPED, bump, "alignment", "isn't aligned"),
    CASE(TOY_BUMP_WRITES_BEYOND, bump, "exhaustion", ""),
    CASE(TOY_BUMP_WASTES, bump, "random_traces", "cursor"),

    CASE(TOY_REMOTE_FREE_LOST, remote, "threads_remote_free", ""),
    CASE(TOY_REMOTE_FREE_LOST, remote, "threads_stalled_owner", "objects after remote frees"),
    CASE(TOY_REMOTE_FREE_UNCHECKED, remote, "threads_bad_frees", "freed twice"),
    CASE(TOY_FALLBACK_MISSING, fallback, "random_traces", "was refused"),
    CASE(TOY_FALLBACK_LEAKS, fallback, "nothing_left_behind", "heap blocks"),
    CASE(TOY_FALLBACK_LEAKS, fallback, "platform_failures", "heap blocks"),
    CASE(TOY_REMOTE_FREE_WAITS, remote, "threads_stalled_owner", "hang in free"),
};

Findings run_broken(const Case &one) {
    const Broken broken(one.fault);
    return guarded([&] { return check_named(one.check).run(*one.subject); }, 6 * default_time_limit());
}

} // namespace

TEST_CASE("correct allocators pass every check") {
    for (const lamina_subject *const toy : all_toys) {
        for (const NamedCheck &check : every_check()) {
            const Findings findings = check.run(*toy);
            INFO(name_of(*toy) << ", " << check.name << ":\n" << findings.text());
            CHECK(findings.clean());
        }
    }
}

TEST_CASE("each check concerns some toy") {
    for (const NamedCheck &check : every_check()) {
        bool concerns = false;
        for (const lamina_subject *const toy : all_toys) {
            concerns = concerns || check.run(*toy).applicable();
        }
        INFO(check.name);
        CHECK(concerns);
    }
}

TEST_CASE("each small fault is found by the check that is there to find it") {
    REQUIRE(set_variable("LAMINA_TEST_SHRINK", "0"));  // shrinking has a test of its own
    REQUIRE(set_variable("LAMINA_TEST_STEPS", "480")); // the same traces however slow this build is
    for (const Case &one : cases) {
        const Findings findings = run_broken(one);
        INFO(one.name << ", " << one.check << ":\n" << findings.text());
        CHECK_FALSE(findings.clean());
        CHECK(findings.mentions(one.says));
    }
    REQUIRE(set_variable("LAMINA_TEST_SHRINK", ""));
    REQUIRE(set_variable("LAMINA_TEST_STEPS", ""));
}

TEST_CASE("a missing lock is found, by damage or by the sanitizer") {
    const Broken broken(TOY_LOCK_FORGOTTEN);
    bool found = false;
    for (unsigned attempt = 0; attempt < 20 && !found; ++attempt) { // two processors have to meet
        found = !checks::threads_any(toy_shared_flat_subject).clean();
    }
    CHECK(found);
}

// ------------------------------------------------- layers ---------------------------------------------------------

TEST_CASE("the checks of single layers pass the correct slab") {
    contract::write_after_free(toy_slab_flat_subject, TOY_LINK, "poison", "poison overwritten");
    contract::write_after_free(toy_slab_flat_subject, TOY_PAYLOAD - 1, "poison");
    contract::write_after_free(toy_callback_flat_subject, TOY_LINK, "poison", "poison overwritten");
    contract::write_after_free(toy_quarantine_flat_subject, TOY_LINK, "poison");
    contract::overflow(toy_slab_flat_subject, TOY_PAYLOAD, "canary", "canary overwritten");
    contract::overflow(toy_callback_flat_subject, TOY_PAYLOAD + 7, "canary", "canary overwritten");
    contract::bytes_after_free(toy_slab_flat_subject, TOY_LINK, TOY_PAYLOAD, TOY_POISON);
    contract::quarantine_delays(toy_quarantine_flat_subject, TOY_QUARANTINE);
    contract::lazy_commit(toy_slab_flat_subject, TOY_STEP);
    contract::resident_after_init(toy_slab_flat_subject, false);
    contract::falls_back(toy_fallback_flat_subject, TOY_CAPACITY);
    contract::numa_policy(toy_slab_flat_subject, LAMINA_NUMA_BIND, {0});
}

TEST_CASE("the checks of single layers find the faults of their layer") {
    const lamina_subject &slab = toy_slab_flat_subject;
    SECTION("poison not verified") {
        const Broken broken(TOY_POISON_UNVERIFIED);
        LAMINA_REQUIRE_FINDING(checks::write_after_free(slab, TOY_LINK, "poison"), "check() finds nothing");
        LAMINA_REQUIRE_FINDING(checks::write_after_free(slab, TOY_LINK, "poison"), "expected an abort");
    }
    SECTION("poison not written") {
        const Broken broken(TOY_POISON_NOT_WRITTEN);
        LAMINA_REQUIRE_FINDING(checks::bytes_after_free(slab, TOY_LINK, TOY_PAYLOAD, TOY_POISON), "byte 8");
    }
    SECTION("poison written too far") {
        const Broken broken(TOY_POISON_TOO_LONG);
        LAMINA_REQUIRE_FINDING(checks::bytes_after_free(slab, TOY_LINK, TOY_PAYLOAD, TOY_POISON), "of another");
    }
    SECTION("canary not looked at by free") {
        const Broken broken(TOY_CANARY_UNCHECKED_ON_FREE);
        LAMINA_REQUIRE_FINDING(checks::overflow(slab, TOY_PAYLOAD, "canary"), "expected an abort");
    }
    SECTION("canary not looked at by check") {
        const Broken broken(TOY_CANARY_UNCHECKED_BY_CHECK);
        LAMINA_REQUIRE_FINDING(checks::overflow(slab, TOY_PAYLOAD, "canary"), "check() finds nothing");
    }
    SECTION("an overflow that no canary covers") {
        LAMINA_REQUIRE_FINDING(checks::overflow(slab, TOY_PAYLOAD + 8, "canary"), "expected an abort");
    }
    SECTION("another layer than the one that should notice") {
        LAMINA_REQUIRE_FINDING(checks::overflow(slab, TOY_PAYLOAD, "guard"), "doesn't");
    }
    SECTION("quarantine too short") {
        const Broken broken(TOY_QUARANTINE_TOO_SHORT);
        LAMINA_REQUIRE_FINDING(checks::quarantine_delays(toy_quarantine_flat_subject, TOY_QUARANTINE), "came back");
    }
    SECTION("quarantine never gives back") {
        const Broken broken(TOY_QUARANTINE_LEAKS);
        LAMINA_REQUIRE_FINDING(checks::quarantine_delays(toy_quarantine_flat_subject, TOY_QUARANTINE), "didn't come");
    }
    SECTION("everything committed at once") {
        const Broken broken(TOY_COMMIT_EAGER);
        LAMINA_REQUIRE_FINDING(checks::lazy_commit(slab, TOY_STEP), "after init");
    }
    SECTION("nothing poisoned on allocation") {
        LAMINA_REQUIRE_FINDING(checks::bytes_after_alloc(slab, 0xAA), "of a new block");
    }
    SECTION("no guards") {
        LAMINA_REQUIRE_FINDING(checks::guarded_ends(toy_bump_flat_subject, true, true), "doesn't fault");
    }
    SECTION("guards that are not there") { LAMINA_REQUIRE_FINDING(checks::guards_between(slab, 8), "doesn't fault"); }
    SECTION("a fall-back that is used too early, or not at all") {
        LAMINA_REQUIRE_FINDING(checks::falls_back(toy_fallback_flat_subject, TOY_CAPACITY + 1), "doesn't lie");
        LAMINA_REQUIRE_FINDING(checks::falls_back(toy_fallback_flat_subject, TOY_CAPACITY - 1), "still lies");
        const Broken broken(TOY_FALLBACK_MISSING);
        LAMINA_REQUIRE_FINDING(checks::falls_back(toy_fallback_flat_subject, TOY_CAPACITY), "to be had");
    }
    SECTION("nobody scrubs on reset, nobody looks on destroy, nobody populates, nobody minds other threads") {
        LAMINA_REQUIRE_FINDING(checks::bytes_after_reset(slab, TOY_LINK, TOY_PAYLOAD, 0), "after reset");
        LAMINA_REQUIRE_FINDING(checks::bytes_after_destroy(toy_buffer_flat_subject, 0, TOY_PAYLOAD, 0),
                               "after destroy");
        LAMINA_REQUIRE_FINDING(checks::damage_seen_by_destroy(slab, TOY_LINK, "poison"), "expected an abort");
        LAMINA_REQUIRE_FINDING(checks::resident_after_init(slab, true), "are resident");
        LAMINA_REQUIRE_FINDING(checks::wrong_thread(slab, "single thread"), "expected an abort");
    }
    SECTION("another policy") {
        LAMINA_REQUIRE_FINDING(checks::numa_policy(slab, LAMINA_NUMA_INTERLEAVE, {0}), "the policy is");
    }
}

// ------------------------------------------------- traces ---------------------------------------------------------

TEST_CASE("the two forms are compared step by step") {
    contract::flat_against_generic(toy_slab_flat_subject, toy_slab_generic_subject);
    contract::flat_against_generic(toy_bump_flat_subject, toy_bump_generic_subject);
    SECTION("committing eagerly is no fault in itself, but a difference") {
        const Broken broken(TOY_CORRECT, TOY_COMMIT_EAGER);
        LAMINA_REQUIRE_FINDING(checks::flat_against_generic(toy_slab_flat_subject, toy_slab_generic_subject),
                               "the forms differ");
    }
    SECTION("a twin that is wrong") {
        const Broken broken(TOY_CORRECT, TOY_BUMP_WASTES);
        LAMINA_REQUIRE_FINDING(checks::flat_against_generic(toy_bump_flat_subject, toy_bump_generic_subject),
                               "generic");
    }
    SECTION("forms that promise different things") {
        LAMINA_REQUIRE_FINDING(checks::same_promises(toy_slab_flat_subject, toy_quarantine_flat_subject), "held");
        LAMINA_REQUIRE_FINDING(checks::same_promises(toy_slab_flat_subject, toy_shared_flat_subject), "reset");
    }
}

TEST_CASE("a failing trace shrinks to the steps that matter, and replays") {
    // The crash needs slots 0 to 3 handed out, 1 freed, and 3 freed: six steps, none of them fewer.
    const Broken broken(TOY_CRASHES_RARELY);
    const lamina_subject &slab = toy_slab_flat_subject;
    const auto run = [](const Trace &trace) { return run_trace(toy_slab_flat_subject, trace); };
    Findings findings;
    for (unsigned long long seed = 1; seed < 20 && findings.clean(); ++seed) {
        findings = run_and_shrink("toy", TraceGenerator(slab, seed).generate(200), run);
    }
    INFO(findings.text());
    REQUIRE_FALSE(findings.clean());
    REQUIRE(findings.mentions("died: killed by signal 11"));
    const std::string text = findings.text();
    std::istringstream lines(text.substr(text.find("seed ")));
    const Trace shortest = Trace::parse(lines);
    std::size_t frees = 0;
    for (const Step &step : shortest.steps) {
        frees += step.op == Op::free || step.op == Op::free_sized ? 1U : 0U;
    }
    REQUIRE(shortest.steps.size() <= 6);
    REQUIRE(frees <= 2);
    REQUIRE(guarded([&] { return run(shortest); }).mentions("signal 11"));
}

TEST_CASE("a trace survives being written and read") {
    const Trace trace = TraceGenerator(toy_bump_flat_subject, 5).generate(100);
    std::istringstream in(trace.text());
    const Trace read = Trace::parse(in);
    REQUIRE(read.text() == trace.text());
    REQUIRE(read.steps.size() == trace.steps.size());
}

TEST_CASE("the same seed makes the same trace") {
    REQUIRE(TraceGenerator(toy_slab_flat_subject, 9).generate(300).text() ==
            TraceGenerator(toy_slab_flat_subject, 9).generate(300).text());
    REQUIRE(TraceGenerator(toy_slab_flat_subject, 9).generate(300).text() !=
            TraceGenerator(toy_slab_flat_subject, 10).generate(300).text());
}

TEST_CASE("traces use every operation that the subject has") {
    std::string slab, bump;
    for (unsigned long long seed = 1; seed <= 3; ++seed) {
        slab += TraceGenerator(toy_slab_flat_subject, seed).generate(480).text();
        bump += TraceGenerator(toy_bump_flat_subject, seed).generate(480).text();
    }
    for (const char *const op :
         {"alloc", "alloc_zeroed", "free", "free_sized", "reset", "free_null", "release", "ballast"}) {
        INFO(op);
        CHECK(slab.find(std::string(" ") + op + " ") != std::string::npos);
    }
    for (const char *const op : {"alloc", "alloc_zeroed", "resize", "realloc", "reset", "mark", "rewind", "refused"}) {
        INFO(op);
        CHECK(bump.find(std::string(" ") + op + " ") != std::string::npos);
    }
}

// ------------------------------------------------- children -------------------------------------------------------

TEST_CASE("a child's end is told apart", "[system]") {
    CHECK(death_of([] {}).survived());
    CHECK(death_of([] { std::abort(); }).aborted());
    CHECK(death_of([] { std::raise(SIGSEGV); }).faulted());
    CHECK(death_of([] { ::_exit(3); }).code == 3);
    CHECK(death_of([] { throw std::runtime_error("why"); }).text.find("why") != std::string::npos);
    CHECK(death_of(
              [] {
                  for (;;) {
                      std::this_thread::sleep_for(std::chrono::seconds(1));
                  }
              },
              0.2)
              .end == Death::End::timed_out);
    const Death talkative = death_of([] {
        const std::string much(300000, 'x');
        detail::write_all(STDERR_FILENO, much.data(), much.size());
    });
    CHECK(talkative.text.size() == 300000);
    CHECK(run_in_child([] { return std::string("result"); }).result == "result");
}

TEST_CASE("children have children, each of its own, and what they do is done in them alone", "[system]") {
    int done = 0;
    const auto child = [&done](const std::string &name) {
        return run_in_child([&done, name] {
            const Death first = run_in_child([&done] { return std::to_string(++done); });
            const Death second = death_of([] { std::abort(); });
            return name + first.result + (second.aborted() ? "a" : "-") + std::to_string(done);
        });
    };
    CHECK(child("left ").result == "left 1a0");
    SECTION("in one section") { CHECK(child("one ").result == "one 1a0"); }
    SECTION("in another") { CHECK(child("two ").result == "two 1a0"); }
    CHECK(child("right ").result == "right 1a0");
    CHECK(done == 0);
}

TEST_CASE("a hang and a crash become findings") {
    LAMINA_REQUIRE_FINDING(guarded([]() -> Findings { std::abort(); }), "killed by signal " + std::to_string(SIGABRT));
    LAMINA_REQUIRE_CLEAN(guarded([] { return Findings(); }));
    const Broken broken(TOY_HANGS);
    LAMINA_REQUIRE_FINDING(guarded([] { return checks::no_overlap(toy_slab_flat_subject); }, 0.3), "still running");
}

TEST_CASE("a corruption report is recognized", "[system]") {
    const auto die = [] {
        const lamina_corruption event = {"stack_a", "layer_b", "something found", nullptr, 0, 0, 0};
        lamina_corruption_abort(&event);
    };
    REQUIRE_CORRUPTION(death_of(die), "stack_a", "layer_b", "something found");
    LAMINA_REQUIRE_FINDING(corruption_findings(death_of(die), "stack_c", "", ""), "stack_c");
    LAMINA_REQUIRE_FINDING(corruption_findings(death_of(die), "", "layer_c", ""), "layer_c");
    LAMINA_REQUIRE_FINDING(corruption_findings(death_of([] { std::abort(); }), "stack_a", "", ""), "stack_a");
    LAMINA_REQUIRE_FINDING(corruption_findings(death_of([] {}), "", "", ""), "expected an abort");
}

// ------------------------------------------------- memory ---------------------------------------------------------

TEST_CASE("memory is told apart: reserved, usable, resident", "[system]") {
    const std::size_t page = page_size();
    void *const range = lamina_os_reserve(16 * page);
    REQUIRE(range != nullptr);
    auto *const base = static_cast<unsigned char *>(range);
    CHECK(range_use(base, 16 * page).mapped == 16 * page);
    CHECK(range_use(base, 16 * page).writable == 0);
    CHECK(resident_bytes(base, 16 * page) == 0);
    CHECK(faults(base));
    REQUIRE(lamina_os_commit(base, 4 * page));
    base[page] = 1;
    CHECK(range_use(base, 16 * page).writable == 4 * page);
    CHECK(range_use(base, 2 * page).mapped == 2 * page);
    CHECK(resident_bytes(base, 16 * page) == page);
    CHECK_FALSE(faults(base));
    CHECK(faults(base + 4 * page));
    REQUIRE(lamina_os_release(base, 16 * page));
    CHECK(range_use(base, 16 * page).mapped == 0);
}

TEST_CASE("a failed platform call is excused by its whole name only") {
    lamina_subject subject = toy_slab_flat_subject;
    subject.tolerated_calls = "get_mempolicy mbind";
    for (const char *const listed : {"mbind", "get_mempolicy", "name_range"}) {
        CHECK(detail::tolerates(subject, listed));
    }
    for (const char *const other : {"", " ", "bind", "get_mempolicy mbind", "mmap"}) {
        CHECK_FALSE(detail::tolerates(subject, other));
    }
    subject.tolerated_calls = nullptr;
    CHECK(detail::tolerates(subject, "name_range"));
    CHECK_FALSE(detail::tolerates(subject, ""));
    CHECK_FALSE(detail::tolerates(subject, "mbind"));
}

TEST_CASE("failures of one life are not held against the next") {
    lamina_fail_at(1, ENOMEM); // as a life before may leave it: one failure counted, and none to come
    CHECK(lamina_os_reserve(page_size()) == nullptr);
    REQUIRE(lamina_calls_failed() == 1);
    PlatformLedger ledger;
    Findings findings;
    (void)detail::FaultyLife(toy_slab_flat_subject, ledger, detail::Failing::releasing, 1, ENOMEM).run(findings);
    INFO(findings.text());
    CHECK(findings.clean());
}

TEST_CASE("lent memory lies alike each time, and is aligned to nothing more than asked for") {
    std::vector<GuardedMemory> all;
    for (std::size_t i = 0; i < 8; ++i) {
        all.emplace_back(100 + i * 1000, 64);
        CHECK(address_of(all.back().data()) % 8192 == 64);
    }
    CHECK(address_of(GuardedMemory(10, 8192).data()) % 16384 == 8192);
}
