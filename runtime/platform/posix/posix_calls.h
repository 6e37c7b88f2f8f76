/* SPDX-License-Identifier: MIT */
/*
 * Calls of POSIX that report failure in ways of their own, here all as -1 with errno set, and keys as plain numbers.
 * Private to the runtime; included by the platform's calls.h.
 */
#ifndef LAMINA_PLATFORM_POSIX_CALLS_H
#define LAMINA_PLATFORM_POSIX_CALLS_H

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static inline int lamina_kernel_key_create(void (*ended)(void *value))
{
    pthread_key_t key;
    const int error = pthread_key_create(&key, ended);
    errno = (error != 0) ? error : errno;
    return (error == 0) ? (int)key : -1;
}

static inline int lamina_kernel_key_set(int key, void *value)
{
    const int error = pthread_setspecific((pthread_key_t)key, value);
    errno = (error != 0) ? error : errno;
    return (error == 0) ? 0 : -1;
}

static inline void *lamina_kernel_key_get(int key)
{
    return pthread_getspecific((pthread_key_t)key);
}

static inline int lamina_kernel_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void))
{
    const int error = pthread_atfork(before, in_parent, in_child);
    errno = (error != 0) ? error : errno;
    return (error == 0) ? 0 : -1;
}

#endif /* LAMINA_PLATFORM_POSIX_CALLS_H */
