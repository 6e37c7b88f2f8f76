/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: memory that stays in memory. Locked pages, and mappings for keys.
 *
 * Fails closed: what was asked for holds when a call answers true, or nothing is there. Errors as in os.h; a property
 * that the platform can't have at all is LAMINA_OS_ERROR_UNSUPPORTED.
 */
#ifndef LAMINA_SECRET_H
#define LAMINA_SECRET_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* Keeps a usable range's pages in physical memory: none is written to swap. They are brought in first, so that no
 * later touch can fail. What the process may lock is limited: by RLIMIT_MEMLOCK, with ENOMEM, EPERM or EAGAIN, and on
 * Windows by the process's working set, ERROR_WORKING_SET_QUOTA (1453). The runtime makes the working set larger as
 * needed, one thread at a time, and as small as it was when what is locked is unlocked or its secret mapping released;
 * not when a locked range ends by lamina_os_release(), so unlock it first. A program that sets its working set's size
 * while another thread is in here may lose its change. On failure no page of the range is left locked, on POSIX systems
 * not even one that was locked before (but by EPERM and EINVAL, which come before anything is done): don't lock ranges
 * that overlap. Locks don't nest, end with the mapping, and aren't inherited by the child of a fork. While a page is
 * locked it can't be given back: see os.h. */
LAMINA_NODISCARD bool lamina_os_lock(void *p, size_t bytes);

/* The same, but each page is locked when it is first touched, which suits a large range of which little will be
 * used. Linux 4.4; unsupported elsewhere. */
LAMINA_NODISCARD bool lamina_os_lock_on_touch(void *p, size_t bytes);

/* The pages may be swapped again. On Windows a page that wasn't locked makes the call fail; POSIX doesn't tell. */
bool lamina_os_unlock(void *p, size_t bytes);

/* ------------------------------------------------ Secret mappings --------------------------------------------- */

/* What protects a mapping. LOCKED: never in swap, and no page of it is missing. NO_DUMP: not in a core dump.
 * NO_FORK: the child of a fork finds zeroes, or no mapping at all, where the parent has the contents (systems without
 * fork have this by nature). HIDDEN: not even in the kernel's own map of memory (Linux 5.14, memfd_secret, where the
 * system administrator has not turned it off).
 *
 *                  LOCKED   NO_DUMP   NO_FORK   HIDDEN
 *     Linux          x         x         x      if the kernel has it
 *     macOS          x         -         x        -
 *     Windows        x         -         x        -                                                             */
#define LAMINA_SECRET_LOCKED 0x1U
#define LAMINA_SECRET_NO_DUMP 0x2U
#define LAMINA_SECRET_NO_FORK 0x4U
#define LAMINA_SECRET_HIDDEN 0x8U

/* Maps zeroed memory, readable and writable, with every property of `required` and whichever others can be had; *got
 * (may be NULL, untouched on failure) tells all that it has. LOCKED is always among them. NULL and nothing mapped
 * where one of `required` can't be had. Give it back by lamina_secret_release() alone; of the other calls about
 * ranges, use none but lamina_os_protect() on it. Five system calls or so, and every page is touched. */
LAMINA_NODISCARD void *lamina_secret_map(size_t bytes, unsigned required, unsigned *got);

/* Overwrites the whole with zeroes, so that the compiler can't leave it out, then unmaps it. `bytes` is what was
 * mapped; the range must be writable. A range that isn't mapped is refused with EINVAL before it is touched: a second
 * release, for one. False otherwise means that it is still mapped, scrubbed already. */
bool lamina_secret_release(void *p, size_t bytes);

LAMINA_EXTERN_C_END

#endif /* LAMINA_SECRET_H */
