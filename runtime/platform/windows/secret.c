/* SPDX-License-Identifier: MIT */
/* Locked memory on Windows: see lamina/secret.h. */
#include "calls.h"

#include "lamina/block.h"
#include "lamina/secret.h"

#include "platform.h"
#include "region.h"

/* What can be locked is the least that the process's working set may be, less a little. It is raised by what is needed
 * and set back when that is unlocked. Locking and unlocking have a lock of their own, or two threads would find the same
 * least value and one's raise would be lost, or one would lock by the other's. */
static struct {
    SRWLOCK lock; /* guards the rest */
    size_t locked; /* bytes locked through the runtime; too many where ranges overlap or are released locked */
    size_t raised; /* by how much the working set is larger than without us */
} room = {SRWLOCK_INIT, 0U, 0U};

/* The part of what can be locked that the system keeps for itself, and more. */
enum { PAGES_TO_SPARE = 16 };

/* 0, or the error. */
static int raise_by(size_t more)
{
    size_t least = 0U;
    size_t most = 0U;
    int error = 0;
    if (PLATFORM(get_working_set)(&least, &most) == 0) {
        error = lamina_windows_error();
    } else if ((least > SIZE_MAX - more) || (most > SIZE_MAX - more)) {
        error = ERROR_WORKING_SET_QUOTA;
    } else if (PLATFORM(set_working_set)(least + more, most + more) == 0) {
        error = lamina_windows_error();
    } else {
        room.raised += more;
    }
    return error;
}

/* Where that fails, a later one makes up for it: nothing that was promised depends on it. */
static void lower_by(size_t less)
{
    size_t least = 0U;
    size_t most = 0U;
    if ((less != 0U) && (PLATFORM(get_working_set)(&least, &most) != 0) && (least > less) && (most > less) &&
        (PLATFORM(set_working_set)(least - less, most - less) != 0)) {
        room.raised -= less;
    }
}

/* For pages that are no longer locked. Not by what was spared for them, so that what is still locked, and was locked
 * by that, leaves room for as much as before; with the last of them by all. */
static void set_back(size_t pages)
{
    room.locked -= (pages < room.locked) ? pages : room.locked;
    lower_by(((room.locked == 0U) || (pages > room.raised)) ? room.raised : pages);
}

static bool lock_pages(void *p, size_t pages)
{
    const size_t spare = (size_t)PAGES_TO_SPARE * lamina_os_page_size();
    size_t more = 0U;
    PLATFORM(lock)(&room.lock);
    lamina_windows_locks_made_();
    bool ok = PLATFORM(virtual_lock)(p, pages) != 0;
    int error = ok ? 0 : lamina_windows_error();
    if ((error == ERROR_WORKING_SET_QUOTA) && !lamina_add_overflows(pages, spare, &more)) {
        error = raise_by(more);
        if (error == 0) {
            ok = PLATFORM(virtual_lock)(p, pages) != 0;
            error = ok ? 0 : lamina_windows_error();
            lower_by(ok ? 0U : more);
        }
    }
    if (ok) {
        room.locked += (pages <= SIZE_MAX - room.locked) ? pages : SIZE_MAX - room.locked;
    }
    PLATFORM(unlock)(&room.lock);
    return ok || lamina_refuse_(error);
}

bool lamina_os_lock(void *p, size_t bytes)
{
    const size_t pages = lamina_windows_range_(p, bytes);
    return (pages != 0U) && lock_pages(p, pages);
}

bool lamina_os_lock_on_touch(void *p, size_t bytes)
{
    return (lamina_windows_range_(p, bytes) != 0U) && lamina_refuse_(ERROR_NOT_SUPPORTED);
}

bool lamina_os_unlock(void *p, size_t bytes)
{
    const size_t pages = lamina_windows_range_(p, bytes);
    if (pages == 0U) {
        return false;
    }
    PLATFORM(lock)(&room.lock);
    const bool ok = PLATFORM(virtual_unlock)(p, pages) != 0;
    const int error = ok ? 0 : lamina_windows_error();
    if (ok) {
        set_back(pages);
    }
    PLATFORM(unlock)(&room.lock);
    return ok || lamina_refuse_(error);
}

#define ALL (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK | LAMINA_SECRET_HIDDEN)
#define HAVE (LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_FORK)

void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got)
{
    if ((required & ~ALL) != 0U) {
        return lamina_refuse_null_(ERROR_INVALID_PARAMETER);
    }
    const size_t pages = lamina_whole_(bytes, lamina_os_page_size());
    if (pages == 0U) {
        return NULL;
    }
    if ((required & ~HAVE) != 0U) {
        return lamina_refuse_null_(ERROR_NOT_SUPPORTED);
    }
    void *p = PLATFORM(virtual_alloc)(NULL, pages, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (p == NULL) {
        return lamina_refuse_null_(lamina_windows_error());
    }
    if (!lock_pages(p, pages)) {
        (void)PLATFORM(virtual_free)(p, 0U, MEM_RELEASE);
        p = NULL;
    } else if (got != NULL) {
        *got = HAVE;
    }
    return p;
}

bool lamina_secret_release(void *p, size_t bytes)
{
    const size_t pages = lamina_range_(p, bytes);
    if (pages == 0U) {
        return false;
    }
    if ((lamina_windows_allocation_(p) != pages) || !lamina_windows_all_(p, pages, LAMINA_WINDOWS_WRITABLE)) {
        return lamina_refuse_(ERROR_INVALID_PARAMETER);
    }
    lamina_zero(p, pages);
    if (PLATFORM(virtual_free)(p, 0U, MEM_RELEASE) == 0) {
        return lamina_refuse_(lamina_windows_error());
    }
    PLATFORM(lock)(&room.lock);
    set_back(pages); /* with the mapping its lock has ended */
    PLATFORM(unlock)(&room.lock);
    return true;
}
