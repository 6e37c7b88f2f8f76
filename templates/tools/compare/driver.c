/* The measured program of `lamina compare`: runs one pattern on one allocator and prints what was found, one fact a line.
 *
 *     driver capacity MOST                              objects that there is room for, twice over, at most MOST
 *     driver whose                                      the library that malloc is of
 *     driver first_free PATTERN LIVE                    the event at which the pattern first frees
 *     driver count PATTERN LIVE OBJECTS …               for callgrind: OBJECTS objects and twice as many, between marks
 *     driver time PATTERN VARIANT LIVE OBJECTS PASSES   nanoseconds of each pass
 *     driver latency PATTERN LIVE OBJECTS               histograms of all calls
 *     driver memory PATTERN LIVE                        resident bytes where the most objects are live
 *     driver calls PATTERN LIVE OBJECTS                 for strace: between two marks
 *
 * LIVE objects live at once; OBJECTS are allocated, or somewhat more: whole turns of the pattern.
 *
 * Which allocator it is stands in subject.h. Nothing here allocates: what is seen of the heap is the pattern's doing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subject.h"

#include "bench.h"
#include "latency.h"
#include "resident.h"

typedef enum batch_order { ORDER_SAME, ORDER_REVERSED, ORDER_SHUFFLED, ORDERS } batch_order;

typedef struct pattern {
    const char *name;
    void (*prepare)(subject_t *self, plan *b);
    void (*run)(subject_t *self, plan *b, size_t turns);
    batch_order order;
} pattern;

/* ------------------------------------------------- the three variants -------------------------------------------- */

const uint16_t *compare_sizes;

#define NAME(word) bare_##word
#define TOUCHES 0
#define OBSERVED 0
#include "variant.h"

#define NAME(word) touched_##word
#define TOUCHES 1
#define OBSERVED 0
#include "variant.h"

#define NAME(word) observed_##word
#define TOUCHES 1
#define OBSERVED 1
#include "variant.h"

static const struct variant {
    const char *name;
    const pattern *patterns;
} variants[] = { { "bare", bare_patterns }, { "touched", touched_patterns }, { "observed", observed_patterns } };

enum { BARE, TOUCHED, OBSERVED_VARIANT };

/* ---------------------------------------------------- what ends it ------------------------------------------------ */

static _Noreturn void refuse(const char *what, const char *which)
{
    (void)dprintf(STDERR_FILENO, "%s: %s\n", what, which);
    _exit(2);
}

void compare_exhausted(size_t object)
{
    (void)dprintf(STDERR_FILENO, "%s gave no memory for object %zu\n", SUBJECT_NAME, object);
    _exit(3);
}

void compare_damaged(size_t object)
{
    (void)dprintf(STDERR_FILENO, "%s damaged object %zu\n", SUBJECT_NAME, object);
    _exit(3);
}

/* --------------------------------------------------- what is observed --------------------------------------------- */

static histogram allocs, frees; /* each written by one thread only */
static size_t events;           /* calls so far, where they are counted */
static enum { TIMING, COUNTING_EVENTS, WATCHING_MEMORY } observing;
static size_t most_resident, live_then;

static size_t resident(void)
{
    const size_t found = resident_bytes();
    if (found == SIZE_MAX) {
        refuse("can't be read", RESIDENT_FILE);
    }
    return found;
}

uint64_t compare_now(void)
{
    return (observing == TIMING) ? ticks() : 0U;
}

void compare_took(uint64_t begin, uint64_t end)
{
    if (observing == TIMING) {
        histogram_add(&allocs, end - begin);
    }
    events++;
}

void compare_gave(uint64_t begin, uint64_t end)
{
    if (observing == COUNTING_EVENTS) {
        (void)dprintf(STDOUT_FILENO, "first_free %zu\n", events + 1U);
        _exit(0);
    }
    if (observing == TIMING) {
        histogram_add(&frees, end - begin);
    }
}

void compare_peak(size_t live)
{
    if (observing == WATCHING_MEMORY) {
        const size_t now = resident();
        if (now > most_resident) {
            most_resident = now;
            live_then = live;
        }
    }
}

/* ------------------------------------------------------- plans ---------------------------------------------------- */

static uint32_t orders[ORDERS][OBJECTS];
static uint32_t picks[PICKS];
static uint16_t sizes[SIZES];
static void *objects[2U * OBJECTS];

/* xorshift64*, by Marsaglia and Vigna: every allocator gets the same sequence. */
static uint32_t chance(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15U;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1DU) >> 32);
}

static plan plan_for(const pattern *what, size_t live)
{
    for (size_t i = 0; i < SIZES; i++) {
        sizes[i] = (uint16_t)(LEAST + chance() % (MOST - LEAST + 1U));
    }
    compare_sizes = sizes;
    for (size_t i = 0; i < PICKS; i++) {
        picks[i] = (uint32_t)(chance() % live);
    }
    for (size_t i = 0; i < live; i++) {
        orders[ORDER_SAME][i] = (uint32_t)i;
        orders[ORDER_REVERSED][i] = (uint32_t)(live - 1U - i);
        const size_t at = chance() % (i + 1U); /* Fisher and Yates, inside out */
        orders[ORDER_SHUFFLED][i] = orders[ORDER_SHUFFLED][at];
        orders[ORDER_SHUFFLED][at] = (uint32_t)i;
    }
    memset(objects, 0, sizeof objects); /* its pages are there before anything is measured */
    return (plan){ .live = live, .order = orders[what->order], .picks = picks, .objects = objects };
}

