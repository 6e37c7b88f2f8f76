// environment.hpp: under what the tests run, as far as it changes how much they may do.
#ifndef LAMINA_TESTING_ENVIRONMENT_HPP
#define LAMINA_TESTING_ENVIRONMENT_HPP

#include <cstdio>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define LAMINA_TESTING_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAMINA_TESTING_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define LAMINA_TESTING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LAMINA_TESTING_TSAN 1
#endif
#endif
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define LAMINA_TESTING_MSAN 1
#endif
#endif
#ifndef LAMINA_TESTING_ASAN
#define LAMINA_TESTING_ASAN 0
#endif
#ifndef LAMINA_TESTING_TSAN
#define LAMINA_TESTING_TSAN 0
#endif
#ifndef LAMINA_TESTING_MSAN
#define LAMINA_TESTING_MSAN 0
#endif

// For the few functions that touch memory which a sanitizer may have been told is out of bounds.
#if defined(__clang__)
#define LAMINA_TESTING_UNSANITIZED __attribute__((noinline, no_sanitize("address", "thread", "memory", "undefined")))
#elif defined(__GNUC__)
#define LAMINA_TESTING_UNSANITIZED                                                                                     \
    __attribute__((noinline, no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#else
#define LAMINA_TESTING_UNSANITIZED
#endif

// A request that no heap can satisfy is NULL, as without a sanitizer, rather than the end of the program.
#if LAMINA_TESTING_ASAN
extern "C" __attribute__((used)) inline const char *__asan_default_options() { return "allocator_may_return_null=1"; }
#endif
#if LAMINA_TESTING_TSAN
extern "C" __attribute__((used)) inline const char *__tsan_default_options() { return "allocator_may_return_null=1"; }
#endif
#if LAMINA_TESTING_MSAN
extern "C" __attribute__((used)) inline const char *__msan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace lamina {
namespace testing {

constexpr bool with_sanitizer = LAMINA_TESTING_ASAN != 0 || LAMINA_TESTING_TSAN != 0 || LAMINA_TESTING_MSAN != 0;

// Valgrind maps its own core and preloads into the program: their names in the map tell.
inline bool under_valgrind() {
    static const bool answer = [] {
        bool found = false;
        if (std::FILE *const maps = std::fopen("/proc/self/maps", "r")) {
            char line[512];
            while (!found && std::fgets(line, sizeof line, maps) != nullptr) {
                found = std::strstr(line, "/vgpreload_") != nullptr;
            }
            (void)std::fclose(maps);
        }
        return found;
    }();
    return answer;
}

// Roughly how many times slower than plain code this build runs: time limits grow by it, repetitions shrink by it.
inline unsigned slowdown() { return under_valgrind() ? 12U : with_sanitizer ? 4U : 1U; }

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_ENVIRONMENT_HPP
