/* SPDX-License-Identifier: MIT */
/*
 * A program that does nothing but call malloc and its kin: `cost PATTERN COUNT [THREADS]` makes the pattern's calls
 * COUNT times. What a call costs while it is recorded is the difference between two counts.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, THREADS = 64 };

static const char *pattern;
static unsigned long count;

/* Told nothing about a block, the compiler can't leave its calls out. */
static void *used(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer) : : "memory");
    return pointer;
}

static void pairs(void)
{
    for (unsigned long i = 0; i < count; i++) {
        free(used(malloc(64)));
    }
}

static void callocs(void)
{
    for (unsigned long i = 0; i < count; i++) {
        free(used(calloc(3, 24)));
    }
}

static void reallocs(void)
{
    void *block = used(malloc(200));
    for (unsigned long i = 0; i < count; i++) {
        block = used(realloc(block, (i % 2U == 0U) ? 190 : 200));
    }
    free(block);
}

/* Many blocks at once: no address is that of the call before. */
static void batches(void)
{
    void *blocks[BATCH];
    for (unsigned long i = 0; i < count / BATCH; i++) {
        for (size_t k = 0; k < BATCH; k++) {
            blocks[k] = used(malloc(48));
        }
        for (size_t k = 0; k < BATCH; k++) {
            free(used(blocks[k]));
        }
    }
}

/* Random sizes and lifetimes. */
static void mixed(void)
{
    void *blocks[BATCH] = {NULL};
    unsigned random = 1;
    for (unsigned long i = 0; i < count; i++) {
        random = random * 1103515245U + 12345U;
        const unsigned place = (random >> 16U) % BATCH;
        free(used(blocks[place]));
        blocks[place] = used(malloc(16U + (random >> 8U) % 512U));
    }
    for (size_t k = 0; k < BATCH; k++) {
        free(blocks[k]);
    }
}

static void *work(void *unused)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } patterns[] = {{"pairs", pairs}, {"callocs", callocs}, {"reallocs", reallocs}, {"batches", batches}, {"mixed", mixed}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (strcmp(pattern, patterns[i].name) == 0) {
            patterns[i].run();
        }
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    if (argc < 3) {
        (void)fprintf(stderr, "usage: cost PATTERN COUNT [THREADS]\n");
        return 2;
    }
    pattern = argv[1];
    count = strtoul(argv[2], NULL, 10);
    const size_t wanted = (argc > 3) ? (size_t)strtoul(argv[3], NULL, 10) : 1U;
    const size_t others = ((wanted < THREADS) ? wanted : THREADS) - 1U;
    for (size_t i = 0; i < others; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            return 3;
        }
    }
    (void)work(NULL);
    for (size_t i = 0; i < others; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return 0;
}
