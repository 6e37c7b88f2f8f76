/* SPDX-License-Identifier: MIT */
/* Huge pages: got, or refused with an error; never something smaller without a word. */
#include "suite.h"

#include "lamina/os.h"

typedef struct kind {
    const char *strict;   /* what is shown of asking for exactly this */
    const char *fallback; /* and of asking with a fall-back */
    const char *got;
    const char *not_got;
    unsigned flag;
    size_t bytes;
} kind;

static const kind kinds[] = {
    {"2 MiB pages are got, or refused with nothing mapped", "2 MiB pages with a fall-back: told which was got",
     "explicit pages of 2 MiB were got", "no explicit pages of 2 MiB on this machine now: refused",
     LAMINA_MAP_HUGE_2M, LAMINA_HUGE_2M},
    {"1 GiB pages are got, or refused with nothing mapped", "1 GiB pages with a fall-back: told which was got",
     "explicit pages of 1 GiB were got", "no explicit pages of 1 GiB on this machine now: refused",
     LAMINA_MAP_HUGE_1G, LAMINA_HUGE_1G},
};

static void explicit_pages(const kind *it)
{
    CASE("huge pages", it->strict)
    {
        const size_t before = host_mapped();
        size_t got = 77U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_map_ex(it->bytes, it->flag, &got);
        if (p != NULL) {
            EXPECT((got == it->bytes) && lamina_is_aligned(p, it->bytes));
            p[0] = 1U;
            p[it->bytes - 1U] = 1U;
            EXPECT_WORKS(lamina_os_release(p, it->bytes));
        } else {
            EXPECT((got == 77U) && (lamina_last_os_error() != SUITE_UNTOUCHED) && (lamina_last_os_error() != 0));
        }
        EXPECT(host_mapped() == before);
        suite_finds("huge pages", (p != NULL) ? it->got : it->not_got);
    }
    CASE("huge pages", it->fallback)
    {
        const size_t before = host_mapped();
        size_t got = 0U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p =
            (unsigned char *)lamina_os_map_ex(1U << 20U, it->flag | LAMINA_MAP_HUGE_FALLBACK, &got);
        EXPECT((p != NULL) && (lamina_last_os_error() == SUITE_UNTOUCHED));
        if (p == NULL) {
            break;
        }
        EXPECT((got == it->bytes) || (got == lamina_os_page_size()) || (got == LAMINA_HUGE_2M));
        p[0] = 1U;
        p[(1U << 20U) - 1U] = 1U;
        EXPECT_WORKS(lamina_os_release(p, 1U << 20U));
        EXPECT(host_mapped() == before);
    }
}

static void transparent(void)
{
    CASE("huge pages", "transparent ones are advised at a multiple of 2 MiB, or refused with nothing mapped")
    {
        const size_t before = host_mapped();
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_os_map(LAMINA_HUGE_2M, LAMINA_MAP_HUGE_TRANSPARENT);
        if (p != NULL) {
            EXPECT(lamina_is_aligned(p, LAMINA_HUGE_2M));
            p[LAMINA_HUGE_2M - 1U] = 1U;
            EXPECT_WORKS(lamina_os_release(p, LAMINA_HUGE_2M));
        } else {
            EXPECT(lamina_last_os_error() != SUITE_UNTOUCHED);
        }
        EXPECT(host_mapped() == before);
        suite_finds("huge pages",
                    (p != NULL) ? "advice for transparent ones is taken" : "no transparent ones: refused");
    }
}

void part_huge(void)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if ((sizeof(void *) == 4U) && (kinds[i].bytes == LAMINA_HUGE_1G)) {
            continue; /* a third of the address space: refused or not, nothing is learnt */
        }
        explicit_pages(&kinds[i]);
    }
    transparent();
}
