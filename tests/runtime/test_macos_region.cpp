// SPDX-License-Identifier: MIT
//
// The walk over the regions of macOS's kernel, which decides there what is mapped and what is locked. It calls
// nothing of that system itself, so that it is tested here, on regions that are told to it.
#include "support.hpp"

#include "../../runtime/platform/macos/region.h"

#include <vector>

namespace
{

struct Region {
    uintptr_t start;
    size_t bytes;
    bool locked;
};

std::vector<Region> regions; // in ascending order
int questions;

// As vm_region_recurse_64() answers: the first region that ends behind the address.
int ask(uintptr_t *at, size_t *bytes, bool *locked)
{
    questions++;
    for (const Region &region : regions) {
        if (*at - region.start < region.bytes || region.start > *at) {
            *at = region.start;
            *bytes = region.bytes;
            *locked = region.locked;
            return 0;
        }
    }
    return -1;
}

bool mapped(uintptr_t at, size_t bytes, bool *locked)
{
    return lamina_macos_walk_(ask, reinterpret_cast<const void *>(at), bytes, locked);
}

} // namespace

TEST_CASE("a walk over regions finds holes and locks", "[macos]")
{
    const uintptr_t last = UINTPTR_MAX - 0xFFFU; // the last page of the address space
    regions = {{0x10000, 0x4000, false},
               {0x14000, 0x2000, true},
               {0x16000, 0x1000, false},
               {0x18000, 0x1000, false},
               {last, 0x1000, false}};
    const struct {
        uintptr_t at;
        size_t bytes;
        bool mapped;
        bool locked;
    } cases[] = {
        {0x10000, 0x4000, true, false},  // all of one
        {0x11000, 0x1000, true, false},  // the middle of one
        {0x13000, 0x2000, true, true},   // across a boundary
        {0x10000, 0x7000, true, true},   // three of them
        {0x16000, 0x1000, true, false},  // behind the locked one
        {0x10000, 0x8000, false, true},  // a hole at the end …
        {0x16000, 0x3000, false, false}, // … in the middle …
        {0x17000, 0x2000, false, false}, // … at the start: the answer is the region behind it
        {0x17000, 0x1000, false, false}, // … and alone
        {0xF000, 0x2000, false, false},  // before all
        {0x20000, 0x1000, false, false}, // between the last two
        {last, 0xFFF, true, false},      // at the end of the address space
    };
    for (const auto &it : cases) {
        INFO("at " << it.at << ", bytes " << it.bytes);
        bool locked = true;
        REQUIRE(mapped(it.at, it.bytes, &locked) == it.mapped);
        REQUIRE((!it.mapped || (locked == it.locked)));
    }
    regions.clear();
    questions = 0;
    bool locked = true;
    REQUIRE_FALSE(mapped(0x1000, 0x1000, &locked));
    REQUIRE_FALSE(locked);
    REQUIRE(questions == 1);
}
