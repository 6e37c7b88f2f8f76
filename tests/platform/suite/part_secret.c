/* SPDX-License-Identifier: MIT */
/* Locked pages and secret mappings: what was asked for holds, or nothing is there. */
#include "suite.h"

#include "lamina/os.h"
#include "lamina/secret.h"

#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

typedef struct property {
    unsigned flag;
    const char *sentence;
    const char *has;
    const char *has_not;
} property;

static const property properties[] = {
    {LAMINA_SECRET_LOCKED, "a locked mapping is there and never swapped, or refused", "locked mappings",
     "no locked mappings: refused"},
    {LAMINA_SECRET_NO_DUMP, "a mapping is left out of dumps, or refused", "mappings left out of dumps",
     "no mappings left out of dumps: refused"},
    {LAMINA_SECRET_NO_FORK, "a forked child finds no contents, or the mapping is refused",
     "mappings whose contents no child has", "no mappings that children don't have: refused"},
    {LAMINA_SECRET_HIDDEN, "a mapping is hidden from the kernel's own map, or refused",
     "mappings hidden from the kernel", "no mappings hidden from the kernel: refused"},
};

/* Whether a child finds the byte that the parent wrote. */
static bool child_sees(const unsigned char *p)
{
#if defined(_WIN32)
    (void)p;
    return false;
#else
    const pid_t child = fork();
    if (child == 0) {
        _exit((!host_faults((void *)(uintptr_t)p, HOST_READ) && (*p == 0x5A)) ? 1 : 0);
    }
    int status = -1;
    return (child < 0) || (waitpid(child, &status, 0) != child) || (status != 0);
#endif
}

static void with(const property *it, size_t page)
{
    CASE("secret", it->sentence)
    {
        const size_t before = host_mapped();
        unsigned got = 0x77U;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        unsigned char *const p = (unsigned char *)lamina_secret_map(2U * page, it->flag, &got);
        if (p == NULL) {
            EXPECT((got == 0x77U) && (lamina_last_os_error() != SUITE_UNTOUCHED));
            EXPECT(host_mapped() == before);
            suite_finds("secret", it->has_not);
            break;
        }
        EXPECT(((got & it->flag) != 0U) && ((got & LAMINA_SECRET_LOCKED) != 0U));
        EXPECT((p[0] == 0U) && (p[2U * page - 1U] == 0U));
        (void)memset(p, 0x5A, 2U * page);
        EXPECT(((it->flag & LAMINA_SECRET_NO_FORK) == 0U) || !child_sees(p));
        EXPECT_WORKS(lamina_secret_release(p, 2U * page));
        EXPECT(host_mapped() == before);
        if (!host_cannot(CANNOT_TELL)) {
            EXPECT_REFUSED(lamina_secret_release(p, 2U * page), LAMINA_OS_ERROR_INVALID);
        }
        suite_finds("secret", it->has);
    }
}

static void locking(size_t page)
{
    CASE("secret", "a usable range is locked and unlocked; a reserved one is refused")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(2U * page, 0U);
        void *const reserved = lamina_os_reserve(2U * page);
        EXPECT((p != NULL) && (reserved != NULL));
        EXPECT_WORKS(lamina_os_lock(p, 2U * page));
        EXPECT_WORKS(lamina_os_unlock(p, 2U * page));
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        EXPECT(!lamina_os_lock(reserved, 2U * page) && (lamina_last_os_error() != SUITE_UNTOUCHED));
        EXPECT_REFUSED(lamina_os_lock(p, 0U), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_os_lock(NULL, page), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_os_lock(p + 1, page), LAMINA_OS_ERROR_INVALID);
        EXPECT(lamina_os_release(p, 2U * page) && lamina_os_release(reserved, 2U * page));
    }
}

void part_secret(void)
{
    const size_t page = lamina_os_page_size();
    locking(page);
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        with(&properties[i], page);
    }
    CASE("secret", "what makes no sense is refused")
    {
        EXPECT_REFUSED(lamina_secret_map(0U, 0U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_map(SIZE_MAX, 0U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_map(page, 0x100U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_release(NULL, page), LAMINA_OS_ERROR_INVALID);
    }
}
