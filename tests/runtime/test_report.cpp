// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/report.h"

#include <algorithm>

namespace
{

const lamina_corruption overwritten = {
    "numa_slab", "poison", "poison overwritten", reinterpret_cast<const void *>(static_cast<uintptr_t>(0x7F00)), 17,
    0xDE,        0x41};

} // namespace

TEST_CASE("a corruption is one line", "[report]")
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    const size_t length = lamina_corruption_line(line, sizeof line, &overwritten);
    REQUIRE(std::string(line) ==
            "lamina: numa_slab: poison: poison overwritten at 0x7f00 (offset 17: expected 0xde, found 0x41)\n");
    REQUIRE(length == std::strlen(line));
}

TEST_CASE("without two values there is nothing in parentheses", "[report]")
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    const lamina_corruption event = {"s", "slab", "double free", nullptr, 0, 0, 0};
    (void)lamina_corruption_line(line, sizeof line, &event);
    REQUIRE(std::string(line) == "lamina: s: slab: double free at 0x0\n");
}

TEST_CASE("the largest numbers and missing strings", "[report]")
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    const lamina_corruption event = {nullptr,  nullptr,    nullptr, reinterpret_cast<const void *>(UINTPTR_MAX),
                                     PTRDIFF_MIN, UINT64_MAX, 0};
    (void)lamina_corruption_line(line, sizeof line, &event);
    std::ostringstream expected;
    expected << "lamina: ?: ?: ? at 0x" << std::hex << UINTPTR_MAX << " (offset " << std::dec << PTRDIFF_MIN
             << ": expected 0x" << std::hex << UINT64_MAX << ", found 0x0)\n";
    REQUIRE(std::string(line) == expected.str());
}

TEST_CASE("a line that doesn't fit is cut and still ends", "[report]")
{
    char whole[LAMINA_CORRUPTION_LINE_BYTES];
    const size_t full = lamina_corruption_line(whole, sizeof whole, &overwritten);
    for (size_t capacity = 0; capacity <= full + 3; capacity++) {
        std::string line(capacity + 1, '#');
        const size_t length = lamina_corruption_line(line.data(), capacity, &overwritten);
        REQUIRE(line[capacity] == '#'); // nothing beyond what was given
        if (capacity >= 2) {
            REQUIRE(length == ((capacity > full) ? full : capacity - 1));
            REQUIRE(line[length - 1] == '\n');
            REQUIRE(line[length] == '\0');
            REQUIRE(line.compare(0, length - 1, whole, length - 1) == 0);
        } else {
            REQUIRE(length == 0);
            REQUIRE(((capacity == 0) || (line[0] == '\0')));
        }
    }
}

TEST_CASE("corruption ends the program and says why", "[report][death]")
{
    const support::Ending end = support::in_child([] { lamina_corruption_abort(&overwritten); });
    REQUIRE(end.signal == SIGABRT);
    REQUIRE(end.told.find("lamina: numa_slab: poison: poison overwritten at 0x7f00 (offset 17: expected 0xde, "
                          "found 0x41)\n") != std::string::npos);
}

TEST_CASE("corruption is reported with a closed standard error too", "[report][death]")
{
    const support::Ending end = support::in_child([] {
        (void)close(STDERR_FILENO);
        lamina_corruption_abort(&overwritten);
    });
    REQUIRE(end.signal == SIGABRT);
}

TEST_CASE("a failed assertion names its place", "[report][death]")
{
    const support::Ending end =
        support::in_child([] { lamina_assertion_abort("slab.c", 42, "the list is sorted"); });
    REQUIRE(end.signal == SIGABRT);
    REQUIRE(end.told.find("slab.c:42: assertion failed: the list is sorted\n") != std::string::npos);
}

TEST_CASE("assertions follow NDEBUG and evaluate at most once", "[report][death]")
{
    int evaluated = 0;
    LAMINA_DEBUG_ASSERT(++evaluated > 0, "evaluated");
    const support::Ending end = support::in_child([] { LAMINA_DEBUG_ASSERT(1 > 2, "one is more than two"); });
#if defined(NDEBUG)
    REQUIRE(evaluated == 0);
    REQUIRE(end.signal == 0);
#else
    REQUIRE(evaluated == 1);
    REQUIRE(end.signal == SIGABRT);
    REQUIRE(end.told.find("assertion failed: one is more than two\n") != std::string::npos);
#endif
}

TEST_CASE("a line of a failed assertion stays in its room, too", "[report]")
{
    const std::string full = "file.c:17: assertion failed: the reason\n";
    for (size_t capacity = 0; capacity <= full.size() + 3; capacity++) {
        INFO("capacity " << capacity);
        std::string line(capacity + 1, '#');
        const size_t length = lamina_assertion_line(line.data(), capacity, "file.c", 17, "the reason");
        REQUIRE(line[capacity] == '#');
        if (capacity >= 2) {
            REQUIRE(length == std::min(full.size(), capacity - 1));
            REQUIRE(line.substr(0, length) == full.substr(0, length - 1) + "\n");
            REQUIRE(line[length] == '\0');
        } else {
            REQUIRE(length == 0);
            REQUIRE(((capacity == 0) || (line[0] == '\0')));
        }
    }
}
