/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: memory from the operating system.
 *
 * Rules that hold for every function below:
 * - NULL or false means failure. Then lamina_last_os_error() holds the reason, nothing that the call made stays
 *   mapped, and what was there before is as it was, unless the function says otherwise. Success leaves the last error
 *   alone. Where a range is made of several mappings (parts with different rights are), a POSIX system acts on one after
 *   the other and may refuse the second, for want of memory, with the first changed.
 * - A request that can't make sense is refused before the platform is asked, with EINVAL (LAMINA_OS_ERROR_INVALID,
 *   which is 87 on Windows): a size of zero, a size that overflows when rounded up to whole pages, an address that is
 *   null or not on a page boundary, a range that wraps around the end of the address space, an unknown flag. So is a
 *   range of which anything isn't mapped, before any of it is touched, by all calls but lamina_os_reuse() and
 *   lamina_os_name(). (Whose mapping it is isn't looked at: a neighbour's pages are pages. On Windows the system refuses
 *   a range over two mappings, with 487.) What the platform can't do at all is LAMINA_OS_ERROR_UNSUPPORTED.
 * - Sizes are bytes and are rounded up to whole pages, the unit in which the system acts. So the size that was
 *   reserved or mapped can be passed unchanged to every call about the whole of it.
 * - Locked pages (secret.h) aren't given back: decommit, discard and purge refuse a range with any, EINVAL, and so does
 *   guard on Windows. Unlock them first.
 * - Any thread may call; two threads must not change the same pages at the same time. Each call costs one system
 *   call unless it says otherwise: a microsecond or so, plus the work on the pages. A call about a range costs one more,
 *   which finds the holes, and on Windows and macOS that is one for each part with other rights. On Linux it sets
 *   madvise(MADV_NORMAL), which undoes MADV_RANDOM and MADV_SEQUENTIAL where somebody set them.
 */
#ifndef LAMINA_OS_H
#define LAMINA_OS_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* The unit of protection and of commit. Asked of the system once, then a load. A system that answers something that
 * is no power of two gets 0 here, with the error set, and every other function then fails. */
size_t lamina_os_page_size(void);

/* The unit at which new mappings start: the page size on POSIX systems, 64 KiB on Windows. Never below the page
 * size. */
size_t lamina_os_granularity(void);

/* -------------------------------------- Address space, given memory by and by --------------------------------- */

/* Reserves address space without memory behind it: touching it faults, and it is not charged against the system's
 * commit limit. lamina_os_commit() makes parts of it usable. */
LAMINA_NODISCARD void *lamina_os_reserve(size_t bytes);

/* The same, starting at a multiple of `align`, a power of two (of a page or less means: any page). Reserves up to
 * `align` bytes more for a moment and gives the surplus back: up to three system calls. (On Windows a part can't be
 * given back: the larger range only finds a place, which is then reserved alone, anew where another thread was there
 * first.) */
LAMINA_NODISCARD void *lamina_os_reserve_aligned(size_t bytes, size_t align);

/* Makes a reserved range readable and writable. Pages never used before read as zero. Where the system limits what
 * it promises (strict overcommit, vm.overcommit_memory = 2), this is where the range is charged and where a refusal
 * comes; a refused commit changes nothing. Committing anew what is committed is allowed and keeps the contents. */
LAMINA_NODISCARD bool lamina_os_commit(void *p, size_t bytes);

/* Takes the memory away again and keeps the address space: the pages go back to the system, touching the range
 * faults, a later commit finds zeroes. Two system calls. The range keeps its NUMA policy and its advice, which is
 * why it is not simply mapped anew (on macOS it is). Should Linux refuse the second of the two, the rights are as they
 * were and the contents are zeroes already. */
LAMINA_NODISCARD bool lamina_os_decommit(void *p, size_t bytes);

/* --------------------------------------------- Memory at once ------------------------------------------------ */

#define LAMINA_MAP_POPULATE 0x01U         /* every page is there when the call returns, or the call fails */
#define LAMINA_MAP_NORESERVE 0x02U        /* not charged against the commit limit; not with explicit huge pages, and
                                           * unsupported on Windows, where usable memory always is */
#define LAMINA_MAP_HUGE_TRANSPARENT 0x04U /* start on a 2 MiB boundary and advise the system to use huge pages */
#define LAMINA_MAP_HUGE_2M 0x08U          /* explicit huge pages of 2 MiB */
#define LAMINA_MAP_HUGE_1G 0x10U          /* explicit huge pages of 1 GiB; tried before 2 MiB when both are given */
#define LAMINA_MAP_HUGE_FALLBACK 0x20U    /* where the system has none of these, take the next smaller kind */

#define LAMINA_HUGE_2M ((size_t)2U << 20U)
#define LAMINA_HUGE_1G ((size_t)1U << 30U)

/* Maps zeroed memory, readable and writable. Without LAMINA_MAP_HUGE_FALLBACK a system that can't give the huge
 * pages asked for, transparent ones included, makes the call fail; without one of the three kinds of huge page
 * FALLBACK itself is refused. Linux has all three kinds; Windows has those of 2 MiB, for a user who holds the
 * privilege SeLockMemoryPrivilege in an enabled state (else error 1314); macOS has none. Explicit huge pages round the size up to themselves, and with LAMINA_MAP_NORESERVE
 * are refused: a shortage would then be a SIGBUS at first touch rather than an error here. */
LAMINA_NODISCARD void *lamina_os_map(size_t bytes, unsigned flags);

/* The same, and *page_got (may be NULL) tells the size of the pages that the mapping is built of: LAMINA_HUGE_1G or
 * LAMINA_HUGE_2M for explicit huge pages, else the page size. Transparent huge pages are advice that the system
 * follows when it likes, so they count as ordinary ones. Untouched on failure. In a mapping of explicit huge pages
 * the other calls of this header, lamina_os_release() apart, need addresses and sizes that are multiples of
 * *page_got. */
