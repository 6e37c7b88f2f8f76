/* SPDX-License-Identifier: MIT */
#include "trace_tick.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL 2000000L /* nanoseconds: half a percent of one processor, and little against a scheduler's slice */

bool trace_tick(const char *path, struct trace_error *error)
{
    struct trace_file_header *header = MAP_FAILED;
    const pid_t parent = getppid();
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        header = mmap(NULL, sizeof *header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    const int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (header == MAP_FAILED) {
        return trace_fail(error, "%s", strerror(reason));
    }
    while (getppid() == parent) {
        const struct timespec interval = {0, INTERVAL};
        (void)nanosleep(&interval, NULL);
        (void)__atomic_fetch_add(&header->tick, 1U, __ATOMIC_RELAXED);
    }
    (void)munmap(header, sizeof *header);
    return true;
}
