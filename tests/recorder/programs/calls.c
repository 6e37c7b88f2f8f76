/* SPDX-License-Identifier: MIT */
/*
 * What the recorder is tried on: calls of which the test knows how many there are, told apart by sizes that nobody else
 * asks for. `calls MODE` makes those of one kind; it prints what it counted itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Told nothing about a block, the compiler can't leave its calls out. */
static void *used(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0) {
        _exit(9);
    }
}

static void expect(int condition, const char *what)
{
    if (!condition) {
        say(what);
        _exit(8);
    }
}

/* ----------------------------------------------- Each function, each ending
 * ---------------------------------------------- */

static void forms(void)
{
    void *out = NULL;
    free(used(malloc(10007)));
    free(used(calloc(7, 1433)));                    /* 10031 */
    void *block = used(realloc(used(NULL), 10037)); /* gcc makes malloc of a NULL that it sees */
    block = used(realloc(block, 10039));
    block = used(reallocarray(block, 3, 3353)); /* 10059 */
    expect(realloc(block, 0) == NULL, "realloc to nothing\n");
    free(used(aligned_alloc(128, 10112)));
    expect(posix_memalign(&out, 256, 10061) == 0, "posix_memalign\n");
    free(used(out));
    free(used(memalign(512, 10067)));
    free(used(valloc(10069)));
    free(used(pvalloc(10079)));
    free(used(NULL));
    const volatile size_t huge = SIZE_MAX / 2U;
    errno = 0;
    expect((used(malloc(huge)) == NULL) && (errno == ENOMEM), "malloc of too much\n");
    expect(used(calloc(huge, 4)) == NULL, "calloc of too much\n");
    block = used(malloc(10091));
    expect(used(reallocarray(block, huge, 4)) == NULL, "reallocarray of too much\n");
    expect(used(realloc(block, huge)) == NULL, "realloc of too much\n");
    expect(posix_memalign(&out, 3, 8) == EINVAL, "posix_memalign to 3\n");
    errno = 77;
    free(block);
    expect(errno == 77, "free changes errno\n");
    free(used(malloc(0)));
}

/* ---------------------------------------------------------- Threads
 * ------------------------------------------------------ */

enum { THREADS = 6, ROUNDS = 20000, BOX = 128 };

static _Atomic(void *) box[BOX];
static atomic_ulong allocations, frees;

/* Each thread has sizes of its own, and frees whatever is in the place that it puts its block into. */
static void *hand_over(void *which)
{
    const size_t thread = (size_t)(uintptr_t)which;
    unsigned random = (unsigned)thread + 1U;
    for (unsigned i = 0; i < ROUNDS; i++) {
        random = random * 1103515245U + 12345U;
        void *block = used(malloc(20000U + thread));
        atomic_fetch_add(&allocations, 1U);
        if ((random >> 8U) % 5U == 0U) {
            block = used(realloc(block, 30000U + thread));
        }
        void *const old = atomic_exchange(&box[(random >> 16U) % BOX], block);
        if (old != NULL) {
            free(old);
            atomic_fetch_add(&frees, 1U);
        }
    }
    return NULL;
}

static void *hand_over_endlessly(void *which)
{
    for (;;) {
        (void)hand_over(which);
    }
    return NULL;
}

static void *once(void *which)
{
    free(used(malloc(40000U + (size_t)(uintptr_t)which)));
    return NULL;
}

static void say_number(const char *name, unsigned long number)
{
    char text[24];
    size_t at = sizeof text;
    text[--at] = '\0';
    text[--at] = '\n';
    do {
        text[--at] = (char)('0' + number % 10U);
        number /= 10U;
    } while (number != 0U);
    say(name);
    say(" ");
    say(text + at);
}