LAMINA_NODISCARD void *lamina_os_map_ex(size_t bytes, unsigned flags, size_t *page_got);

/* Unmaps a range that lamina_os_reserve*() or lamina_os_map*() gave, or, but on Windows, part of one. `bytes` may be
 * the size that was asked for, also where huge pages rounded it up. A range of which anything isn't mapped is refused
 * with EINVAL: a second release, for one, unless something else was mapped there in between. On Windows so is
 * anything but the whole of what one call gave. False means that the range is still as it was. */
bool lamina_os_release(void *p, size_t bytes);

/* ------------------------------------------- What happens to a range ------------------------------------------ */

/* Gives the pages back and keeps the range usable: it reads as zero from now on. (For usable ranges of private
 * memory, as all of the above are.) On Windows that is a decommit and a commit: two system calls, and should the
 * second be refused, the range is left decommitted. */
LAMINA_NODISCARD bool lamina_os_discard(void *p, size_t bytes);

typedef enum lamina_os_contents {
    LAMINA_CONTENTS_ZERO,     /* every byte reads as zero */
    LAMINA_CONTENTS_UNDEFINED /* each page reads as before or as zero, and as which may change until it is written to */
} lamina_os_contents;

/* Tells the system that the contents are no longer wanted: it may take pages when it needs them, at no cost to a
 * range that is soon used again. The range stays usable; *contents (not NULL, untouched on failure) says what a
 * reader finds from now on. UNDEFINED on Linux (MADV_FREE; ZERO before 4.5 and where the kernel can't), macOS
 * (MADV_FREE_REUSABLE) and Windows (MEM_RESET). Call lamina_os_reuse() before using it again. */
LAMINA_NODISCARD bool lamina_os_purge(void *p, size_t bytes, lamina_os_contents *contents);

/* Says that a purged range is used again. macOS counts the pages as the program's own from then on; elsewhere there
 * is nothing to do and no system call is made. The contents are as lamina_os_purge() told. */
LAMINA_NODISCARD bool lamina_os_reuse(void *p, size_t bytes);

/* Makes every page of a usable range present, as if written to, and keeps the contents. Fails with what the system
 * says, ENOMEM for example, where a page can't be had; pages had by then stay. EINVAL for pages that may not be
 * written, except on macOS and before Linux 5.14, where each page is touched instead and such a page ends the
 * program. */
LAMINA_NODISCARD bool lamina_os_populate(void *p, size_t bytes);

#define LAMINA_PROTECT_NONE 0x0U
#define LAMINA_PROTECT_READ 0x1U
#define LAMINA_PROTECT_WRITE 0x2U
#define LAMINA_PROTECT_EXECUTE 0x4U

/* Sets exactly these rights, any combination of the three. What the processor can't tell apart (writing without
 * reading on x86) it allows beyond that. Windows has no rights to write without reading, so that there the smallest
 * that contains the combination is set: WRITE gives READ too, WRITE with EXECUTE all three. macOS on arm64 refuses
 * WRITE with EXECUTE (EACCES, EPERM or ENOTSUP). */
LAMINA_NODISCARD bool lamina_os_protect(void *p, size_t bytes, unsigned rights);

/* Makes any access to the range a fault, for good: a fence behind a block. The contents are lost. Where the system
 * has guard markers (Linux 6.13) the mapping isn't split, so that thousands of guards cost no kernel objects;
 * elsewhere it is lamina_os_protect(…, NONE), and on Windows lamina_os_decommit(). As the two behave differently under a later commit or protect, undo a
 * guard by lamina_os_unguard() before using the range for anything else; releasing needs no undoing. */
LAMINA_NODISCARD bool lamina_os_guard(void *p, size_t bytes);

/* Makes a guarded range readable and writable again, reading as zero or as before the guard. Two system calls. */
LAMINA_NODISCARD bool lamina_os_unguard(void *p, size_t bytes);

/* Names a range for /proc/<pid>/maps: printable ASCII without \ ` $ [ ], at most 79 bytes. Best effort, the one
 * call of which nothing may depend: many kernels are built without it, Windows has no such thing, and macOS has
 * numbers only (the runtime's mappings are tagged as the application's first kind, 240). False when the system would not, and then
 * the last error is left alone, because nothing is the matter; a senseless range is EINVAL as everywhere. */
bool lamina_os_name(void *p, size_t bytes, const char *name);

/* Advises the system to back the range by transparent huge pages. Fails (EINVAL) where it is built without them, and
 * is unsupported on Windows and macOS.
 * Only whole 2 MiB within the range, at multiples of 2 MiB, can become huge. */
LAMINA_NODISCARD bool lamina_os_huge_advise(void *p, size_t bytes);

/* Tells how many bytes of the range are in memory now, a multiple of the page size, in *resident (not NULL, untouched
 * on failure). For tests and diagnostics: it is out of date when it arrives, and a system call per 4 MiB, on Windows
 * per MiB. */
LAMINA_NODISCARD bool lamina_os_query(const void *p, size_t bytes, size_t *resident);

/* ---------------------------------------------- The system's heap --------------------------------------------- */

/* A block of the C library's heap at a multiple of `align`, any power of two. A size of zero, an alignment that is
 * no power of two, or a size that overflows when rounded up to the alignment is EINVAL; no memory is ENOMEM. */
LAMINA_NODISCARD void *lamina_os_heap_alloc(size_t bytes, size_t align);

/* Takes what lamina_os_heap_alloc() gave, or NULL, from any thread. */
void lamina_os_heap_free(void *p);

LAMINA_EXTERN_C_END

#endif /* LAMINA_OS_H */