static const pattern *find(size_t variant, const char *name)
{
    for (const pattern *each = variants[variant].patterns; each->name != NULL; each++) {
        if (strcmp(each->name, name) == 0) {
            return each;
        }
    }
    refuse("there is no such pattern for this allocator", name);
}

static size_t variant_of(const char *name)
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if (strcmp(variants[i].name, name) == 0) {
            return i;
        }
    }
    refuse("there is no such variant", name);
}

static size_t number(const char *text)
{
    char *end = NULL;
    const unsigned long long value = strtoull(text, &end, 10);
    if ((end == text) || (*end != '\0')) {
        refuse("no number", text);
    }
    return (size_t)value;
}

/* At least 1 and at most `most`. */
static size_t number_to(const char *text, size_t most)
{
    const size_t value = number(text);
    if ((value == 0U) || (value > most)) {
        refuse("out of range", text);
    }
    return value;
}

/* Turns in which a prepared pattern allocates at least so many objects. */
static size_t turns_for(const plan *b, size_t allocated)
{
    return (allocated <= b->per_turn) ? 1U : (allocated + b->per_turn - 1U) / b->per_turn;
}

static subject_t instance;

static subject_t *opened(void)
{
    subject_t *self = &instance;
    OPAQUE(self);
    const int status = subject_open(self);
    if (status != 0) {
        (void)dprintf(STDERR_FILENO, "%s: init failed with status %d\n", SUBJECT_NAME, status);
        _exit(3);
    }
    return self;
}

/* ------------------------------------------------------- modes ---------------------------------------------------- */

/* Objects that are served in each of three fills: one that a quarantine holds back doesn't count. */
static void capacity(size_t most)
{
    static void *filled[OBJECTS];
    subject_t *const self = opened();
    size_t least = most;
    for (int fill = 0; fill < 3; fill++) {
        size_t n = 0;
        while ((n < least) && ((filled[n] = subject_alloc(self, SUBJECT_SIZED ? MOST : SUBJECT_PAYLOAD, SUBJECT_ALIGN)) != NULL)) {
            n++;
        }
        least = n;
#if SUBJECT_FREES
        for (size_t i = 0; i < n; i++) {
            subject_free(self, filled[i]);
        }
#elif SUBJECT_RESETS
        subject_reset(self);
#else
        break;
#endif
    }
    (void)dprintf(STDOUT_FILENO, "capacity %zu\n", least);
}

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

static void count_one(const char *name, size_t variant, size_t live, size_t allocated)
{
    const pattern *const what = find(variant, name);
    plan b = plan_for(what, live);
    b.lockstep = true;
    subject_t *const self = opened();
    what->prepare(self, &b);
    const size_t turns = turns_for(&b, allocated);
    what->run(self, &b, turns); /* commits, carves, fills caches and quarantines */
    compare_begin();
    what->run(self, &b, turns);
    compare_end();
    compare_begin();
    what->run(self, &b, 2U * turns);
    compare_end();
    (void)dprintf(STDOUT_FILENO, "counted %s %s %ld %zu\n", name, variants[variant].name, (long)getpid(), turns * b.per_turn);
}

/* Each pattern in a process of its own, which starts as all the others do: none sees the heap that another left. */
static void count(const char *name, size_t live, size_t allocated)
{
    for (size_t variant = BARE; variant <= TOUCHED; variant++) {
        const pid_t child = fork();
        int status = 0;
        if (child == 0) {
            count_one(name, variant, live, allocated);
            _exit(0);
        }
        if ((child < 0) || (waitpid(child, &status, 0) != child) || (status != 0)) {
            refuse("could not be counted", name);
        }
    }
}

static uint64_t processor_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void time_passes(const char *name, size_t variant, size_t live, size_t allocated, size_t passes)
{
    enum { MOST_PASSES = 64 };
    static uint64_t cpu[MOST_PASSES], wall[MOST_PASSES];
    const pattern *const what = find(variant, name);
    plan b = plan_for(what, live);
    subject_t *const self = opened();
    what->prepare(self, &b);
    const size_t turns = turns_for(&b, allocated);
    what->run(self, &b, turns);
    for (size_t pass = 0; pass < passes && pass < MOST_PASSES; pass++) {
        const uint64_t cpu_begin = processor_ns();
        const uint64_t wall_begin = wall_ns();
        what->run(self, &b, turns);
        wall[pass] = wall_ns() - wall_begin;
        cpu[pass] = processor_ns() - cpu_begin;
    }
    for (size_t pass = 0; pass < passes && pass < MOST_PASSES; pass++) {
        (void)dprintf(STDOUT_FILENO, "pass %llu %llu %zu\n", (unsigned long long)cpu[pass], (unsigned long long)wall[pass],
                      turns * b.per_turn);
    }
}

