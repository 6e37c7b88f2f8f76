/* SPDX-License-Identifier: MIT */
/*
 * The measured program of `lamina replay`: runs the calls of a trace on one allocator, whose functions subject.h
 * compiles into the loop, and prints what was found, one fact a line.
 *
 *     replay capacity MOST             blocks of 16 bytes, or objects, that there is room for, at most MOST
 *     replay whose                     the library that malloc is of
 *     replay check OPS                 "served", or "refused CALL WHY": whether it serves every call, verified
 *     replay count OPS                 for callgrind: one replay between two marks
 *     replay time OPS PASSES           nanoseconds of each pass; what is allocated is touched
 *     replay memory OPS SAMPLES        resident bytes over the replay, and at the moment of most bytes in use
 *
 * Calls are made in the order of the trace, on one thread, whichever thread made them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "subject.h"

#include "bench.h"
#include "resident.h"
#include "trace_ops.h"

/* What malloc promises without being asked. */
#define MALLOC_ALIGN ((size_t)16)
#define STAMP_BYTES  sizeof(uint64_t)

struct ops {
    const struct ops_header *header;
    const struct ops_entry *entries;
    const uint64_t *calls; /* of each entry: its number in the trace */
    void **slots;
    size_t peak; /* the entry after which the most bytes are in use */
};

static _Noreturn void refuse(const char *what, const char *which)
{
    (void)dprintf(STDERR_FILENO, "%s: %s\n", which, what);
    _exit(2);
}

static subject_t instance;

static subject_t *opened(void)
{
    subject_t *self = &instance;
    OPAQUE(self);
    if (subject_open(self) != 0) {
        refuse("init failed", SUBJECT_NAME);
    }
    return self;
}

/* -------------------------------------------------- The trace's calls -----------------------------------------------
 */

static void *pages(size_t bytes)
{
    void *const at = mmap(NULL, (bytes != 0U) ? bytes : 1U, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED) {
        refuse(strerror(errno), "mmap");
    }
    return at;
}

/* Where the most bytes are in use. */
static size_t find_peak(const struct ops *ops)
{
    uint64_t live = 0;
    uint64_t most = 0;
    size_t at = 0;
    for (size_t i = 0; i < ops->header->entries; i++) {
        const struct ops_entry *const entry = &ops->entries[i];
        live += (entry->kind == OPS_ALLOC) || (entry->kind == OPS_RESIZE) ? entry->size : 0U;
        live -= (entry->kind == OPS_FREE) || (entry->kind == OPS_OLD) ? entry->size : 0U;
        /* A resize is whole with the entry behind it. */
        if ((entry->kind != OPS_RESIZE) && (live > most)) {
            most = live;
            at = i;
        }
    }
    return at;
}

static struct ops load(const char *path)
{
    struct stat found;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if ((fd < 0) || (fstat(fd, &found) != 0)) {
        refuse(strerror(errno), path);
    }
    /* Populated, so that neither times nor resident pages are the file's. */
    const unsigned char *const data = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED) {
        refuse(strerror(errno), path);
    }
    struct ops ops = {.header = (const void *)data};
    const uint64_t count = ops.header->entries;
    if (((size_t)found.st_size < sizeof *ops.header) || (ops.header->magic != OPS_MAGIC) ||
        ((size_t)found.st_size != sizeof *ops.header + count * (sizeof *ops.entries + sizeof *ops.calls))) {
        refuse("is no array of calls", path);
    }
    ops.entries = (const void *)(data + sizeof *ops.header);
    ops.calls = (const void *)(ops.entries + count);
    ops.slots = pages(ops.header->slots * sizeof *ops.slots);
    ops.peak = find_peak(&ops);
    return ops;
}

/* malloc(0) gives a block that can be told from others: of one byte, where a size of 0 is refused. */
static inline size_t size_of(const struct ops_entry *entry)
{
    return (entry->size != 0U) ? (size_t)entry->size : 1U;
}

static inline size_t align_of(const struct ops_entry *entry)
{
    const size_t asked = (size_t)1 << entry->align_log2;
    return (asked > MALLOC_ALIGN) ? asked : MALLOC_ALIGN;
}

/* ------------------------------------------------------- The loop ---------------------------------------------------
 */

