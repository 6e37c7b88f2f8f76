/* SPDX-License-Identifier: MIT */
/* Huge pages: got, or refused with an error; never something smaller without a word. */
#include "suite.h"

#include "lamina/os.h"

typedef struct kind {
    const char *ability;
    const char *strict;   /* what is shown of asking for exactly this */
    const char *fallback; /* and of asking with a fall-back */
    const char *got;
    const char *not_got;
    unsigned flag;
    size_t bytes;
} kind;

/* The larger one first, as a fall-back goes. */
static const kind kinds[] = {
    {"huge pages of 1 GiB", "1 GiB pages are as expected here: got, or refused with nothing mapped",
     "1 GiB pages with a fall-back: told which was got", "explicit pages of 1 GiB were got",
     "no explicit pages of 1 GiB here: refused", LAMINA_MAP_HUGE_1G, LAMINA_HUGE_1G},
    {"huge pages of 2 MiB", "2 MiB pages are as expected here: got, or refused with nothing mapped",
     "2 MiB pages with a fall-back: told which was got", "explicit pages of 2 MiB were got",
     "no explicit pages of 2 MiB here: refused", LAMINA_MAP_HUGE_2M, LAMINA_HUGE_2M},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void explicit_pages(const kind *it)
{
    CASE("huge pages", it->strict)
    {
        const host_memory before = host_memory_now();
        size_t got = 77U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_map_ex(it->bytes, it->flag, &got);
        EXPECT_ABILITY(it->ability, p != NULL);
        if (p != NULL) {
            EXPECT((got == it->bytes) && lamina_is_aligned(p, it->bytes));
            EXPECT(suite_cannot(CANNOT_FLAG) || host_has_flag(p, "ht")); /* huge by the kernel's own word */
            p[0] = 1U;
            p[it->bytes - 1U] = 1U;
            EXPECT_WORKS(lamina_os_release(p, it->bytes));
        } else {
            EXPECT(got == 77U);
        }
        EXPECT_MAPPED_AS(before);
        suite_finds("huge pages", (p != NULL) ? it->got : it->not_got);
    }
}

/* What the fall-back from kinds[first] comes to, given what is expected of each kind. 1 GiB alone is followed
 * by ordinary pages: pages of 2 MiB are tried only when they are asked for. */
static size_t falls_back_to(unsigned flags)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (((flags & kinds[i].flag) != 0U) && (suite_expected(kinds[i].ability) == 0)) {
            return kinds[i].bytes;
        }
    }
    return lamina_os_page_size();
}

static void with_fallback(const char *sentence, unsigned flags)
{
    CASE("huge pages", sentence)
    {
        const host_memory before = host_memory_now();
        size_t got = 0U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_map_ex(1U << 20U,
                                                                   flags | LAMINA_MAP_HUGE_FALLBACK, &got);
        EXPECT((p != NULL) && (lamina_last_os_error() == SUITE_UNTOUCHED));
        if (p == NULL) {
            break;
        }
        EXPECT(got == falls_back_to(flags));
        p[0] = 1U;
        p[(1U << 20U) - 1U] = 1U;
        EXPECT_WORKS(lamina_os_release(p, 1U << 20U));
        EXPECT_MAPPED_AS(before);
    }
}

static void transparent(void)
{
    CASE("huge pages", "transparent ones are as expected here: advised at a multiple of 2 MiB, or refused "
                       "with nothing mapped")
    {
        const host_memory before = host_memory_now();
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_map(LAMINA_HUGE_2M, LAMINA_MAP_HUGE_TRANSPARENT);
        EXPECT_ABILITY("transparent huge pages", p != NULL);
        if (p != NULL) {
            EXPECT(lamina_is_aligned(p, LAMINA_HUGE_2M));
            EXPECT((suite_expected("transparent huge pages") != 0) ||
                   host_has_flag(p, "hg")); /* the kernel took the advice */
            p[LAMINA_HUGE_2M - 1U] = 1U;
            EXPECT_WORKS(lamina_os_release(p, LAMINA_HUGE_2M));
        }
        EXPECT_MAPPED_AS(before);
        suite_finds("huge pages",
                    (p == NULL) ? "no transparent ones: refused"
                    : (suite_expected("transparent huge pages") == 0)
                        ? "advice for transparent ones is taken, and stands in the kernel's list"
                        : "advice for transparent ones is answered, and nothing comes of it");
    }
}

void part_huge(void)
{
    for (size_t i = 0; i < KINDS; i++) {
        explicit_pages(&kinds[i]);
        with_fallback(kinds[i].fallback, kinds[i].flag);
    }
    with_fallback("either kind with a fall-back: the largest that there is, and told which",
                  LAMINA_MAP_HUGE_1G | LAMINA_MAP_HUGE_2M);
    transparent();
}
