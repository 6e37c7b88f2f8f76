/* SPDX-License-Identifier: MIT */
/* The last platform error of each thread: see lamina/core.h. */
#include "lamina/core.h"

static __thread int last_os_error;

int lamina_last_os_error(void)
{
    return last_os_error;
}

void lamina_set_last_os_error(int error)
{
    last_os_error = error;
}
