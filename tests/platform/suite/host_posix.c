/* SPDX-License-Identifier: MIT */
/* What the suite needs of Linux and macOS: see suite.h. */
#define _GNU_SOURCE 1
#define _DARWIN_C_SOURCE 1
#include "suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int suite_main(void);

void host_put(const char *text)
{
    size_t left = strlen(text);
    const char *from = text;
    while (left > 0U) {
        const ssize_t written = write(STDOUT_FILENO, from, left);
        if (written <= 0) {
            _exit(2); /* nobody listens, so that no result can be had */
        }
        from += written;
        left -= (size_t)written;
    }
}

static sigjmp_buf before_the_access;

static void on_fault(int number)
{
    siglongjmp(before_the_access, number);
}

bool host_faults(void *p, unsigned access)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL};
    struct sigaction action;
    struct sigaction saved[3];
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; i++) {
        (void)sigaction(numbers[i], &action, &saved[i]);
    }
    volatile bool faulted = true;
    if (sigsetjmp(before_the_access, 1) == 0) {
        volatile unsigned char *const byte = (volatile unsigned char *)p;
        if ((access & HOST_READ) != 0U) {
            (void)*byte;
        }
        if ((access & HOST_WRITE) != 0U) {
            *byte = 1U;
        }
        if ((access & HOST_EXECUTE) != 0U) {
            void (*function)(void) = NULL;
            memcpy(&function, &p, sizeof function); /* ISO C has no conversion between the two kinds of pointer */
            function();
        }
        faulted = false;
    }
    for (int i = 0; i < 3; i++) {
        (void)sigaction(numbers[i], &saved[i], NULL);
    }
    return faulted;
}

/* Read without the heap, whose own mappings would be counted too. */
size_t host_mapped(void)
{
    static char text[1 << 16];
    size_t total = 0U;
    size_t kept = 0U;
    const int file = open("/proc/self/maps", O_RDONLY);
    if (file < 0) {
        return 0U;
    }
    for (ssize_t got = 0; (got = read(file, text + kept, sizeof text - kept)) > 0;) {
        const size_t have = kept + (size_t)got;
        size_t line = 0U;
        for (size_t i = 0; i < have; i++) {
            if (text[i] == '\n') {
                unsigned long long ends[2] = {0U, 0U};
                size_t at = line;
                for (int end = 0; end < 2; end++, at++) {
                    for (; (at < i) && (text[at] != '-') && (text[at] != ' '); at++) {
                        const char c = text[at];
                        ends[end] = ends[end] * 16U + (unsigned long long)((c <= '9') ? c - '0' : c - 'a' + 10);
                    }
                }
                total += (size_t)(ends[1] - ends[0]);
                line = i + 1U;
            }
        }
        kept = have - line;
        memmove(text, text + line, kept);
    }
    (void)close(file);
    return total;
}

bool host_cannot(const char *what)
{
    const char *const all = getenv("LAMINA_SUITE_CANNOT"); /* separated by commas */
    return (all != NULL) && (strstr(all, what) != NULL);
}

typedef struct call {
    void (*body)(unsigned i, void *context);
    void *context;
    unsigned i;
} call;

static void *start(void *argument)
{
    const call *const mine = (const call *)argument;
    mine->body(mine->i, mine->context);
    return NULL;
}

bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context)
{
    pthread_t threads[16];
    call calls[16];
    unsigned started = 0U;
    while (started < n) {
        calls[started] = (call){body, context, started};
        if (pthread_create(&threads[started], NULL, start, &calls[started]) != 0) {
            break;
        }
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return started == n;
}

int main(void)
{
    return suite_main();
}
