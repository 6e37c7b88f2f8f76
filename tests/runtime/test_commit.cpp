// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/commit.h"

#include <atomic>
#include <thread>
#include <vector>

namespace
{

size_t page()
{
    return lamina_os_page_size();
}

bool zero_until(const lamina_commit_t &mark, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        if (mark.base[i] != 0) {
            return false;
        }
    }
    return true;
}

} // namespace

TEST_CASE("a watermark rises in whole steps, and what lies beyond it faults", "[commit][death]")
{
    const size_t before = support::mapped_pages();
    lamina_commit_t mark = {};
    const size_t bytes = 10 * page() + 1; // 11 pages, 3 steps and two pages
    REQUIRE_WORKS(lamina_commit_init(&mark, bytes, 8 * page(), 3 * page() - 1));
    REQUIRE(mark.reserved == 11 * page());
    REQUIRE(mark.step == 3 * page());
    REQUIRE(mark.committed == 0);
    REQUIRE(lamina_is_aligned(mark.base, 8 * page()));
    REQUIRE(support::faults_on_read(mark.base));

    REQUIRE_WORKS(lamina_commit_to(&mark, 0));
    REQUIRE(mark.committed == 0);
    REQUIRE_WORKS(lamina_commit_to(&mark, 1));
    REQUIRE(mark.committed == 3 * page());
    REQUIRE_WORKS(lamina_commit_to(&mark, 3 * page()));
    REQUIRE(mark.committed == 3 * page());
    REQUIRE_WORKS(lamina_commit_to(&mark, 3 * page() + 1));
    REQUIRE(mark.committed == 6 * page());
    REQUIRE(zero_until(mark, 6 * page()));
    std::memset(mark.base, 7, 6 * page());
    REQUIRE(support::faults_on_write(mark.base + 6 * page()));
    REQUIRE_WORKS(lamina_commit_to(&mark, bytes));
    REQUIRE(mark.committed == 11 * page()); // the end, though the step goes on
    mark.base[11 * page() - 1] = 1;
    REQUIRE(mark.base[6 * page() - 1] == 7);
    REQUIRE_REFUSED(lamina_commit_to(&mark, 11 * page() + 1), EINVAL);
    REQUIRE_REFUSED(lamina_commit_to(&mark, SIZE_MAX), EINVAL);
    REQUIRE_REFUSED(lamina_commit_to_shared(&mark, SIZE_MAX), EINVAL);
    REQUIRE(mark.committed == 11 * page());

    REQUIRE_WORKS(lamina_commit_trim(&mark, 3 * page() + 1));
    REQUIRE(mark.committed == 6 * page());
    REQUIRE(support::faults_on_read(mark.base + 6 * page()));
    REQUIRE_WORKS(lamina_commit_trim(&mark, 11 * page())); // more than there is: nothing to do
    REQUIRE(mark.committed == 6 * page());
    REQUIRE_WORKS(lamina_commit_trim(&mark, 0));
    REQUIRE(mark.committed == 0);
    REQUIRE_WORKS(lamina_commit_to(&mark, bytes));
    REQUIRE(zero_until(mark, bytes));

    REQUIRE_WORKS(lamina_commit_release(&mark));
    REQUIRE(mark.base == nullptr);
    REQUIRE_REFUSED(lamina_commit_release(&mark), EINVAL);
    REQUIRE_REFUSED(lamina_commit_to(&mark, 1), EINVAL); // an empty one has nothing to give
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("a watermark that makes no sense isn't made", "[commit]")
{
    const size_t before = support::mapped_pages();
    lamina_commit_t mark = {};
    mark.step = 42;
    REQUIRE_REFUSED(lamina_commit_init(nullptr, page(), 1, 0), EINVAL);
    REQUIRE_REFUSED(lamina_commit_init(&mark, 0, 1, 0), EINVAL);
    REQUIRE_REFUSED(lamina_commit_init(&mark, SIZE_MAX, 1, 0), EINVAL);
    REQUIRE_REFUSED(lamina_commit_init(&mark, page(), 0, 0), EINVAL);
    REQUIRE_REFUSED(lamina_commit_init(&mark, page(), 3, 0), EINVAL);
    REQUIRE_REFUSED(lamina_commit_init(&mark, page(), 1, SIZE_MAX), EINVAL);
    REQUIRE_REFUSED(lamina_commit_release(nullptr), EINVAL);
    REQUIRE_REFUSED(lamina_commit_trim(nullptr, 0), EINVAL);
    REQUIRE(mark.step == 42);
    REQUIRE(mark.base == nullptr);
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }

    // A step of no bytes is a page; one larger than the whole takes the whole.
    REQUIRE(lamina_commit_init(&mark, 4 * page(), 1, 0));
    REQUIRE(mark.step == page());
    REQUIRE(lamina_commit_release(&mark));
    REQUIRE(lamina_commit_init(&mark, 2 * page(), 1, SIZE_MAX / 2 + 1));
    REQUIRE(lamina_commit_to(&mark, 1));
    REQUIRE(mark.committed == 2 * page());
    REQUIRE(lamina_commit_release(&mark));
}

TEST_CASE("threads that grow one watermark find all of it usable", "[commit][threads]")
{
    const size_t bytes = 512 * page();
    const size_t threads = 4;
    lamina_commit_t mark = {};
    REQUIRE(lamina_commit_init(&mark, bytes, 1, 3 * page()));
    std::atomic<size_t> next{0};
    std::atomic<bool> wrong{false};
    std::vector<std::thread> all;
    for (size_t t = 0; t < threads; t++) {
        all.emplace_back([&] {
            size_t highest = 0;
            for (size_t i = 0; (i = next.fetch_add(1)) < 512;) {
                const size_t need = (i + 1) * page();
                if (!lamina_commit_to_shared(&mark, need)) {
                    wrong = true;
                    return;
                }
                const size_t seen = lamina_atomic_load_size_acquire(&mark.committed);
                wrong = wrong || (seen < need) || (seen < highest) || ((seen % (3 * page()) != 0) && (seen != bytes));
                highest = seen;
                for (size_t at = 0; at < seen; at += 16 * page()) {
                    (void)*static_cast<volatile unsigned char *>(&mark.base[at]);
                }
                mark.base[need - 1] = 1; // faults where the watermark promised too much
            }
        });
    }
    for (std::thread &thread : all) {
        thread.join();
    }
    REQUIRE_FALSE(wrong);
    REQUIRE(mark.committed == bytes);
    REQUIRE(lamina_commit_release(&mark));
}
