/* SPDX-License-Identifier: MIT */
/* Random bytes with no operating system to ask: the program's source or none. See lamina/random.h. */
#include "lamina/random.h"

/* Declared here too, because a program for this platform may compile this file as hosted code. */
bool lamina_port_random(void *out, size_t bytes) __attribute__((weak));

bool lamina_random_bytes(void *out, size_t bytes)
{
    enum { SOURCE_FAILED = 5 }; /* EIO, where there is a name for it */
    bool ok = false;
    if ((out == NULL) || (bytes == 0U)) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    } else if (lamina_port_random == NULL) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_UNSUPPORTED);
    } else if (!lamina_port_random(out, bytes)) {
        lamina_set_last_os_error(SOURCE_FAILED);
    } else {
        ok = true;
    }
    return ok;
}
