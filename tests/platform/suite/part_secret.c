/* SPDX-License-Identifier: MIT */
/* Locked pages and secret mappings: what was asked for holds, or nothing is there. */
#include "suite.h"

#include "lamina/os.h"
#include "lamina/secret.h"

#if defined(_WIN32)
#define NOT_USABLE 5 /* ERROR_ACCESS_DENIED */
#else
#include "lamina/os_table.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>
#define NOT_USABLE ENOMEM
#endif

typedef struct property {
    unsigned flag;
    const char *ability;
    const char *sentence;
    const char *has;
    const char *has_not;
} property;

static const property properties[] = {
    {LAMINA_SECRET_LOCKED, "locked memory",
     "a locked mapping is there and never swapped, where that is expected", "locked mappings",
     "no locked mappings: refused"},
    {LAMINA_SECRET_NO_DUMP, "memory left out of dumps",
     "a mapping is left out of dumps, where that is expected", "mappings left out of dumps",
     "no mappings left out of dumps: refused"},
    {LAMINA_SECRET_NO_FORK, "memory wiped on fork",
     "a forked child finds no contents, where that is expected", "mappings whose contents no child has",
     "no mappings that children don't have: refused"},
    {LAMINA_SECRET_HIDDEN, "secret memory",
     "a mapping is hidden from the kernel's own map, where that is expected",
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

/* What the system itself tells of the mapping, where it does: Linux, natively. */
static void is_listed(const void *p, size_t bytes, unsigned flag, const host_memory *before)
{
#if defined(__linux__)
    const bool hidden = host_has_name(p, "secretmem");
    /* Hidden pages are never swapped, by nature; that they are locked is not on every kernel's list (6.1 has
     * it not). */
    EXPECT(hidden || (host_memory_now().locked == before->locked + bytes));
    if (!suite_cannot(CANNOT_FLAG)) {
        EXPECT(hidden || host_has_flag(p, "lo"));
        EXPECT((flag != LAMINA_SECRET_HIDDEN) || hidden);
        EXPECT((flag != LAMINA_SECRET_NO_DUMP) || host_has_flag(p, "dd"));
        EXPECT((flag != LAMINA_SECRET_NO_FORK) || host_has_flag(p, "dc") || host_has_flag(p, "wf"));
    }
#else
    (void)p;
    (void)bytes;
    (void)flag;
    (void)before;
#endif
}

static bool round_trip(const property *it, size_t page)
{
    const host_memory before = host_memory_now();
    unsigned got = 0x77U;
    lamina_set_last_os_error(SUITE_UNTOUCHED);
    unsigned char *const p = (unsigned char *)lamina_secret_map(2U * page, it->flag, &got);
    EXPECT_ABILITY(it->ability, p != NULL);
    if (p != NULL) {
        EXPECT(((got & it->flag) != 0U) && ((got & LAMINA_SECRET_LOCKED) != 0U));
        EXPECT((p[0] == 0U) && (p[2U * page - 1U] == 0U));
        is_listed(p, 2U * page, it->flag, &before);
        (void)memset(p, 0x5A, 2U * page);
        EXPECT(((it->flag & LAMINA_SECRET_NO_FORK) == 0U) || !child_sees(p));
        EXPECT_WORKS(lamina_secret_release(p, 2U * page));
        EXPECT_MAPPED_AS(before);
        if (!suite_cannot(CANNOT_TELL)) {
            EXPECT_REFUSED(lamina_secret_release(p, 2U * page), LAMINA_OS_ERROR_INVALID);
        }
    } else {
        EXPECT(got == 0x77U);
    }
    EXPECT_MAPPED_AS(before);
    return p != NULL;
}

static void with(const property *it, size_t page)
{
    CASE("secret", it->sentence)
    {
        suite_finds("secret", round_trip(it, page) ? it->has : it->has_not);
    }
}

#if defined(__linux__)
static long no_secret_file(unsigned flags)
{
    (void)flags;
    errno = ENOSYS; /* a kernel before 5.14 */
    return -1;
}

/* Where the kernel hides memory, it does the rest of the properties too, and the other way to have them lies
 * idle. */
static void without_hidden(size_t page)
{
    CASE("secret",
         "a kernel that hides nothing: the other properties are put on private pages, and hidden is refused")
    {
        lamina_os_calls.memfd_secret = no_secret_file;
        for (size_t i = 0; properties[i].flag != LAMINA_SECRET_HIDDEN; i++) {
            (void)round_trip(&properties[i], page);
        }
        EXPECT_REFUSED(lamina_secret_map(page, LAMINA_SECRET_HIDDEN, NULL), LAMINA_OS_ERROR_UNSUPPORTED);
        lamina_os_calls = lamina_os_calls_default;
    }
}
#endif

static void locking(size_t page)
{
    CASE("secret", "a usable range is locked and unlocked; a reserved one is refused")
    {
        unsigned char *const p = (unsigned char *)lamina_os_map(2U * page, 0U);
        void *const reserved = lamina_os_reserve(2U * page);
        EXPECT((p != NULL) && (reserved != NULL));
        const host_memory before = host_memory_now();
        EXPECT_WORKS(lamina_os_lock(p, 2U * page));
#if defined(__linux__)
        EXPECT(host_memory_now().locked == before.locked + 2U * page);
#endif
        EXPECT_WORKS(lamina_os_unlock(p, 2U * page));
        EXPECT_MAPPED_AS(before);
        EXPECT_REFUSED(lamina_os_lock(reserved, 2U * page), NOT_USABLE);
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
#if defined(__linux__)
    without_hidden(page);
#endif
    CASE("secret", "what makes no sense is refused")
    {
        EXPECT_REFUSED(lamina_secret_map(0U, 0U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_map(SIZE_MAX, 0U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_map(page, 0x100U, NULL), LAMINA_OS_ERROR_INVALID);
        EXPECT_REFUSED(lamina_secret_release(NULL, page), LAMINA_OS_ERROR_INVALID);
    }
}
