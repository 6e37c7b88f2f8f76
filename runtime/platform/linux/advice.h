/* SPDX-License-Identifier: MIT */
/* madvise() whose 0 means that the advice was taken. Private to runtime/platform/linux. */
#ifndef LAMINA_PLATFORM_LINUX_ADVICE_H
#define LAMINA_PLATFORM_LINUX_ADVICE_H

int lamina_linux_advise_(void *p, size_t bytes, int advice);

#endif /* LAMINA_PLATFORM_LINUX_ADVICE_H */
