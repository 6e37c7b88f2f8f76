/* SPDX-License-Identifier: MIT */
/* Threads with no operating system: what the program says of them, or that there is one. See lamina/thread.h. */
#include "lamina/thread.h"

/* Declared here too, because a program for this platform may compile this file as hosted code. */
uintptr_t lamina_port_thread_id(void) __attribute__((weak));
unsigned lamina_port_thread_index(void) __attribute__((weak));
void lamina_port_yield(void) __attribute__((weak));

#if !__STDC_HOSTED__
uintptr_t lamina_thread_id(void)
{
    return (lamina_port_thread_id != NULL) ? lamina_port_thread_id() : 1U;
}
#endif

unsigned lamina_thread_index_claim_(void)
{
    return (lamina_port_thread_index != NULL) ? lamina_port_thread_index() : 0U;
}

void lamina_thread_yield(void)
{
    if (lamina_port_yield != NULL) {
        lamina_port_yield();
    } else {
        lamina_spin_hint();
    }
}

/* A lock that is held waits by letting others run and looking again, which needs nobody to wake it. */

void lamina_thread_wait_(uint32_t *at, uint32_t expected)
{
    if (lamina_atomic_load_u32_relaxed(at) == expected) {
        lamina_thread_yield();
    }
}

void lamina_thread_wake_(uint32_t *at)
{
    (void)at;
}
