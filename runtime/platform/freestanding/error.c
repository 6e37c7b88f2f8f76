/* SPDX-License-Identifier: MIT */
/* The last error where there are no threads to tell apart: see lamina/core.h. */
#include "lamina/core.h"

static int last_os_error;

int lamina_last_os_error(void)
{
    return last_os_error;
}

void lamina_set_last_os_error(int error)
{
    last_os_error = error;
}