/* Entries from `from` up to `to`; the first that got no memory, or `to`. */
static inline __attribute__((always_inline)) size_t run(subject_t *self, const struct ops *ops, size_t from, size_t to,
                                                        bool touches)
{
    void **const slots = ops->slots;
    for (size_t i = from; i < to; i++) {
        const struct ops_entry *const entry = &ops->entries[i];
        void *block;
        if (entry->kind == OPS_FREE) {
            subject_free(self, slots[entry->slot]);
            __asm__ volatile("" : : : "memory");
            continue;
        }
        if (entry->kind == OPS_ALLOC) {
            block = subject_alloc(self, size_of(entry), align_of(entry));
        } else {
            block = subject_resize(self, slots[entry->slot], size_of(&entry[1]), size_of(entry), MALLOC_ALIGN);
            i++;
        }
        USED(block);
        if (!EXPECT(block != NULL)) {
            return i;
        }
        if (touches) {
            touch(block, size_of(entry), entry->slot);
        }
        slots[entry->slot] = block;
    }
    return to;
}

static APART size_t run_bare(subject_t *self, const struct ops *ops, size_t from, size_t to)
{
    OPAQUE(self);
    return run(self, ops, from, to, false);
}

static APART size_t run_touching(subject_t *self, const struct ops *ops, size_t from, size_t to)
{
    OPAQUE(self);
    return run(self, ops, from, to, true);
}

/* No number is better than a wrong one. */
static void expect_end(size_t reached, size_t end, const struct ops *ops)
{
    if (reached != end) {
        (void)dprintf(STDERR_FILENO, "%s gave no memory for call %llu\n", SUBJECT_NAME,
                      (unsigned long long)ops->calls[reached]);
        _exit(3);
    }
}

/* Frees what the trace doesn't, so that a further pass begins as the first did. */
static void empty(subject_t *self, const struct ops *ops)
{
#if SUBJECT_FREES
    for (size_t i = 0; i < ops->header->slots; i++) {
        if (ops->slots[i] != NULL) {
            subject_free(self, ops->slots[i]);
            ops->slots[i] = NULL;
        }
    }
#elif SUBJECT_RESETS
    subject_reset(self);
    memset(ops->slots, 0, ops->header->slots * sizeof *ops->slots);
#else
    (void)self;
    (void)ops;
    refuse("can't be emptied for another pass", SUBJECT_NAME);
#endif
}

/* The loop leaves freed blocks in their slots: those that the trace frees are no one's any more. */
static void forget_freed(const struct ops *ops)
{
    for (size_t i = 0; i < ops->header->entries; i++) {
        const struct ops_entry *const entry = &ops->entries[i];
        if (entry->kind == OPS_FREE) {
            ops->slots[entry->slot] = NULL;
        } else if (entry->kind == OPS_ALLOC) {
            ops->slots[entry->slot] = (void *)1;
        }
    }
}

/* Slots of the blocks that the trace never frees keep their block, all others become NULL. */
static void keep_live(const struct ops *ops, void **scratch)
{
    memcpy(scratch, ops->slots, ops->header->slots * sizeof *scratch);
    forget_freed(ops);
    for (size_t i = 0; i < ops->header->slots; i++) {
        ops->slots[i] = (ops->slots[i] != NULL) ? scratch[i] : NULL;
    }
}

/* ------------------------------------------------------- Checking ---------------------------------------------------
 */

struct checked {
    uint64_t stamp;
    size_t size;
};

static _Noreturn __attribute__((format(printf, 3, 4))) void cannot(const struct ops *ops, size_t i, const char *format,
                                                                   ...)
{
    char why[160];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    (void)dprintf(STDOUT_FILENO, "refused %llu %s\n", (unsigned long long)ops->calls[i], why);
    _exit(0);
}

/* The stamp at both ends of the block: an overlap, or a lost byte, shows when it goes. */
static void put_stamp(void *block, const struct checked *checked)
{
    unsigned char *const bytes = block;
    const size_t part = (checked->size < STAMP_BYTES) ? checked->size : STAMP_BYTES;
    memcpy(bytes, &checked->stamp, part);
    memcpy(bytes + (checked->size - part), &checked->stamp, part);
}

static bool has_stamp(const void *block, const struct checked *checked, size_t size)
{
    const unsigned char *const bytes = block;
    const size_t part = (size < STAMP_BYTES) ? size : STAMP_BYTES;
    /* Where the block is shorter than two stamps, the second lies over the first. */
    const bool first = (checked->size < 2U * STAMP_BYTES) || (memcmp(bytes, &checked->stamp, part) == 0);
    const size_t tail = (checked->size < STAMP_BYTES) ? checked->size : STAMP_BYTES;
    return first && ((size < checked->size) || (memcmp(bytes + (checked->size - tail), &checked->stamp, tail) == 0));
}

