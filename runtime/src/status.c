/* SPDX-License-Identifier: MIT */
/* Status codes in words: see lamina/core.h. */
#include "lamina/core.h"

const char *lamina_status_text(lamina_status status)
{
    const char *out = "not a status of Lamina";
    switch (status) { /* no default: the compiler then names a code that is missing here */
    case LAMINA_OK:
        out = "success";
        break;
    case LAMINA_ERR_OS:
        out = "the operating system refused";
        break;
    case LAMINA_ERR_ARGUMENT:
        out = "invalid argument";
        break;
    case LAMINA_ERR_TOO_SMALL:
        out = "the memory given is too small";
        break;
    case LAMINA_ERR_MISALIGNED:
        out = "the memory given is misaligned";
        break;
    case LAMINA_ERR_BUSY:
        out = "still in use";
        break;
    case LAMINA_ERR_PAGE_SIZE:
        out = "unsuitable page size";
        break;
    case LAMINA_ERR_UNSUPPORTED:
        out = "not supported on this platform";
        break;
    }
    return out;
}
