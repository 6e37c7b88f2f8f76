/* SPDX-License-Identifier: MIT */
/* Rights, all eight combinations of them, and guard pages. */
#include "suite.h"

#include "lamina/os.h"

/* What a page with these rights allows, found by doing it. */
static unsigned allowed(void *page)
{
    return (host_faults(page, HOST_EXECUTE) ? 0U : LAMINA_PROTECT_EXECUTE) |
           (host_faults(page, HOST_READ) ? 0U : LAMINA_PROTECT_READ) |
           (host_faults((unsigned char *)page + 64, HOST_WRITE) ? 0U : LAMINA_PROTECT_WRITE);
}

#if defined(__APPLE__) && defined(__aarch64__)
#define REFUSES_BOTH 1 /* to write and to execute */
#else
#define REFUSES_BOTH 0
#endif

/* The rights that the system then lists: exactly these on POSIX systems, whatever the processor makes of
 * them; on Windows the smallest set that it has and that contains them. */
static unsigned listed_as(unsigned wanted)
{
#if defined(_WIN32)
    return ((wanted & LAMINA_PROTECT_WRITE) != 0U) ? (wanted | LAMINA_PROTECT_READ) : wanted;
#else
    return wanted;
#endif
}

static void rights(size_t page)
{
    static const char *const sentences[8] = {
        "no rights: nothing is allowed",
        "read",
        "write: and what the processor can't tell apart",
        "read and write",
        "execute: and what the processor can't tell apart",
        "read and execute",
        "write and execute: on macOS on arm64 a refusal that changes nothing",
        "read, write and execute: on macOS on arm64 a refusal that changes nothing",
    };
    unsigned char *const p = (unsigned char *)lamina_os_map(page, 0U);
    bool more = false;
    bool refused = false;
    if ((p == NULL) || !host_return_instruction(p)) {
        CASE("protect", "all eight combinations of rights")
        {
            suite_skip("this processor's instructions are not known to the suite");
        }
        return;
    }
    __builtin___clear_cache((char *)p, (char *)p + 64);
    for (unsigned wanted = 0U; wanted < 8U; wanted++) {
        CASE("protect", sentences[wanted])
        {
            EXPECT_WORKS(lamina_os_protect(p, page, LAMINA_PROTECT_READ));
            const unsigned both = LAMINA_PROTECT_WRITE | LAMINA_PROTECT_EXECUTE;
            if (REFUSES_BOTH && ((wanted & both) == both)) {
                lamina_set_last_os_error(SUITE_UNTOUCHED);
                EXPECT(!lamina_os_protect(p, page, wanted) && (lamina_last_os_error() != SUITE_UNTOUCHED));
                EXPECT(allowed(p) == LAMINA_PROTECT_READ);
                refused = true;
                break;
            }
            EXPECT_WORKS(lamina_os_protect(p, page, wanted));
            EXPECT(host_rights(p) == (int)listed_as(wanted));
            const unsigned got = allowed(p);
            EXPECT((got & wanted) == wanted);
            EXPECT((wanted != 0U) || (got == 0U));
            EXPECT(((wanted & LAMINA_PROTECT_WRITE) != 0U) || ((got & LAMINA_PROTECT_WRITE) == 0U));
            EXPECT(((wanted & LAMINA_PROTECT_EXECUTE) != 0U) || ((got & LAMINA_PROTECT_EXECUTE) == 0U));
            more = more || (got != wanted);
        }
    }
    EXPECT(lamina_os_protect(p, page, LAMINA_PROTECT_READ | LAMINA_PROTECT_WRITE) &&
           lamina_os_release(p, page));
    suite_finds("protect",
                more ? "writing or executing without reading also allows reading" : "all eight are exact");
    if (refused) {
        suite_finds("protect", "writing and executing at once is refused");
    }
}

static void guards(size_t page)
{
    CASE("guards", "a guarded page faults, its neighbours don't, and it can be undone")
    {
        const host_memory before = host_memory_now();
        unsigned char *const p = (unsigned char *)lamina_os_map(4U * page, 0U);
        EXPECT(p != NULL);
        if (p == NULL) {
            break;
        }
        (void)memset(p, 0x42, 4U * page);
        EXPECT_WORKS(lamina_os_guard(p + page, 2U * page));
        EXPECT(host_faults(p + page, HOST_READ) && host_faults(p + 3U * page - 1U, HOST_WRITE));
        EXPECT((p[page - 1U] == 0x42) && (p[3U * page] == 0x42));
        EXPECT_WORKS(lamina_os_unguard(p + page, 2U * page));
        EXPECT((p[page] == 0U) || (p[page] == 0x42));
        p[page] = 7U;
        EXPECT(p[page] == 7U);
        EXPECT_WORKS(lamina_os_guard(p, page));
        EXPECT_WORKS(lamina_os_release(p, 4U * page)); /* needs no undoing */
        EXPECT_MAPPED_AS(before);
    }
}

void part_protect(void)
{
    const size_t page = lamina_os_page_size();
    rights(page);
    guards(page);
}