/* What is asked of a stack whose objects are all alike. That an object happens to be aligned is no promise. */
static void check_request(const struct ops *ops, size_t i)
{
    const size_t size = size_of(&ops->entries[i]);
    const size_t align = (size_t)1 << ops->entries[i].align_log2;
    if (!SUBJECT_SIZED && !SUBJECT_GENERAL && (size > SUBJECT_PAYLOAD)) {
        cannot(ops, i, "asks for %zu bytes, and its objects have %zu", size, SUBJECT_PAYLOAD);
    }
    if (!SUBJECT_SIZED && !SUBJECT_GENERAL && (align > SUBJECT_PROMISED)) {
        cannot(ops, i, "asks for an alignment of %zu bytes, and its objects have %zu", align, SUBJECT_PROMISED);
    }
}

static void check_result(const struct ops *ops, size_t i, const void *block, size_t live)
{
    const struct ops_entry *const entry = &ops->entries[i];
    const size_t align = (size_t)1 << entry->align_log2;
    if ((block == NULL) && (align > MALLOC_ALIGN)) {
        cannot(ops, i, "asks for %zu bytes, aligned to %zu, and gets none beside the %zu blocks in use", size_of(entry),
               align, live);
    }
    if (block == NULL) {
        cannot(ops, i, "asks for %zu bytes, and there is no room for them beside the %zu blocks in use", size_of(entry),
               live);
    }
    if ((uintptr_t)block % align != 0U) {
        refuse("gave a block that is not aligned as asked", SUBJECT_NAME);
    }
}

static void check(const char *path)
{
    const struct ops ops = load(path);
    struct checked *const checked = pages(ops.header->slots * sizeof *checked);
    subject_t *const self = opened();
    size_t live = 0;
    for (size_t i = 0; i < ops.header->entries; i++) {
        const struct ops_entry *const entry = &ops.entries[i];
        struct checked *const mine = &checked[entry->slot];
        void **const slot = &ops.slots[entry->slot];
        if (entry->kind != OPS_ALLOC) {
            if (!has_stamp(*slot, mine, mine->size)) {
                refuse("damaged a block", SUBJECT_NAME);
            }
        }
        if (entry->kind == OPS_FREE) {
            subject_free(self, *slot);
            live -= SUBJECT_FREES;
            continue;
        }
        check_request(&ops, i);
        void *const block = (entry->kind == OPS_ALLOC)
                                ? subject_alloc(self, size_of(entry), align_of(entry))
                                : subject_resize(self, *slot, size_of(&entry[1]), size_of(entry), MALLOC_ALIGN);
        check_result(&ops, i, block, live);
        live += (entry->kind == OPS_ALLOC) ? 1U : 0U;
        if ((entry->kind == OPS_RESIZE) &&
            !has_stamp(block, mine, (size_of(entry) < mine->size) ? size_of(entry) : mine->size)) {
            refuse("lost bytes in a resize", SUBJECT_NAME);
        }
        *mine = (struct checked){(uint64_t)i * UINT64_C(0x9E3779B97F4A7C15), size_of(entry)};
        put_stamp(block, mine);
        *slot = block;
        i += (entry->kind == OPS_RESIZE) ? 1U : 0U;
    }
    (void)dprintf(STDOUT_FILENO, "served\n");
}

/* ------------------------------------------------------- Measuring --------------------------------------------------
 */

/* Where callgrind's counter begins and is written down. */
APART void compare_begin(void);
APART void compare_end(void);

void compare_begin(void)
{
    __asm__ volatile("" : : : "memory");
}

void compare_end(void)
{
    __asm__ volatile("" : : : "memory");
}

static void count(const char *path)
{
    const struct ops ops = load(path);
    subject_t *const self = opened();
    const size_t end = (size_t)ops.header->entries;
    compare_begin();
    const size_t reached = run_bare(self, &ops, 0, end);
    compare_end();
    expect_end(reached, end, &ops);
}

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void time_passes(const char *path, size_t passes)
{
    const struct ops ops = load(path);
    void **const scratch = pages(ops.header->slots * sizeof *scratch);
    subject_t *const self = opened();
    const size_t end = (size_t)ops.header->entries;
    for (size_t pass = 0; pass < passes; pass++) {
        const uint64_t begin = now(CLOCK_PROCESS_CPUTIME_ID);
        const size_t reached = run_touching(self, &ops, 0, end);
        const uint64_t took = now(CLOCK_PROCESS_CPUTIME_ID) - begin;
        expect_end(reached, end, &ops);
        (void)dprintf(STDOUT_FILENO, "pass %llu\n", (unsigned long long)took);
        if (pass + 1U < passes) {
            keep_live(&ops, scratch);
            empty(self, &ops);
        }
    }
}

