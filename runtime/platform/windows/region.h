/* SPDX-License-Identifier: MIT */
/* What the Windows glue asks about ranges, and how it maps. Private to runtime/platform/windows. */
#ifndef LAMINA_PLATFORM_WINDOWS_REGION_H
#define LAMINA_PLATFORM_WINDOWS_REGION_H

#define LAMINA_WINDOWS_ANY_NODE 0xFFFFFFFFUL /* NUMA_NO_PREFERRED_NODE */

/* The bytes of the allocation that starts at `p`, or 0 when none does. */
size_t lamina_windows_allocation_(const void *p);

typedef enum lamina_windows_state {
    LAMINA_WINDOWS_HAD,     /* reserved at least */
    LAMINA_WINDOWS_WRITABLE /* committed, and with the right to write */
} lamina_windows_state;

/* True when all of a range is in that state. */
bool lamina_windows_all_(const void *p, size_t bytes, lamina_windows_state state);

/* The size of the range at `p` in whole pages when all of it is had, or 0 with the error set: 87, too, where
 * anything isn't. The system would refuse it as well, by a code that is another for each call. */
size_t lamina_windows_range_(const void *p, size_t bytes);

/* Tells the calls that take pages away that some may be locked from now on. Until then they needn't ask. */
void lamina_windows_locks_made_(void);

/* lamina_os_reserve() and lamina_os_map_ex() with a node for the pages, which is no node of the machine for any. */
void *lamina_windows_reserve_(size_t bytes, unsigned long node);
void *lamina_windows_map_(size_t bytes, unsigned flags, size_t *page_got, unsigned long node);

#endif /* LAMINA_PLATFORM_WINDOWS_REGION_H */
