/* SPDX-License-Identifier: MIT */
/* Random bytes from the kernel: see lamina/random.h. */
#include "calls.h"

#include "lamina/random.h"

bool lamina_random_bytes(void *out, size_t bytes)
{
    unsigned char *at = (unsigned char *)out;
    size_t left = bytes;
    bool ok = (out != NULL) && (bytes != 0U);
    if (!ok) {
        lamina_set_last_os_error(EINVAL);
    }
    while (ok && (left != 0U)) {
        const long got = KERNEL(getrandom)(at, left, 0U);
        if (got > 0) { /* above 256 bytes a signal may cut the answer short */
            at += got;
            left -= (size_t)got;
        } else if ((got < 0) && (errno == EINTR)) {
            continue;
        } else {
            lamina_set_last_os_error((got < 0) ? errno : EIO);
            ok = false;
        }
    }
    return ok;
}
