/* SPDX-License-Identifier: MIT */
/* Random bytes from the system's preferred generator: see lamina/random.h. */
#include "calls.h"

#include "lamina/random.h"

#include "platform.h"

bool lamina_random_bytes(void *out, size_t bytes)
{
    unsigned char *at = (unsigned char *)out;
    size_t left = bytes;
    bool ok = ((out != NULL) && (bytes != 0U)) || lamina_refuse_(ERROR_INVALID_PARAMETER);
    while (ok && (left != 0U)) {
        const unsigned long now = (left < 0x40000000U) ? (unsigned long)left : 0x40000000U;
        const long status = PLATFORM(gen_random)(at, now);
        if (status >= 0) {
            at += now;
            left -= now;
        } else { /* the status of the NT kernel stands in for an error code, as this call sets none */
            ok = lamina_refuse_((int)status);
        }
    }
    return ok;
}
