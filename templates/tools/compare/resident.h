/* How much memory a program has, for those who measure: the drivers of `lamina compare` and of `lamina replay`. C11. */
#ifndef COMPARE_RESIDENT_H
#define COMPARE_RESIDENT_H

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESIDENT_FILE "/proc/self/smaps_rollup"

/* Bytes of this process's own that are in memory now; pages of programs and libraries aren't among them, nor of a file
 * that is replayed. The kernel's quick counters are off by dozens of pages, these aren't. SIZE_MAX: it isn't told. */
static size_t resident_bytes(void)
{
    static char text[4096];
    const int file = open(RESIDENT_FILE, O_RDONLY | O_CLOEXEC);
    const ssize_t got = (file < 0) ? -1 : read(file, text, sizeof text - 1U);
    if (file >= 0) {
        (void)close(file);
    }
    text[(got > 0) ? got : 0] = '\0';
    const char *const line = strstr(text, "\nAnonymous:");
    return (line != NULL) ? (size_t)strtoull(line + strlen("\nAnonymous:"), NULL, 10) * 1024U : SIZE_MAX;
}

#endif
