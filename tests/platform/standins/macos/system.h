/* SPDX-License-Identifier: MIT */
/*
 * What the macOS glue asks of its system, in the terms of Linux, so that the glue's own logic can be run
 * where there is no macOS. Included before everything else. Of the system itself it shows nothing: each
 * stand-in does what macOS documents of the call, as far as the glue relies on it.
 */
#ifndef LAMINA_STANDIN_MACOS_SYSTEM_H
#define LAMINA_STANDIN_MACOS_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

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

/* The kernel's regions, of which Linux tells in a file. */
typedef unsigned long vm_address_t;
typedef unsigned long vm_size_t;
typedef unsigned natural_t;
typedef unsigned mach_msg_type_number_t;
typedef int kern_return_t;

typedef struct {
    unsigned short user_wired_count;
} vm_region_submap_info_data_64_t, *vm_region_recurse_info_t;

#define KERN_SUCCESS                   0
#define VM_REGION_SUBMAP_INFO_COUNT_64 1U
#define mach_task_self()               0

/* The first region that ends behind *start. Without the heap, whose growth a test would take for the glue's.
 */
static inline kern_return_t vm_region_recurse_64(int task, vm_address_t *start, vm_size_t *bytes,
                                                 natural_t *depth, vm_region_recurse_info_t info,
                                                 mach_msg_type_number_t *count)
{
    char text[8192];
    char line[256];
    size_t length = 0U;
    bool found = false;
    bool told = false; /* the flags of the region that was found */
    const int file = open("/proc/self/smaps", O_RDONLY);
    (void)task;
    (void)depth;
    (void)count;
    for (ssize_t got = 0; !told && (file >= 0) && ((got = read(file, text, sizeof text)) > 0);) {
        for (ssize_t i = 0; (i < got) && !told; i++) {
            unsigned long from = 0U;
            unsigned long to = 0U;
            if (text[i] != '\n') {
                line[length] = text[i];
                length += (length < sizeof line - 1U) ? 1U : 0U;
                continue;
            }
            line[length] = '\0';
            length = 0U;
            if (found) {
                told = strncmp(line, "VmFlags:", 8U) == 0;
                info->user_wired_count = (told && (strstr(line, " lo") != NULL)) ? 1U : 0U;
            } else if ((sscanf(line, "%lx-%lx ", &from, &to) == 2) && (to > *start)) {
                found = true;
                *start = from;
                *bytes = to - from;
            }
        }
    }
    if (file >= 0) {
        (void)close(file);
    }
    return told ? KERN_SUCCESS : 1;
}

#endif /* LAMINA_STANDIN_MACOS_SYSTEM_H */
