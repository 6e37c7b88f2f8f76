/* SPDX-License-Identifier: MIT */
/*
 * What the macOS glue asks of its system, in the terms of Linux, so that the glue's own logic can be run
 * where there is no macOS. Included before everything else. Of the system itself it shows nothing: each
 * stand-in does what macOS documents of the call, as far as the glue relies on it.
 */
#ifndef LAMINA_STANDIN_MACOS_SYSTEM_H
#define LAMINA_STANDIN_MACOS_SYSTEM_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/types.h>

/* Another number than Linux's, which core.h promises. */
#undef ENOTSUP
#define ENOTSUP 45

/* Pages that may be taken, whose contents are then zero. Saying that they are used again changes no contents.
 */
#define MADV_FREE_REUSABLE MADV_FREE
#define MADV_FREE_REUSE    MADV_NORMAL

#define VM_INHERIT_NONE 2

/* A child of a fork doesn't get the range. */
static inline int minherit(void *at, size_t bytes, int what)
{
    return (what == VM_INHERIT_NONE) ? madvise(at, bytes, MADV_DONTFORK) : (errno = EINVAL, -1);
}

#endif /* LAMINA_STANDIN_MACOS_SYSTEM_H */
