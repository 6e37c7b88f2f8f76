/* SPDX-License-Identifier: MIT */
/* A commit watermark: see lamina/commit.h. */
#include "lamina/commit.h"

#include "platform.h"

bool lamina_commit_init(lamina_commit_t *mark, size_t bytes, size_t align, size_t step)
{
    const size_t page = lamina_os_page_size();
    if ((mark == NULL) && (page != 0U)) {
        return lamina_refuse_(LAMINA_OS_ERROR_INVALID);
    }
    const size_t reserved = lamina_whole_(bytes, page);
    const size_t steps = (reserved != 0U) ? lamina_whole_((step != 0U) ? step : page, page) : 0U;
    void *const base = (steps != 0U) ? lamina_os_reserve_aligned(reserved, align) : NULL;
    if (base != NULL) {
        mark->base = (unsigned char *)base;
        mark->reserved = reserved;
        mark->step = steps;
        lamina_atomic_store_size_relaxed(&mark->committed, 0U);
    }
    return base != NULL;
}

bool lamina_commit_release(lamina_commit_t *mark)
{
    const bool ok = (mark != NULL) ? lamina_os_release(mark->base, mark->reserved)
                                   : lamina_refuse_(LAMINA_OS_ERROR_INVALID);
    if (ok) {
        const lamina_commit_t empty = {NULL, 0U, 0U, 0U};
        *mark = empty;
    }
    return ok;
}

/* Where the watermark has to be for `need` bytes: the next whole step, or the end where that comes first. The need is
 * at least 1, since no watermark is below 0. By division, as a step is any number of pages. */
static size_t mark_for(const lamina_commit_t *mark, size_t need)
{
    const size_t steps = (need - 1U) / mark->step + 1U;
    size_t out = 0U;
    return (lamina_mul_overflows(steps, mark->step, &out) || (out > mark->reserved)) ? mark->reserved : out;
}

/* Commits [from, end) for `need` bytes; 0 with the error set where that can't be, else the end. */
static size_t commit_from(const lamina_commit_t *mark, size_t from, size_t need)
{
    if (need > mark->reserved) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return 0U;
    }
    const size_t end = mark_for(mark, need);
    return lamina_os_commit(mark->base + from, end - from) ? end : 0U;
}

bool lamina_commit_grow_(lamina_commit_t *mark, size_t need)
{
    const size_t end = commit_from(mark, mark->committed, need);
    if (end != 0U) {
        mark->committed = end;
    }
    return end != 0U;
}

bool lamina_commit_grow_shared_(lamina_commit_t *mark, size_t need)
{
    const size_t seen = lamina_atomic_load_size_acquire(&mark->committed);
    if (need <= seen) {
        return true; /* somebody else was there first */
    }
    const size_t end = commit_from(mark, seen, need);
    size_t now = seen;
    /* What lay below `seen` was committed then, [seen, end) is now. So is all below the watermark wherever others have
     * moved it, and raising it to `end` keeps it contiguous. Release: who reads it may touch the pages. */
    while ((end > now) && !lamina_atomic_cas_size_weak_acq_rel(&mark->committed, &now, end)) {
    }
    return end != 0U;
}

bool lamina_commit_trim(lamina_commit_t *mark, size_t keep)
{
    if (mark == NULL) {
        return lamina_refuse_(LAMINA_OS_ERROR_INVALID);
    }
    const size_t end = (keep == 0U) ? 0U : ((keep > mark->committed) ? mark->committed : mark_for(mark, keep));
    bool ok = true;
    if (end < mark->committed) {
        ok = lamina_os_decommit(mark->base + end, mark->committed - end);
        if (ok) {
            lamina_atomic_store_size_release(&mark->committed, end);
        }
    }
    return ok;
}
