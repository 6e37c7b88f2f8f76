/* SPDX-License-Identifier: MIT */
/* The whole of the "C library" that the freestanding program has: an entry, a way to end and to say something, and
 * the two functions that every compiler expects. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int freestanding_main(size_t n);
void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *at, int value, size_t bytes);
void lamina_panic(const char *line);
void _start(void);

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ((unsigned char *)to)[i] = ((const unsigned char *)from)[i];
    }
    return to;
}

void *memset(void *at, int value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        ((unsigned char *)at)[i] = (unsigned char)value;
    }
    return at;
}

static long system_call(long number, long a, long b, long c)
{
#if defined(__x86_64__)
    long out;
    __asm__ volatile("syscall" : "=a"(out) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return out;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
    return x0;
#endif
}

#if defined(__x86_64__)
enum { CALL_WRITE = 1, CALL_EXIT = 60 };
#else
enum { CALL_WRITE = 64, CALL_EXIT = 93 };
#endif

static __attribute__((noreturn)) void end(int status)
{
    for (;;) {
        (void)system_call(CALL_EXIT, status, 0, 0);
    }
}

void lamina_panic(const char *line)
{
    size_t length = 0;
    while (line[length] != '\0') {
        length++;
    }
    (void)system_call(CALL_WRITE, 2, (long)line, (long)length);
    end(42);
}

#if SUPPLIED
extern unsigned yields;
bool lamina_port_random(void *out, size_t bytes);
uintptr_t lamina_port_thread_id(void);
unsigned lamina_port_thread_index(void);
void lamina_port_yield(void);

unsigned yields;

bool lamina_port_random(void *out, size_t bytes)
{
    (void)memset(out, 0x5A, bytes); /* so that the test knows it again; a program would bring real ones */
    return true;
}

uintptr_t lamina_port_thread_id(void)
{
    return 7U;
}

unsigned lamina_port_thread_index(void)
{
    return 3U;
}

void lamina_port_yield(void)
{
    yields++;
}
#endif

#if defined(__x86_64__)
__attribute__((force_align_arg_pointer)) /* the kernel enters with an aligned stack, a function expects a call's */
#endif
void _start(void)
{
    volatile size_t n = 64;
    end(freestanding_main(n));
}