static size_t resident(void)
{
    const size_t found = resident_bytes();
    if (found == SIZE_MAX) {
        refuse("can't be read", RESIDENT_FILE);
    }
    return found;
}

/* Bytes and blocks in use after some entries, kept up from sample to sample. */
struct live {
    size_t at;
    uint64_t bytes, blocks;
};

static void advance(struct live *live, const struct ops *ops, size_t to)
{
    for (; live->at < to; live->at++) {
        const struct ops_entry *const entry = &ops->entries[live->at];
        const bool in = (entry->kind == OPS_ALLOC) || (entry->kind == OPS_RESIZE);
        live->bytes += in ? entry->size : 0U;
        live->bytes -= in ? 0U : entry->size;
        live->blocks += (entry->kind == OPS_ALLOC) ? 1U : 0U;
        live->blocks -= (entry->kind == OPS_FREE) ? 1U : 0U;
    }
}

/* The end of the part that begins at `from`: the next sample or the peak, and never in the middle of a resize. */
static size_t part_end(const struct ops *ops, size_t from, size_t step)
{
    const size_t entries = (size_t)ops->header->entries;
    size_t to = (entries - from < step) ? entries : from + step;
    if ((from <= ops->peak) && (ops->peak < to)) {
        to = ops->peak + 1U;
    }
    return ((to < entries) && (ops->entries[to].kind == OPS_OLD)) ? to + 1U : to;
}

static void memory(const char *path, size_t samples)
{
    const struct ops ops = load(path);
    const size_t entries = (size_t)ops.header->entries;
    const size_t step = (entries + samples - 1U) / samples;
    struct live live = {0, 0, 0};
    (void)dprintf(STDOUT_FILENO, "samples %zu\n", samples); /* the pages of printing are there, too */
    (void)resident();
    const size_t before = resident();
    subject_t *const self = opened();
    for (size_t from = 0; from < entries;) {
        const size_t to = part_end(&ops, from, step);
        expect_end(run_touching(self, &ops, from, to), to, &ops);
        const size_t after = resident();
        advance(&live, &ops, to);
        (void)dprintf(STDOUT_FILENO, "resident %s %llu %zu %llu %llu\n", (to == ops.peak + 1U) ? "peak" : "sample",
                      (unsigned long long)ops.calls[to - 1U], (after > before) ? after - before : 0U,
                      (unsigned long long)live.bytes, (unsigned long long)live.blocks);
        from = to;
    }
}

static void capacity(size_t most)
{
    subject_t *const self = opened();
    size_t n = 0;
    for (; n < most; n++) {
        void *const block = subject_alloc(self, MALLOC_ALIGN, MALLOC_ALIGN);
        USED(block);
        if (block == NULL) {
            break;
        }
    }
    (void)dprintf(STDOUT_FILENO, "capacity %zu\n", n);
}

/* The loader passes over a library that it can't preload: who asks finds out. */
static void whose(void)
{
    Dl_info info = {0};
    void *const address = dlsym(RTLD_DEFAULT, "malloc");
    if ((address == NULL) || (dladdr(address, &info) == 0)) {
        refuse("can't be found", "malloc");
    }
    (void)dprintf(STDOUT_FILENO, "malloc %s\n", info.dli_fname);
}

static size_t number(const char *text)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if ((errno != 0) || (*end != '\0') || (value == 0U)) {
        refuse("is no number", text);
    }
    return (size_t)value;
}

int main(int argc, char **argv)
{
    const char *const mode = (argc > 1) ? argv[1] : "";
    if ((strcmp(mode, "capacity") == 0) && (argc == 3)) {
        capacity(number(argv[2]));
    } else if ((strcmp(mode, "whose") == 0) && (argc == 2)) {
        whose();
    } else if ((strcmp(mode, "check") == 0) && (argc == 3)) {
        check(argv[2]);
    } else if ((strcmp(mode, "count") == 0) && (argc == 3)) {
        count(argv[2]);
    } else if ((strcmp(mode, "time") == 0) && (argc == 4)) {
        time_passes(argv[2], number(argv[3]));
    } else if ((strcmp(mode, "memory") == 0) && (argc == 4)) {
        memory(argv[2], number(argv[3]));
    } else {
        refuse("no such mode, or too few arguments", mode);
    }
    return 0;
}
