/* SPDX-License-Identifier: MIT */
/* Random bytes from the kernel: see lamina/random.h. */
#include "calls.h"

#include "lamina/random.h"

bool lamina_random_bytes(void *out, size_t bytes)
{
    enum { AT_ONCE = 256 }; /* the kernel gives all or nothing, and no more than this */
    unsigned char *at = (unsigned char *)out;
    size_t left = bytes;
    bool ok = (out != NULL) && (bytes != 0U);
    if (!ok) {
        lamina_set_last_os_error(EINVAL);
    }
    while (ok && (left != 0U)) {
        const size_t now = (left < AT_ONCE) ? left : (size_t)AT_ONCE;
        ok = KERNEL(getentropy)(at, now) == 0;
        if (ok) {
            at += now;
            left -= now;
        } else {
            lamina_set_last_os_error(errno);
        }
    }
    return ok;
}
