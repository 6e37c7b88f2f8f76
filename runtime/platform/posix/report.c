/* SPDX-License-Identifier: MIT */
/* The end of a program whose memory is damaged: see lamina/report.h. */
#include "calls.h"

#include "lamina/report.h"

#include <stdlib.h>

/* One write, so that lines of several threads don't mix. Whether it succeeds makes no difference to what follows.
 */
static LAMINA_NORETURN void print_and_abort(const char *line, size_t length)
{
    const ssize_t ignored = (ssize_t)PLATFORM(write)(STDERR_FILENO, line, length);
    (void)ignored;
    abort();
}

void lamina_corruption_abort(const lamina_corruption *event)
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    print_and_abort(line, lamina_corruption_line(line, sizeof line, event));
}

void lamina_assertion_abort(const char *file, unsigned number, const char *message)
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    print_and_abort(line, lamina_assertion_line(line, sizeof line, file, number, message));
}
