// differential.hpp: the flat form, the generic twin and the model, fed the same trace. Each run consults the model at
// every step; what the two forms show must then be equal, step by step: which requests were refused, where each block
// lies relative to the memory's beginning, what is in use, what the counters say.
#ifndef LAMINA_TESTING_DIFFERENTIAL_HPP
#define LAMINA_TESTING_DIFFERENTIAL_HPP

#include <algorithm>
#include <string>

#include "lamina/testing/trace.hpp"

namespace lamina {
namespace testing {

// The largest power of two, up to a page, that divides where the subject's memory begins: below it, alignment means the
// same to both forms, wherever they lie.
inline std::size_t base_alignment(const lamina_subject &subject) {
    Instance probe(subject);
    std::uintptr_t start = 0;
    if (probe.alive()) {
        start = address_of(probe.memory().base);
        if (start == 0) {
            start = address_of(probe.alloc());
        }
    }
    std::size_t align = 4096;
    while (start % align != 0) {
        align /= 2;
    }
    return std::max(align, subject.align);
}

inline Findings run_both(const lamina_subject &flat, const lamina_subject &generic, const Trace &trace) {
    Log flat_log, generic_log;
    Findings findings;
    findings.add_all(run_trace(flat, trace, &flat_log), name_of(flat));
    findings.add_all(run_trace(generic, trace, &generic_log), name_of(generic));
    // A quarantine that evicts at random holds back another number of objects in each run: the model alone judges.
    const bool comparable = !has_flag(flat, LAMINA_SUBJECT_RANDOM) || flat.held == 0;
    const std::size_t steps = comparable ? std::min(flat_log.size(), generic_log.size()) : 0;
    for (std::size_t i = 0; i < steps; ++i) {
        if (!expect(findings, flat_log[i] == generic_log[i], "the forms differ after step ", trace.steps[i].text(),
                    "\n  flat:    ", flat_log[i], "\n  generic: ", generic_log[i])) {
            break;
        }
    }
    return findings;
}

inline Findings differential(const lamina_subject &flat, const lamina_subject &generic, unsigned long long seed,
                             std::size_t steps) {
    const std::size_t align = std::min(base_alignment(flat), base_alignment(generic));
    const auto run = [&](const Trace &trace) { return run_both(flat, generic, trace); };
    return run_and_shrink(std::string(flat.stack) + " (flat against generic)",
                          TraceGenerator(flat, seed, align).generate(steps), run);
}

namespace checks {

// The two forms promise the same, in the same words.
inline Findings same_promises(const lamina_subject &flat, const lamina_subject &generic) {
    Findings findings;
    const auto equal = [&findings](const char *name, std::size_t a, std::size_t b) {
        expect(findings, a == b, "flat says ", name, " ", a, ", generic ", b);
    };
    expect(findings, std::string(flat.stack) == generic.stack, "flat is called ", flat.stack, ", generic ",
           generic.stack);
    equal("payload", flat.payload, generic.payload);
    equal("align", flat.align, generic.align);
    equal("capacity", flat.capacity, generic.capacity);
    equal("min_align", flat.min_align, generic.min_align);
    equal("held", flat.held, generic.held);
    const unsigned instance_only = LAMINA_SUBJECT_STATIC_INSTANCE; // a twin may have a handle all the same
    equal("flags", flat.flags & ~instance_only, generic.flags & ~instance_only);
    if (flat.bytes_for != nullptr && generic.bytes_for != nullptr) {
        for (const std::size_t n : {1U, 2U, 3U, 16U, 1000U}) {
            equal("bytes_for", flat.bytes_for(n), generic.bytes_for(n));
        }
    }
#define LAMINA_TESTING_BOTH(operation)                                                                                 \
    expect(findings, (flat.operation == nullptr) == (generic.operation == nullptr), "only one form has " #operation)
    LAMINA_TESTING_BOTH(init);
    LAMINA_TESTING_BOTH(init_with);
    LAMINA_TESTING_BOTH(destroy);
    LAMINA_TESTING_BOTH(alloc);
    LAMINA_TESTING_BOTH(alloc_zeroed);
    LAMINA_TESTING_BOTH(free);
    LAMINA_TESTING_BOTH(free_sized);
    LAMINA_TESTING_BOTH(resize);
    LAMINA_TESTING_BOTH(realloc);
    LAMINA_TESTING_BOTH(reset);
    LAMINA_TESTING_BOTH(mark);
    LAMINA_TESTING_BOTH(rewind);
    LAMINA_TESTING_BOTH(owns);
    LAMINA_TESTING_BOTH(usable_size);
    LAMINA_TESTING_BOTH(capacity_now);
    LAMINA_TESTING_BOTH(in_use);
    LAMINA_TESTING_BOTH(release_unused);
    LAMINA_TESTING_BOTH(stats);
    LAMINA_TESTING_BOTH(check);
    LAMINA_TESTING_BOTH(walk);
    LAMINA_TESTING_BOTH(set_corruption_handler);
    LAMINA_TESTING_BOTH(memory);
#undef LAMINA_TESTING_BOTH
    return findings;
}

// Flat against generic against the model, over random traces.
inline Findings flat_against_generic(const lamina_subject &flat, const lamina_subject &generic) {
    Trace replay;
    if (trace_from_environment(replay)) {
        return run_both(flat, generic, replay);
    }
    Findings findings = same_promises(flat, generic);
    for (const unsigned long long seed : trace_seeds()) {
        if (findings.clean()) {
            findings.add_all(differential(flat, generic, seed + 1000, default_steps(flat)));
        }
    }
    return findings;
}

} // namespace checks

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_DIFFERENTIAL_HPP
