// findings.hpp: what a check has to say. Checks collect sentences instead of asserting, so that the same check can run
// in a forked child, be repeated while a trace shrinks, and be tested itself. Only catch.hpp knows about Catch2.
#ifndef LAMINA_TESTING_FINDINGS_HPP
#define LAMINA_TESTING_FINDINGS_HPP

#include <cstddef>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace lamina {
namespace testing {

class Findings {
  public:
    // A sentence that names what was seen and what was promised. The list is cut off after a while: whoever finds the
    // first broken slot of a million finds the rest as well.
    void add(std::string sentence) {
        ++count_;
        if (sentences_.size() < most_kept) {
            sentences_.push_back(std::move(sentence));
        }
    }

    // Takes over another check's findings, each led by `where`.
    void add_all(const Findings &other, const std::string &where = std::string()) {
        for (const std::string &sentence : other.sentences_) {
            add(where.empty() ? sentence : where + ": " + sentence);
        }
        const std::size_t not_kept = other.count_ - other.sentences_.size();
        count_ += not_kept;
    }

    bool clean() const { return count_ == 0; }
    std::size_t count() const { return count_; }
    const std::vector<std::string> &sentences() const { return sentences_; }

    // The check doesn't concern this subject: it lacks an operation or a promise.
    void not_applicable(std::string reason) { reason_ = std::move(reason); }
    bool applicable() const { return reason_.empty(); }
    const std::string &reason() const { return reason_; }

    std::string text() const {
        std::string out;
        for (const std::string &sentence : sentences_) {
            out += sentence;
            out += '\n';
        }
        if (count_ > sentences_.size()) {
            out += "… and " + std::to_string(count_ - sentences_.size()) + " more\n";
        }
        return out;
    }

    bool mentions(const std::string &part) const { return text().find(part) != std::string::npos; }

  private:
    static constexpr std::size_t most_kept = 12;
    std::vector<std::string> sentences_;
    std::size_t count_ = 0;
    std::string reason_;
};

// say("wanted ", 3, ", got ", n): the pieces as one string.
template <typename... Pieces> std::string say(const Pieces &...pieces) {
    std::ostringstream out;
    (void)std::initializer_list<int>{((void)(out << pieces), 0)...};
    return out.str();
}

// Adds the sentence when the condition doesn't hold; returns the condition. The pieces are joined only when needed.
template <typename... Pieces> bool expect(Findings &findings, bool holds, const Pieces &...pieces) {
    if (!holds) {
        findings.add(say(pieces...));
    }
    return holds;
}

// A number from the environment, or the fallback.
inline unsigned long long environment_number(const char *name, unsigned long long fallback) {
    const char *const text = std::getenv(name);
    if (text == nullptr || *text == '\0') {
        return fallback;
    }
    char *end = nullptr;
    const unsigned long long value = std::strtoull(text, &end, 0);
    return *end == '\0' ? value : fallback;
}

// SplitMix64: small, seedable, the same on every machine (unlike the distributions of <random>).
class Random {
  public:
    explicit Random(unsigned long long seed) : state_(seed) {}

    unsigned long long next() {
        state_ += 0x9E3779B97F4A7C15ULL;
        unsigned long long z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31U);
    }
    std::size_t below(std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(next() % bound); }
    std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }

    template <typename T> void shuffle(std::vector<T> &items) {
        for (std::size_t i = items.size(); i > 1; --i) {
            std::swap(items[i - 1], items[below(i)]);
        }
    }

  private:
    unsigned long long state_;
};

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_FINDINGS_HPP
