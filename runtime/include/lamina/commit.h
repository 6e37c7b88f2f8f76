/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: a commit watermark. Reserved address space of which the first bytes are usable, a growing share.
 *
 *     base                 committed                       reserved
 *      [ usable memory     |  address space, faults        ]
 *
 * Invariants: [base, base + committed) is usable and nothing else is; committed is a multiple of the step or the
 * whole reservation; a commit that the system refuses moves nothing. Errors as in os.h.
 *
 * Two forms. The plain one belongs to one thread at a time. The shared one may be grown by any number of threads at
 * once, without a lock: who needs more commits from where it saw the watermark and then raises it. Two that do so at
 * the same time commit some pages twice, which changes nothing, and whatever the order of their raises, all below
 * the higher of them is committed. It never shrinks while shared.
 */
#ifndef LAMINA_COMMIT_H
#define LAMINA_COMMIT_H

#include "os.h"
#include "thread.h"

LAMINA_EXTERN_C_BEGIN

/* Read the fields, don't write them. */
typedef struct lamina_commit {
    unsigned char *base;
    size_t reserved;  /* bytes of address space, whole pages */
    size_t committed; /* bytes from the base that are usable */
    size_t step;      /* bytes by which it grows, whole pages */
} lamina_commit_t;

/* Reserves `bytes` at a multiple of `align` (a power of two) and commits nothing. `step` is rounded up to whole
 * pages; 0 means one page. False leaves *mark untouched: EINVAL for no bytes, an alignment that is no power of two,
 * or sizes that overflow. Up to three system calls. */
LAMINA_NODISCARD bool lamina_commit_init(lamina_commit_t *mark, size_t bytes, size_t align, size_t step);

/* Releases all of it. The object is empty then (a null base), and a second release is refused with EINVAL. False
 * means that the range is still there, and the object as it was. */
bool lamina_commit_release(lamina_commit_t *mark);

LAMINA_NODISCARD LAMINA_COLD bool lamina_commit_grow_(lamina_commit_t *mark, size_t need);
LAMINA_NODISCARD LAMINA_COLD bool lamina_commit_grow_shared_(lamina_commit_t *mark, size_t need);

/* Makes at least the first `need` bytes usable, in whole steps. Two instructions where they are already; else a
 * system call. False: the system refused, or `need` is more than was reserved (EINVAL); nothing has changed. */
LAMINA_NODISCARD LAMINA_INLINE bool lamina_commit_to(lamina_commit_t *mark, size_t need)
{
    return LAMINA_LIKELY(need <= mark->committed) || lamina_commit_grow_(mark, need);
}

/* The same for an object that several threads grow. Who is answered true may use the bytes. */
LAMINA_NODISCARD LAMINA_INLINE bool lamina_commit_to_shared(lamina_commit_t *mark, size_t need)
{
    return LAMINA_LIKELY(need <= lamina_atomic_load_size_acquire(&mark->committed)) ||
           lamina_commit_grow_shared_(mark, need);
}

/* Gives back what lies behind the first `keep` bytes, rounded up to a whole step; that much stays, and what is
 * committed again later reads as zero. False: the system refused, and the watermark is where it was; of what was to go
 * each page then holds what it held or zeroes. Only while no
 * other thread uses the object, in either form. Two system calls at most. */
LAMINA_NODISCARD bool lamina_commit_trim(lamina_commit_t *mark, size_t keep);

LAMINA_EXTERN_C_END

#endif /* LAMINA_COMMIT_H */
