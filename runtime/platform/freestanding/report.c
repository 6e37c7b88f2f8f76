/* SPDX-License-Identifier: MIT */
/* The end of a program whose memory is damaged, with no operating system to tell: see lamina/report.h. */
#include "lamina/report.h"

/* Declared here too, because a program for this platform may compile this file as hosted code. */
void lamina_panic(const char *line) __attribute__((weak));

static LAMINA_NORETURN void panic_or_trap(const char *line)
{
    if (lamina_panic != NULL) {
        lamina_panic(line);
    }
    __builtin_trap(); /* also where the program's own function returns */
}

void lamina_corruption_abort(const lamina_corruption *event)
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    (void)lamina_corruption_line(line, sizeof line, event);
    panic_or_trap(line);
}

void lamina_assertion_abort(const char *file, unsigned number, const char *message)
{
    char line[LAMINA_CORRUPTION_LINE_BYTES];
    (void)lamina_assertion_line(line, sizeof line, file, number, message);
    panic_or_trap(line);
}
