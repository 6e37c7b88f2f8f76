/* SPDX-License-Identifier: MIT */
/*
 * What the suite needs of no operating system: see suite.h. A way to say something and to end, the two functions
 * that every compiler expects, an entry. On x86-64 the kernel below is Linux's, by two bare calls; on ARM a
 * debugger's, by semihosting.
 */
#include "suite.h"

int suite_main(void);

void *memcpy(void *LAMINA_RESTRICT to, const void *LAMINA_RESTRICT from, size_t bytes)
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

bool host_faults(void *p, unsigned access)
{
    (void)p;
    (void)access;
    return false;
}

/* Nothing maps here: there is no glue that could, and no system to ask. */
host_memory host_memory_now(void)
{
    const host_memory out = {true, {0}, 0U};
    return out;
}

int host_kernel_refuses(const char *ability)
{
    (void)ability;
    return SUITE_UNTOUCHED;
}

bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context)
{
    (void)n;
    (void)body;
    (void)context;
    return false;
}

#if defined(__x86_64__)

static long system_call(long number, long a, long b, long c)
{
    long out;
    __asm__ volatile("syscall" : "=a"(out) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return out;
}

void host_put(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        length++;
    }
    (void)system_call(1, 1, (long)text, (long)length);
}

static LAMINA_NORETURN void host_end(int status)
{
    for (;;) {
        (void)system_call(60, status, 0, 0);
    }
}

void _start(void);

/* The kernel enters with an aligned stack, where a function expects a call's. */
__attribute__((force_align_arg_pointer)) void _start(void)
{
    host_end(suite_main());
}

#elif defined(__arm__)

static int semihosting(int operation, const void *argument)
{
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void host_put(const char *text)
{
    (void)semihosting(0x04, text); /* SYS_WRITE0 */
}

static LAMINA_NORETURN void host_end(int status)
{
    const uint32_t block[2] = {0x20026U, (uint32_t)status}; /* ADP_Stopped_ApplicationExit */
    for (;;) {
        (void)semihosting(0x20, block); /* SYS_EXIT_EXTENDED */
    }
}

/* From the linker script: where initialized data is kept and where it belongs, and what is zero at first. */
extern unsigned char data_kept[];
extern unsigned char data_begin[];
extern unsigned char data_end[];
extern unsigned char zero_begin[];
extern unsigned char zero_end[];
extern unsigned char stack_top[];

void host_reset(void);

void host_reset(void)
{
    memcpy(data_begin, data_kept, (size_t)(data_end - data_begin));
    memset(zero_begin, 0, (size_t)(zero_end - zero_begin));
    host_end(suite_main());
}

static void host_fault(void)
{
    host_put("the processor faulted\n");
    host_end(3);
}

typedef union vector {
    void *stack;
    void (*handler)(void);
} vector;

extern const vector host_vectors[16];

__attribute__((section(".vectors"), used)) const vector host_vectors[16] = {
    {.stack = stack_top},    {.handler = host_reset}, {.handler = host_fault}, {.handler = host_fault},
    {.handler = host_fault}, {.handler = host_fault}, {.handler = host_fault},
};

#endif

void lamina_panic(const char *line);

/* The report of a corruption that nobody expected. */
void lamina_panic(const char *line)
{
    host_put(line);
    host_end(4);
}