static void print_histogram(const char *which, const histogram *h, double ns)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        if (h->counts[i] != 0U) {
            (void)dprintf(STDOUT_FILENO, "%s %.2f %llu\n", which, value_of(i) * ns, (unsigned long long)h->counts[i]);
        }
    }
    (void)dprintf(STDOUT_FILENO, "%s_most %.2f\n", which, (double)h->most * ns);
}

static void latency(const char *name, size_t live, size_t allocated)
{
    static histogram empty;
    const double ns = ns_per_tick();
    const pattern *const what = find(OBSERVED_VARIANT, name);
    plan b = plan_for(what, live);
    subject_t *const self = opened();
    what->prepare(self, &b);
    const size_t turns = turns_for(&b, allocated);
    what->run(self, &b, turns);
    memset(&allocs, 0, sizeof allocs);
    memset(&frees, 0, sizeof frees);
    for (size_t i = 0; i < 10000U; i++) { /* what reading the clock twice takes by itself */
        const uint64_t begin = compare_now();
        histogram_add(&empty, compare_now() - begin);
    }
    what->run(self, &b, turns);
    print_histogram("clock", &empty, ns);
    print_histogram("alloc", &allocs, ns);
    print_histogram("free", &frees, ns);
}

static size_t requested(size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += SIZE_OF(i);
    }
    return sum;
}

static void memory(const char *name, size_t live)
{
    const pattern *const what = find(OBSERVED_VARIANT, name);
    plan b = plan_for(what, live);
    observing = WATCHING_MEMORY;
    (void)resident(); /* its own pages are there */
    const size_t before = resident();
    subject_t *const self = opened();
    what->prepare(self, &b);
    what->run(self, &b, 1U);
    const size_t grown = (most_resident > before) ? most_resident - before : 0U;
    (void)dprintf(STDOUT_FILENO, "memory %zu %zu %zu\n", grown, live_then, requested(live_then));
}

/* Writes to no file: they fail, and strace shows where they stand. */
static void mark(const char *text)
{
    if (write(-1, text, strlen(text)) >= 0) {
        abort();
    }
}

static void calls(const char *name, size_t live, size_t allocated)
{
    const pattern *const what = find(TOUCHED, name);
    plan b = plan_for(what, live);
    mark("compare: begin");
    subject_t *const self = opened();
    what->prepare(self, &b);
    const size_t turns = turns_for(&b, allocated);
    what->run(self, &b, turns);
    mark("compare: end");
    (void)dprintf(STDOUT_FILENO, "objects %zu\n", turns * b.per_turn);
}

static void first_free(const char *name, size_t live)
{
    const pattern *const what = find(OBSERVED_VARIANT, name);
    plan b = plan_for(what, live);
    observing = COUNTING_EVENTS;
    subject_t *const self = opened();
    what->prepare(self, &b);
    what->run(self, &b, 1U);
}

/* The loader passes over a library that it can't preload: who asks finds out. */
static void whose(void)
{
    Dl_info info = { 0 };
    void *const address = dlsym(RTLD_DEFAULT, "malloc");
    if ((address == NULL) || (dladdr(address, &info) == 0)) {
        refuse("can't be found", "malloc");
    }
    (void)dprintf(STDOUT_FILENO, "malloc %s\n", info.dli_fname);
}

int main(int argc, char **argv)
{
    const char *const mode = (argc > 1) ? argv[1] : "";
    if ((strcmp(mode, "capacity") == 0) && (argc == 3)) {
        capacity(number_to(argv[2], OBJECTS));
    } else if ((strcmp(mode, "whose") == 0) && (argc == 2)) {
        whose();
    } else if ((strcmp(mode, "first_free") == 0) && (argc == 4)) {
        first_free(argv[2], number_to(argv[3], OBJECTS));
    } else if ((strcmp(mode, "count") == 0) && (argc >= 5) && (argc % 3 == 2)) {
        for (int i = 2; i < argc; i += 3) {
            count(argv[i], number_to(argv[i + 1], OBJECTS), number(argv[i + 2]));
        }
    } else if ((strcmp(mode, "time") == 0) && (argc == 7)) {
        time_passes(argv[2], variant_of(argv[3]), number_to(argv[4], OBJECTS), number(argv[5]), number(argv[6]));
    } else if ((strcmp(mode, "latency") == 0) && (argc == 5)) {
        latency(argv[2], number_to(argv[3], OBJECTS), number(argv[4]));
    } else if ((strcmp(mode, "memory") == 0) && (argc == 4)) {
        memory(argv[2], number_to(argv[3], OBJECTS));
    } else if ((strcmp(mode, "calls") == 0) && (argc == 5)) {
        calls(argv[2], number_to(argv[3], OBJECTS), number(argv[4]));
    } else {
        refuse("no such mode, or too few arguments", mode);
    }
    return 0;
}
