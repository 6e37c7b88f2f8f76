// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/os.h"
#include "lamina/secret.h"

#include <cerrno>
#include <cstddef>
#include <thread>
#include <vector>

namespace
{

size_t page()
{
    return lamina_os_page_size();
}

char *as_bytes(void *p)
{
    return static_cast<char *>(p);
}

size_t resident(const void *p, size_t bytes)
{
    size_t out = SIZE_MAX;
    REQUIRE_WORKS(lamina_os_query(p, bytes, &out));
    return out;
}

bool all_bytes_are(const void *p, size_t bytes, unsigned char value)
{
    const auto *const at = static_cast<const unsigned char *>(p);
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] != value) {
            return false;
        }
    }
    return true;
}

bool kernel_has_transparent_huge_pages()
{
    return access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) == 0;
}

size_t free_huge_pages_2m()
{
    std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
    size_t out = 0;
    file >> out;
    return out;
}

} // namespace

TEST_CASE("page size and granularity", "[os]")
{
    REQUIRE(page() == static_cast<size_t>(sysconf(_SC_PAGESIZE)));
    REQUIRE(lamina_is_pow2(page()));
    REQUIRE(lamina_is_pow2(lamina_os_granularity()));
    REQUIRE(lamina_os_granularity() >= page());
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) {
        threads.emplace_back([] { (void)lamina_os_page_size(); });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
}

