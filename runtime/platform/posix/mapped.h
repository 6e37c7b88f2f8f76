/* SPDX-License-Identifier: MIT */
/* What the sources of one platform ask of each other. Private to the runtime. */
#ifndef LAMINA_PLATFORM_POSIX_MAPPED_H
#define LAMINA_PLATFORM_POSIX_MAPPED_H

/* A new mapping of `bytes` (whole pages) at a multiple of `align`, a power of two, private and anonymous, with the
 * system's rights and further flags; NULL with the error set. */
void *lamina_posix_map_(size_t bytes, size_t align, int rights, int flags);

/* Takes a mapping back on the way out of a failure, whose error is to survive. */
void lamina_posix_unmap_(void *p, size_t bytes);

/* The size of the range at `p` in whole pages when all of it is mapped, or 0 with the error set: EINVAL, too, where
 * anything isn't. Asked before each call that changes something, because the system acts on what lies before a hole
 * and then refuses. */
size_t lamina_posix_range_(void *p, size_t bytes);

#endif /* LAMINA_PLATFORM_POSIX_MAPPED_H */
