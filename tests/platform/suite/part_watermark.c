/* SPDX-License-Identifier: MIT */
/* A commit watermark: contiguous, in whole steps, moved by no refusal; by one thread and by several. */
#include "suite.h"

#include "lamina/commit.h"

static lamina_commit_t mark;

static void alone(size_t page)
{
    const size_t step = 4U * page;
    CASE("watermark", "all below it is usable, all above faults, it moves in whole steps")
    {
        const host_memory before = host_memory_now();
        EXPECT_WORKS(lamina_commit_init(&mark, 64U * page, 1U, step));
        EXPECT((mark.committed == 0U) && (mark.reserved == 64U * page) && host_faults(mark.base, HOST_READ));
        EXPECT_WORKS(lamina_commit_to(&mark, 1U));
        EXPECT((mark.committed == step) && !host_faults(mark.base + step - 1U, HOST_WRITE));
        EXPECT(host_faults(mark.base + step, HOST_READ));
        EXPECT_WORKS(lamina_commit_to(&mark, step + 1U));
        EXPECT((mark.committed == 2U * step) && (mark.base[step - 1U] == 1U) && (mark.base[step] == 0U));
        EXPECT_REFUSED(lamina_commit_to(&mark, 64U * page + 1U), LAMINA_OS_ERROR_INVALID);
        EXPECT(mark.committed == 2U * step);
        EXPECT_WORKS(lamina_commit_to(&mark, 64U * page));
        EXPECT((mark.committed == 64U * page) && !host_faults(mark.base + 64U * page - 1U, HOST_WRITE));
        EXPECT_WORKS(lamina_commit_trim(&mark, step + 1U));
        EXPECT((mark.committed == 2U * step) && host_faults(mark.base + 2U * step, HOST_READ));
        EXPECT_WORKS(lamina_commit_to(&mark, 64U * page));
        EXPECT(mark.base[64U * page - 1U] == 0U);
        EXPECT_WORKS(lamina_commit_release(&mark));
        EXPECT_REFUSED(lamina_commit_release(&mark), LAMINA_OS_ERROR_INVALID);
        EXPECT_MAPPED_AS(before);
    }
    CASE("watermark", "what makes no sense is refused, and the object is untouched")
    {
        const lamina_commit_t empty = {NULL, 0U, 0U, 0U};
        lamina_commit_t none = empty;
        EXPECT_REFUSED(lamina_commit_init(&none, 0U, 1U, page), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_commit_init(&none, SIZE_MAX, 1U, page), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_commit_init(&none, page, 3U, page), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_commit_init(&none, page, 1U, SIZE_MAX), LAMINA_OS_ERROR_INVALID);
        EXPECT((none.base == NULL) && (none.reserved == 0U) && (none.committed == 0U));
    }
}

static void grow(unsigned i, void *context)
{
    bool *const good = (bool *)context;
    const size_t page = lamina_os_page_size();
    good[i] = true;
    for (size_t pages = 1U; pages <= 256U; pages++) {
        const size_t need = pages * page;
        if (!lamina_commit_to_shared(&mark, need)) {
            good[i] = false;
            break;
        }
        mark.base[need - page + i] = (unsigned char)(i + 1U); /* faults if it isn't usable */
    }
}

static void together(size_t page)
{
    CASE("watermark", "several threads grow it at once, and each may use what it was promised")
    {
        bool good[4] = {false, false, false, false};
        const host_memory before = host_memory_now();
        EXPECT_WORKS(lamina_commit_init(&mark, 256U * page, 1U, 3U * page));
        EXPECT(host_threads(4U, grow, good));
        EXPECT(good[0] && good[1] && good[2] && good[3]);
        EXPECT(mark.committed == 256U * page);
        for (size_t i = 0; i < 4U; i++) {
            EXPECT(mark.base[255U * page + i] == (unsigned char)(i + 1U));
        }
        EXPECT_WORKS(lamina_commit_release(&mark));
        (void)before; /* threads leave stacks behind, so that mappings can't be counted here */
    }
}

void part_watermark(void)
{
    const size_t page = lamina_os_page_size();
    alone(page);
    together(page);
}