TEST_CASE("requests that make no sense are refused before the system is asked", "[os]")
{
    void *const p = lamina_os_map(4 * page(), 0);
    REQUIRE(p != nullptr);
    std::memset(p, 0x77, 4 * page());
    const size_t before = support::mapped_pages();
    size_t out = 42;

    for (const size_t bytes : {static_cast<size_t>(0), SIZE_MAX, SIZE_MAX - page() + 2}) {
        INFO("bytes " << bytes);
        REQUIRE_REFUSED(lamina_os_reserve(bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_reserve_aligned(bytes, page()), EINVAL);
        REQUIRE_REFUSED(lamina_os_map(bytes, 0), EINVAL);
        REQUIRE_REFUSED(lamina_os_map(bytes, LAMINA_MAP_HUGE_2M), EINVAL);
        REQUIRE_REFUSED(lamina_os_map(bytes, LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_FALLBACK), EINVAL);
        REQUIRE_REFUSED(lamina_os_map(bytes, LAMINA_MAP_HUGE_TRANSPARENT), EINVAL);
        REQUIRE_REFUSED(lamina_os_map_ex(bytes, 0, &out), EINVAL);
    }
    REQUIRE_REFUSED(lamina_os_reserve_aligned(page(), 0), EINVAL);
    REQUIRE_REFUSED(lamina_os_reserve_aligned(page(), 3 * page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_reserve_aligned(SIZE_MAX / 2, SIZE_MAX / 2 + 1), support::too_much);
    REQUIRE_REFUSED(lamina_os_reserve_aligned(SIZE_MAX - 4 * page() + 1, SIZE_MAX / 2 + 1), EINVAL);

    REQUIRE_REFUSED(lamina_os_map(page(), 0x40U), EINVAL);
    REQUIRE_REFUSED(lamina_os_map(page(), 0x80000000U), EINVAL);
    REQUIRE_REFUSED(lamina_os_map(page(), LAMINA_MAP_HUGE_FALLBACK), EINVAL);
    REQUIRE_REFUSED(lamina_os_map(page(), LAMINA_MAP_HUGE_2M | LAMINA_MAP_NORESERVE), EINVAL);
    REQUIRE_REFUSED(lamina_os_map(page(), LAMINA_MAP_HUGE_1G | LAMINA_MAP_NORESERVE | LAMINA_MAP_HUGE_FALLBACK),
                    EINVAL);
    REQUIRE_REFUSED(lamina_os_protect(p, page(), 8), EINVAL);
    REQUIRE_REFUSED(lamina_os_name(p, page(), nullptr), EINVAL);
    REQUIRE(out == 42);

    const struct {
        void *p;
        size_t bytes;
    } ranges[] = {
        {nullptr, page()},                  // nowhere
        {p, 0},                             // nothing
        {as_bytes(p) + 1, page()},          // not on a page
        {as_bytes(p) + page() / 2, page()}, // nor this
        {p, SIZE_MAX},                      // overflows when rounded
        {p, SIZE_MAX - page() + 1},         // wraps around the end of the address space
    };
    for (const auto &range : ranges) {
        INFO("address " << range.p << ", bytes " << range.bytes);
        REQUIRE_REFUSED(lamina_os_commit(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_decommit(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_discard(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_populate(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_release(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_protect(range.p, range.bytes, LAMINA_PROTECT_READ), EINVAL);
        REQUIRE_REFUSED(lamina_os_guard(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_unguard(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_name(range.p, range.bytes, "test"), EINVAL);
        REQUIRE_REFUSED(lamina_os_huge_advise(range.p, range.bytes), EINVAL);
        REQUIRE_REFUSED(lamina_os_query(range.p, range.bytes, &out), EINVAL);
    }
    REQUIRE(out == 42);
    REQUIRE(all_bytes_are(p, 4 * page(), 0x77));
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() <= before);
    }
    REQUIRE_WORKS(lamina_os_release(p, 4 * page()));
}

TEST_CASE("reserved address space has no memory, no charge and no access", "[os][death]")
{
    constexpr size_t bytes = static_cast<size_t>(1) << 34; // more than many machines have
    support::forget_error();
    void *const p = lamina_os_reserve(bytes);
    REQUIRE(p != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(lamina_is_aligned(p, page()));
    REQUIRE(resident(p, static_cast<size_t>(64) << 20) == 0);
    REQUIRE(support::faults_on_read(p));
    REQUIRE(support::faults_on_write(p));
    REQUIRE(support::faults_on_write(as_bytes(p) + bytes - 1));
    const support::Mapping mapping = support::mapping_of(p);
    REQUIRE(mapping.found);
    REQUIRE(mapping.rights == "---p");
    REQUIRE(mapping.flags.find(" nr ") != std::string::npos); // not charged
    REQUIRE(mapping.flags.find(" ac ") == std::string::npos);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    REQUIRE_FALSE(support::mapping_of(p).found);
}

TEST_CASE("commit opens exactly its pages, decommit closes them", "[os][death]")
{
    auto *const p = as_bytes(lamina_os_reserve(8 * page()));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_os_commit(p, 2 * page() - 1)); // rounded up
    REQUIRE(resident(p, 8 * page()) == 0);              // open, and still nothing there
    REQUIRE(all_bytes_are(p, 2 * page(), 0));
    std::memset(p, 1, 2 * page());
    REQUIRE(resident(p, 8 * page()) == 2 * page());
    REQUIRE(support::faults_on_write(p + 2 * page()));
    REQUIRE(support::faults_on_read(p + 2 * page()));

    // The next step, overlapping what is there already.
    REQUIRE_WORKS(lamina_os_commit(p, 4 * page()));
    REQUIRE(all_bytes_are(p, 2 * page(), 1));
    std::memset(p + 2 * page(), 2, 2 * page());
    REQUIRE(support::faults_on_write(p + 4 * page()));

    REQUIRE_WORKS(lamina_os_decommit(p + page(), 2 * page()));
    REQUIRE(all_bytes_are(p, page(), 1));
    REQUIRE(all_bytes_are(p + 3 * page(), page(), 2));
    REQUIRE(support::faults_on_read(p + page()));
    REQUIRE(support::faults_on_write(p + 3 * page() - 1));
    REQUIRE(resident(p, 8 * page()) == 2 * page());

    REQUIRE_WORKS(lamina_os_commit(p + page(), 2 * page()));
    REQUIRE(all_bytes_are(p + page(), 2 * page(), 0)); // the old contents are gone
    REQUIRE_WORKS(lamina_os_release(p, 8 * page()));
}

TEST_CASE("a reservation starts where it is asked to, and takes no more than it says", "[os]")
{
    for (size_t align = 1; align <= static_cast<size_t>(1) << 30; align *= 4) {
        for (const size_t bytes : {static_cast<size_t>(1), 3 * page(), static_cast<size_t>(3) << 20}) {
            INFO("align " << align << ", bytes " << bytes);
            const size_t before = support::mapped_pages();
            support::forget_error();
            void *const p = lamina_os_reserve_aligned(bytes, align);
            REQUIRE(p != nullptr);
            REQUIRE(lamina_last_os_error() == support::untouched);
            REQUIRE(lamina_is_aligned(p, align));
            REQUIRE(lamina_is_aligned(p, page()));
            if (support::mappings_are_ours()) {
                REQUIRE(support::mapped_pages() - before == lamina_round_up(bytes, page()) / page());
            }
            REQUIRE_WORKS(lamina_os_commit(p, bytes));
            as_bytes(p)[bytes - 1] = 1;
            REQUIRE_WORKS(lamina_os_release(p, bytes));
            if (support::mappings_are_ours()) {
                REQUIRE(support::mapped_pages() == before);
            }
        }
    }
}

TEST_CASE("a reservation beyond the address space fails cleanly", "[os]")
{
    const size_t before = support::mapped_pages();
    REQUIRE_REFUSED(lamina_os_reserve(SIZE_MAX / 2), support::too_much);
    REQUIRE_REFUSED(lamina_os_map(SIZE_MAX / 2, 0), support::too_much);
    REQUIRE_REFUSED(lamina_os_map(SIZE_MAX / 2, LAMINA_MAP_HUGE_TRANSPARENT), support::too_much);
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("mapped memory is zero, usable and lazily had", "[os]")
{
    for (const unsigned flags : {0U, LAMINA_MAP_NORESERVE}) {
        size_t got = 0;
        const size_t bytes = 5 * page() + 1;
        const size_t before = support::mapped_pages();
        support::forget_error();
        auto *const p = as_bytes(lamina_os_map_ex(bytes, flags, &got));
        REQUIRE(p != nullptr);
        REQUIRE(lamina_last_os_error() == support::untouched);
        REQUIRE(got == page());
        REQUIRE(resident(p, bytes) == 0);
        REQUIRE(all_bytes_are(p, 6 * page(), 0));
        std::memset(p, 0xFF, 6 * page());
        const support::Mapping mapping = support::mapping_of(p);
        REQUIRE(mapping.rights == "rw-p");
        REQUIRE((mapping.flags.find(" nr ") != std::string::npos) == (flags == LAMINA_MAP_NORESERVE));
        REQUIRE_WORKS(lamina_os_release(p, bytes));
        if (support::mappings_are_ours()) {
            REQUIRE(support::mapped_pages() == before);
        }
    }
}

TEST_CASE("populated memory is there at once", "[os]")
{
    const size_t bytes = 16 * page();
    void *const p = lamina_os_map(bytes, LAMINA_MAP_POPULATE);
    REQUIRE(p != nullptr);
    REQUIRE(resident(p, bytes) == bytes);
    REQUIRE(all_bytes_are(p, bytes, 0));
    REQUIRE_WORKS(lamina_os_release(p, bytes));

    auto *const q = as_bytes(lamina_os_map(bytes, 0));
    REQUIRE(q != nullptr);
    std::memset(q + 3 * page(), 9, page());
    REQUIRE_WORKS(lamina_os_populate(q + 2 * page(), 4 * page()));
    REQUIRE(resident(q, bytes) == 4 * page());
    REQUIRE(all_bytes_are(q + 3 * page(), page(), 9));
    REQUIRE_WORKS(lamina_os_release(q, bytes));
}

TEST_CASE("populating what may not be touched fails", "[os]")
{
    void *const p = lamina_os_reserve(2 * page());
    REQUIRE(p != nullptr);
    // In a child: a kernel that can't populate has the pages touched.
    const support::Ending end = support::in_child([p] {
        const bool refused = !lamina_os_populate(p, page()) && (lamina_last_os_error() == EINVAL);
        _exit(refused ? 1 : 2);
    });
    REQUIRE(((end.status == 1) || (end.signal == SIGSEGV)));
    REQUIRE_WORKS(lamina_os_release(p, 2 * page()));
}

TEST_CASE("transparent huge pages are advised on an aligned mapping", "[os]")
{
    const size_t bytes = (static_cast<size_t>(5) << 20) + 1;
    const size_t before = support::mapped_pages();
    size_t got = 0;
    if (!kernel_has_transparent_huge_pages()) {
        REQUIRE_REFUSED(lamina_os_map_ex(bytes, LAMINA_MAP_HUGE_TRANSPARENT, &got), EINVAL);
        REQUIRE(got == 0);
    }
    const unsigned fallback = kernel_has_transparent_huge_pages() ? 0U : LAMINA_MAP_HUGE_FALLBACK;
    support::forget_error();
    void *const p = lamina_os_map_ex(bytes, LAMINA_MAP_HUGE_TRANSPARENT | fallback, &got);
    REQUIRE(p != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(lamina_is_aligned(p, LAMINA_HUGE_2M));
    REQUIRE(got == page());
    if (fallback == 0) {
        REQUIRE(support::mapping_of(p).flags.find(" hg ") != std::string::npos);
    }
    std::memset(p, 1, bytes);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
    if (kernel_has_transparent_huge_pages()) {
        void *const q = lamina_os_map(bytes, 0);
        REQUIRE(q != nullptr);
        REQUIRE_WORKS(lamina_os_huge_advise(q, bytes));
        REQUIRE(support::mapping_of(q).flags.find(" hg ") != std::string::npos);
        REQUIRE_WORKS(lamina_os_release(q, bytes));
    }
}

TEST_CASE("explicit huge pages are had or refused, and told", "[os]")
{
    const size_t bytes = LAMINA_HUGE_2M - 5; // one of them, not a multiple
    size_t got = 1;
    const size_t before = support::mapped_pages();
    support::forget_error();
    void *p = lamina_os_map_ex(bytes, LAMINA_MAP_HUGE_2M | LAMINA_MAP_POPULATE, &got);
    if (p != nullptr) {
        REQUIRE(lamina_last_os_error() == support::untouched);
        REQUIRE(got == LAMINA_HUGE_2M);
        REQUIRE(lamina_is_aligned(p, LAMINA_HUGE_2M));
        REQUIRE(support::mapping_of(p).flags.find(" ht ") != std::string::npos);
        std::memset(p, 1, LAMINA_HUGE_2M);
        REQUIRE_WORKS(lamina_os_release(p, bytes)); // by the size that was asked for
        REQUIRE_FALSE(support::mapping_of(p).found);
    } else {
        REQUIRE(free_huge_pages_2m() == 0);
        REQUIRE(((lamina_last_os_error() == ENOMEM) || (lamina_last_os_error() == EINVAL)));
        REQUIRE(got == 1);
    }
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }

    support::forget_error();
    p = lamina_os_map_ex(bytes, LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M | LAMINA_MAP_HUGE_FALLBACK, &got);
    REQUIRE(p != nullptr);
    REQUIRE(lamina_last_os_error() == support::untouched);
    REQUIRE(((got == LAMINA_HUGE_1G) || (got == LAMINA_HUGE_2M) || (got == page())));
    REQUIRE(lamina_is_aligned(p, got));
    std::memset(p, 1, bytes);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("discarded pages are given back, stay usable and read as zero", "[os]")
{
    const size_t bytes = 4 * page();
    auto *const p = as_bytes(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0xAB, bytes);
    REQUIRE_WORKS(lamina_os_discard(p + page(), 2 * page()));
    REQUIRE(resident(p, bytes) == 2 * page());
    REQUIRE(all_bytes_are(p, page(), 0xAB));
    REQUIRE(all_bytes_are(p + page(), 2 * page(), 0));
    REQUIRE(all_bytes_are(p + 3 * page(), page(), 0xAB));
    std::memset(p, 0xCD, bytes);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
}

TEST_CASE("rights are set exactly, all eight combinations", "[os][death]")
{
    auto *const p = as_bytes(lamina_os_map(3 * page(), 0));
    REQUIRE(p != nullptr);
    for (unsigned rights = 0; rights < 8; rights++) {
        INFO("rights " << rights);
        REQUIRE_WORKS(lamina_os_protect(p + page(), page(), rights));
        std::string expected = "---p";
        expected[0] = ((rights & LAMINA_PROTECT_READ) != 0) ? 'r' : '-';
        expected[1] = ((rights & LAMINA_PROTECT_WRITE) != 0) ? 'w' : '-';
        expected[2] = ((rights & LAMINA_PROTECT_EXECUTE) != 0) ? 'x' : '-';
        REQUIRE(support::mapping_of(p + page()).rights == expected);
        REQUIRE(support::mapping_of(p).rights == "rw-p");
        REQUIRE(support::mapping_of(p + 2 * page()).rights == "rw-p");
        REQUIRE(support::faults_on_write(p + page()) == ((rights & LAMINA_PROTECT_WRITE) == 0));
        if ((rights & LAMINA_PROTECT_READ) != 0) {
            REQUIRE_FALSE(support::faults_on_read(p + page()));
        } else if (rights == LAMINA_PROTECT_NONE) {
            REQUIRE(support::faults_on_read(p + page()));
        }
    }
    REQUIRE_WORKS(lamina_os_release(p, 3 * page()));
}

TEST_CASE("a guard faults, its neighbours don't, and it can be taken away", "[os][death]")
{
    auto *const p = as_bytes(lamina_os_map(4 * page(), 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0x11, 4 * page());
    REQUIRE_WORKS(lamina_os_guard(p + page(), 2 * page()));
    REQUIRE(support::faults_on_read(p + page()));
    REQUIRE(support::faults_on_write(p + page()));
    REQUIRE(support::faults_on_write(p + 3 * page() - 1));
    REQUIRE(all_bytes_are(p, page(), 0x11));
    REQUIRE(all_bytes_are(p + 3 * page(), page(), 0x11));
    REQUIRE_WORKS(lamina_os_unguard(p + page(), 2 * page()));
    std::memset(p, 0x22, 4 * page());
    REQUIRE(all_bytes_are(p, 4 * page(), 0x22));
    REQUIRE_WORKS(lamina_os_guard(p, page()));
    REQUIRE_WORKS(lamina_os_release(p, 4 * page()));
    REQUIRE_FALSE(support::mapping_of(p).found);
}

TEST_CASE("a reserved range can be guarded too", "[os][death]")
{
    auto *const p = as_bytes(lamina_os_reserve(2 * page()));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_os_guard(p, page()));
    REQUIRE(support::faults_on_read(p));
    REQUIRE_WORKS(lamina_os_unguard(p, page()));
    *p = 1;
    REQUIRE(support::faults_on_write(p + page()));
    REQUIRE_WORKS(lamina_os_release(p, 2 * page()));
}

TEST_CASE("a name is there or isn't, and its absence is no error", "[os]")
{
    void *const p = lamina_os_map(page(), 0);
    REQUIRE(p != nullptr);
    support::forget_error();
    const bool named = lamina_os_name(p, page(), "lamina test");
    REQUIRE(lamina_last_os_error() == support::untouched);
    std::ifstream file("/proc/self/maps");
    std::ostringstream maps;
    maps << file.rdbuf();
    REQUIRE((maps.str().find("[anon:lamina test]") != std::string::npos) == named);
    REQUIRE_WORKS(lamina_os_release(p, page()));
}

TEST_CASE("what is resident is counted over more than one question's worth of pages", "[os]")
{
    const size_t pages = 2500;
    auto *const p = as_bytes(lamina_os_map(pages * page(), LAMINA_MAP_NORESERVE));
    REQUIRE(p != nullptr);
    for (size_t i = 0; i < pages; i += 5) {
        p[i * page()] = 1;
    }
    REQUIRE(resident(p, pages * page()) == pages / 5 * page());
    REQUIRE(resident(p + page(), 4 * page()) == 0);
    REQUIRE_WORKS(lamina_os_release(p + 1200 * page(), page())); // a hole: part of it isn't mapped
    size_t out = 7;
    REQUIRE_REFUSED(lamina_os_query(p, pages * page(), &out), EINVAL);
    REQUIRE(out == 7);
    REQUIRE_REFUSED(lamina_os_commit(p, pages * page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_release(p, pages * page()), EINVAL);
    REQUIRE_WORKS(lamina_os_release(p, 1200 * page()));
    REQUIRE_WORKS(lamina_os_release(p + 1201 * page(), (pages - 1201) * page()));
}

TEST_CASE("a second release is refused, and so is one of more than there is", "[os]")
{
    const size_t before = support::mapped_pages();
    auto *const p = as_bytes(lamina_os_reserve(4 * page()));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_os_release(p + 2 * page(), 2 * page()));
    REQUIRE_REFUSED(lamina_os_release(p + 2 * page(), 2 * page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_release(p + page(), 2 * page()), EINVAL);
    REQUIRE(support::mapping_of(p + page()).found); // what the refused one was partly about is there
    REQUIRE_WORKS(lamina_os_release(p, 2 * page()));
    REQUIRE_REFUSED(lamina_os_release(p, 2 * page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_commit(p, page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_protect(p, page(), LAMINA_PROTECT_READ), EINVAL);
    REQUIRE_REFUSED(lamina_os_discard(p, page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_populate(p, page()), EINVAL);
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("purged pages stay usable, and what they hold is told", "[os]")
{
    const size_t bytes = 16 * page();
    auto *const p = as_bytes(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0x5A, bytes);
    lamina_os_contents contents = LAMINA_CONTENTS_ZERO;
    REQUIRE_WORKS(lamina_os_purge(p + page(), bytes - page(), &contents));
    REQUIRE(p[0] == 0x5A);
    if (contents == LAMINA_CONTENTS_ZERO) {
        REQUIRE(all_bytes_are(p + page(), bytes - page(), 0));
    } else {
        REQUIRE(contents == LAMINA_CONTENTS_UNDEFINED);
        for (size_t i = 1; i < 16; i++) { // page by page, as before or zero
            REQUIRE((all_bytes_are(p + i * page(), page(), 0x5A) || all_bytes_are(p + i * page(), page(), 0)));
        }
    }
    REQUIRE_WORKS(lamina_os_reuse(p, bytes));
    std::memset(p, 0x5B, bytes);
    REQUIRE(all_bytes_are(p, bytes, 0x5B));
    REQUIRE_REFUSED(lamina_os_purge(p, bytes, nullptr), EINVAL);
    contents = LAMINA_CONTENTS_ZERO;
    REQUIRE_REFUSED(lamina_os_purge(p + 1, page(), &contents), EINVAL);
    REQUIRE_REFUSED(lamina_os_purge(p, 0, &contents), EINVAL);
    REQUIRE_REFUSED(lamina_os_purge(p, SIZE_MAX - page() + 1, &contents), EINVAL);
    REQUIRE_REFUSED(lamina_os_reuse(p + 1, page()), EINVAL);
    REQUIRE_WORKS(lamina_os_release(p, bytes));
    REQUIRE_REFUSED(lamina_os_query(p, bytes, nullptr), EINVAL);
    REQUIRE_REFUSED(lamina_os_purge(p, bytes, &contents), EINVAL);
    REQUIRE(contents == LAMINA_CONTENTS_ZERO);
    contents = LAMINA_CONTENTS_UNDEFINED;
    REQUIRE_REFUSED(lamina_os_purge(p, bytes, &contents), EINVAL);
    REQUIRE(contents == LAMINA_CONTENTS_UNDEFINED);
}

TEST_CASE("a mapping can be released piece by piece", "[os]")
{
    const size_t before = support::mapped_pages();
    auto *const p = as_bytes(lamina_os_map(3 * page(), 0));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_os_release(p + page(), page()));
    p[0] = 1;
    p[2 * page()] = 1;
    REQUIRE_WORKS(lamina_os_release(p, page()));
    REQUIRE_WORKS(lamina_os_release(p + 2 * page(), 1));
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("the system's heap, every alignment", "[os]")
{
    for (size_t align = 1; align <= 65536; align *= 2) {
        for (const size_t bytes : {1U, 15U, 64U, 1000U, 70000U}) {
            support::forget_error();
            void *const p = lamina_os_heap_alloc(bytes, align);
            REQUIRE(p != nullptr);
            REQUIRE(lamina_last_os_error() == support::untouched);
            REQUIRE(lamina_is_aligned(p, align));
            std::memset(p, 1, bytes);
            lamina_os_heap_free(p);
        }
    }
    lamina_os_heap_free(nullptr);
    REQUIRE_REFUSED(lamina_os_heap_alloc(0, 8), EINVAL);
    REQUIRE_REFUSED(lamina_os_heap_alloc(8, 0), EINVAL);
    REQUIRE_REFUSED(lamina_os_heap_alloc(8, 24), EINVAL);
    REQUIRE_REFUSED(lamina_os_heap_alloc(SIZE_MAX, 64), EINVAL);
    REQUIRE_REFUSED(lamina_os_heap_alloc(SIZE_MAX - 7, 16), EINVAL);
}

TEST_CASE("a range with a hole is refused, and what lies beside the hole is as it was", "[os][death]")
{
    const size_t bytes = 6 * page();
    auto *const p = as_bytes(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0x5E, bytes);
    REQUIRE_WORKS(lamina_os_protect(p + page(), page(), LAMINA_PROTECT_READ));
    REQUIRE_WORKS(lamina_os_release(p + 4 * page(), page()));
    const size_t before = support::mapped_pages();
    const auto intact = [&] {
        REQUIRE(all_bytes_are(p, 4 * page(), 0x5E));
        REQUIRE(all_bytes_are(p + 5 * page(), page(), 0x5E));
        for (const size_t i : {0U, 2U, 3U, 5U}) {
            REQUIRE(support::mapping_of(p + i * page()).rights == "rw-p");
            REQUIRE(support::mapping_of(p + i * page()).flags.find(" lo ") == std::string::npos);
            REQUIRE(support::mapping_of(p + i * page()).flags.find(" hg ") == std::string::npos);
        }
        REQUIRE(support::mapping_of(p + page()).rights == "r--p");
        REQUIRE_FALSE(support::mapping_of(p + 4 * page()).found);
        if (support::mappings_are_ours()) {
            REQUIRE(support::mapped_pages() == before);
        }
    };
    lamina_os_contents told = LAMINA_CONTENTS_ZERO;
    size_t out = 7;
    const struct {
        size_t first;
        size_t pages;
    } ranges[] = {{0, 6}, {3, 2}, {4, 1}, {4, 2}}; // the hole inside, at the end, alone, at the start
    for (const auto &range : ranges) {
        INFO("page " << range.first << ", pages " << range.pages);
        void *const at = p + range.first * page();
        const size_t size = range.pages * page();
        REQUIRE_REFUSED(lamina_os_commit(at, size), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_decommit(at, size), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_discard(at, size), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_purge(at, size, &told), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_populate(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_protect(at, size, LAMINA_PROTECT_NONE), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_guard(at, size), EINVAL);
        intact();
        REQUIRE_REFUSED(lamina_os_unguard(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_huge_advise(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_query(at, size, &out), EINVAL);
        REQUIRE_REFUSED(lamina_os_release(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_lock(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_lock_on_touch(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_unlock(at, size), EINVAL);
        REQUIRE_REFUSED(lamina_secret_release(at, size), EINVAL);
        intact();
    }
    REQUIRE(out == 7);
    REQUIRE(told == LAMINA_CONTENTS_ZERO);
    REQUIRE_WORKS(lamina_os_release(p, 4 * page()));
    REQUIRE_WORKS(lamina_os_release(p + 5 * page(), page()));
}