static void threads(void)
{
    pthread_t all[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        expect(pthread_create(&all[i], NULL, hand_over, (void *)(uintptr_t)i) == 0, "pthread_create\n");
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(all[i], NULL);
    }
    for (size_t i = 0; i < BOX; i++) {
        void *const left = atomic_load(&box[i]);
        if (left != NULL) {
            free(left);
            atomic_fetch_add(&frees, 1U);
        }
    }
    say_number("allocations", atomic_load(&allocations));
    say_number("frees", atomic_load(&frees));
}

static void short_threads(void)
{
    for (size_t i = 0; i < 200; i++) {
        pthread_t thread;
        expect(pthread_create(&thread, NULL, once, (void *)(uintptr_t)i) == 0, "pthread_create\n");
        (void)pthread_join(thread, NULL);
    }
}

/* Threads that hand blocks over, and others that begin and end, until the program is killed. */
static void endless(void)
{
    for (size_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        expect(pthread_create(&thread, NULL, hand_over_endlessly, (void *)(uintptr_t)i) == 0, "pthread_create\n");
    }
    say("ready\n");
    for (;;) {
        short_threads();
    }
}

/* ------------------------------------------------------- Fork and ends
 * --------------------------------------------------- */

static void forks(void)
{
    void *const inherited = used(malloc(50021));
    for (unsigned i = 0; i < 3; i++) {
        const pid_t child = fork();
        if (child == 0) {
            free(inherited);
            free(used(malloc(50023U + i)));
            _exit(0);
        }
        (void)waitpid(child, NULL, 0);
    }
    free(inherited);
}

/* Forks while other threads are in the middle of calls. */
static void forks_among_threads(void)
{
    pthread_t all[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        expect(pthread_create(&all[i], NULL, hand_over, (void *)(uintptr_t)i) == 0, "pthread_create\n");
    }
    for (unsigned i = 0; i < 20; i++) {
        const pid_t child = fork();
        if (child == 0) {
            for (unsigned k = 0; k < 100; k++) {
                free(used(malloc(50500)));
            }
            _exit(0);
        }
        (void)waitpid(child, NULL, 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(all[i], NULL);
    }
}

static void many(void)
{
    for (unsigned i = 0; i < 30000; i++) {
        void *const block = used(malloc(60013));
        if (i % 2U == 0U) {
            free(block);
        }
    }
}

static void end(const char *how)
{
    many();
    if (strcmp(how, "segv") == 0) {
        (void)raise(SIGSEGV);
    } else if (strcmp(how, "null") == 0) {
        *(volatile int *)used(NULL) = 1;
    } else if (strcmp(how, "abort") == 0) {
        abort();
    } else if (strcmp(how, "kill") == 0) {
        (void)raise(SIGKILL);
    } else if (strcmp(how, "quick_exit") == 0) {
        quick_exit(0);
    } else if (strcmp(how, "_exit") == 0) {
        _exit(5);
    } else if (strcmp(how, "double_free") == 0) {
        void *const block = used(malloc(60017));
        free(block);
        free(used(block));
    }
}

static void close_files(void)
{
    free(used(malloc(70001)));
    for (int fd = 3; fd < 4096; fd++) {
        (void)close(fd);
    }
    many();
}

int main(int argc, char **argv)
{
    const char *const mode = (argc > 1) ? argv[1] : "";
    if (strcmp(mode, "forms") == 0) {
        forms();
    } else if (strcmp(mode, "threads") == 0) {
        threads();
    } else if (strcmp(mode, "endless") == 0) {
        endless();
    } else if (strcmp(mode, "short_threads") == 0) {
        short_threads();
    } else if (strcmp(mode, "forks") == 0) {
        forks();
    } else if (strcmp(mode, "forks_among_threads") == 0) {
        forks_among_threads();
    } else if (strcmp(mode, "close_files") == 0) {
        close_files();
    } else if (strcmp(mode, "exec") == 0) {
        free(used(malloc(80021)));
        (void)execl(argv[0], argv[0], "end", "return", (char *)NULL);
        return 7;
    } else if (strcmp(mode, "end") == 0) {
        end((argc > 2) ? argv[2] : "");
    }
    return 0;
}
