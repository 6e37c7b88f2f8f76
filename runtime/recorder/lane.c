/* SPDX-License-Identifier: MIT */
/*
 * A lane is a stream of blocks that one thread at a time writes to. A thread takes a lane at its first call and gives
 * it back when it ends, so that a thousand short threads fill the blocks of a few lanes.
 *
 * Fork is noticed by memory, not by a handler: what must not survive it lies in pages that the kernel wipes in the
 * child. A wiped lane has no room, so that the child's first call takes the slow path, which finds the wiped process
 * and begins a new one. This covers _Fork and clone, which call no handlers, and costs the fast path nothing.
 */
#include "lane.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FIRST_BLOCK      ((size_t)16 << 10U) /* what a thread of few calls costs */
#define LARGEST_BLOCK    ((size_t)256 << 10U)
#define EVENTS_PER_CLOCK 256U
/* Room that an event needs at most, with a change of thread and a time before it. */
#define ROOM_MOST (TRACE_EVENT_MOST + 2U * (TRACE_VARINT_MOST + 1U))
#define HIGH_FD   1000 /* out of the way of programs that expect their files to be 3, 4, 5 */

struct lane {
    size_t at;   /* bytes written to the payload */
    size_t room; /* bytes that the payload may have; 0 also in a lane that fork wiped */
    unsigned char *payload;
    struct trace_block_header *block;
    struct trace_coder coder;
    uint64_t time;   /* of the last TIME */
    uint64_t coarse; /* what the cheap clock said then */
    uint32_t until_clock;
    uint32_t number;
    uint32_t thread; /* whose events these are, as the reader knows it */
    size_t block_bytes;
    struct lane *next_idle;
};

/* Wiped by fork. */
struct process {
    atomic_bool lives;
    atomic_bool locked; /* all below; only slow paths take the lock */
    uint32_t threads;
    uint32_t lanes;
    struct lane *idle;
};

/* Survives fork: the child goes on from it. */
static struct {
    char path[PATH_MAX];
    struct trace_file_header *header; /* shared by all processes of the trace */
    struct process *process;
    struct trace_process *record; /* this process's entry, in the file */
    uint32_t number;              /* of this process */
    _Atomic uint64_t stamp;
    atomic_int stopped; /* not 0: nothing is recorded any more, or never was */
    atomic_bool begun;
    int fd;
    dev_t device;
    ino_t inode;
    pthread_key_t key; /* its destructor gives the lane back */
    bool has_key;
} recorder = {.fd = -1};

/* Initial-exec: the general model may call malloc at a thread's first access. */
#define OWN static __thread __attribute__((tls_model("initial-exec")))
OWN struct lane *own_lane;
OWN uint32_t own_thread;
OWN volatile bool inside; /* a signal's handler may come at any time */

/* -------------------------------------------------- Slow paths ------------------------------------------------- */

static void lock(void)
{
    while (atomic_exchange_explicit(&recorder.process->locked, true, memory_order_acquire)) {
        (void)sched_yield();
    }
}

static void unlock(void)
{
    atomic_store_explicit(&recorder.process->locked, false, memory_order_release);
}

/* From here on this process isn't recorded; the reader is told why. */
static void stop(int error)
{
    if ((atomic_exchange(&recorder.stopped, 1) == 0) && (recorder.header != NULL)) {
        uint32_t none = 0;
        if (__atomic_compare_exchange_n(&recorder.header->stop_error, &none, (uint32_t)((error != 0) ? error : EIO),
                                        false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            recorder.header->stop_process = recorder.number;
        }
    }
}

static uint64_t nanoseconds(clockid_t clock)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static bool is_trace(int fd)
{
    struct stat found;
    return (fstat(fd, &found) == 0) && (found.st_dev == recorder.device) && (found.st_ino == recorder.inode);
}

/* The trace, open. A program may close files that it doesn't know, and open others in their place: the descriptor is
 * trusted only after a look at what it is. -1, with errno, where it can't be had. */
static int trace_fd(void)
{
    if ((recorder.fd >= 0) && is_trace(recorder.fd)) {
        return recorder.fd;
    }
    const int fd = open(recorder.path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    recorder.fd = (high >= 0) ? high : fd;
    if (high >= 0) {
        (void)close(fd);
    }
    return recorder.fd;
}

/* A block of the file, mapped, all zero but for its header. NULL: the recording has stopped. */
static struct trace_block_header *new_block(enum trace_kind kind, size_t bytes)
{
    const int fd = trace_fd();
    if (fd < 0) {
        stop(errno);
        return NULL;
    }
    const uint64_t offset = __atomic_fetch_add(&recorder.header->end, bytes, __ATOMIC_RELAXED);
    struct rlimit limit;
    if ((getrlimit(RLIMIT_FSIZE, &limit) == 0) && (offset + bytes > limit.rlim_cur)) {
        stop(EFBIG); /* the kernel would send SIGXFSZ, which ends a program that isn't ready for it */
        return NULL;
    }
    int error = EINTR;
    while (error == EINTR) {
        /* Reserved on the disk, since a full disk would end the program with SIGBUS at a write to the mapping. */
        error = posix_fallocate(fd, (off_t)offset, (off_t)bytes);
    }
    if (error != 0) {
        stop(error);
        return NULL;
    }
    void *const at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (at == MAP_FAILED) {
        stop(errno);
        return NULL;
    }
    (void)madvise(at, bytes, MADV_DONTFORK); /* the child must not be able to write into its parent's blocks */
#ifdef MADV_POPULATE_WRITE
    (void)madvise(at, bytes, MADV_POPULATE_WRITE); /* one call in place of a fault a page; old kernels refuse */
#endif
    struct trace_block_header *const block = at;
    block->kind = kind;
    block->capacity = (uint32_t)bytes;
    block->process = recorder.number;
    block->state = TRACE_BLOCK_OPEN;
    return block;
}

/* The magic last: a block whose header isn't complete is none. */
static void publish(struct trace_block_header *block)
{
    __atomic_store_n(&block->magic, TRACE_BLOCK_MAGIC, __ATOMIC_RELEASE);
}

static void close_block(struct lane *lane)
{
    struct trace_block_header *const block = lane->block;
    block->used = (uint32_t)lane->at;
    block->state = TRACE_BLOCK_CLOSED;
    block->checksum = trace_block_checksum(block, lane->payload, lane->at);
    (void)munmap(block, block->capacity);
    lane->block = NULL;
    lane->at = lane->room = 0;
}

/* A new block for the lane, after the old one; grows from block to block. */
static bool refill(struct lane *lane)
{
    if (lane->block != NULL) {
        close_block(lane);
        lane->block_bytes = (lane->block_bytes < LARGEST_BLOCK) ? lane->block_bytes * 2U : LARGEST_BLOCK;
    }
    struct trace_block_header *const block = new_block(TRACE_EVENTS, lane->block_bytes);
    if (block == NULL) {
        return false;
    }
    const uint64_t stamp = lane->coder.stamp;
    memset(&lane->coder, 0, sizeof lane->coder);
    lane->coder.stamp = stamp;
    lane->time = nanoseconds(CLOCK_MONOTONIC) - recorder.header->began;
    lane->coarse = nanoseconds(CLOCK_MONOTONIC_COARSE);
    lane->until_clock = EVENTS_PER_CLOCK;
    lane->thread = own_thread;
    block->lane = lane->number;
    block->stamp = stamp;
    block->time = lane->time;
    block->thread = own_thread;
    publish(block);
    lane->block = block;
    lane->payload = (unsigned char *)(block + 1);
    lane->room = block->capacity - sizeof *block;
    return true;
}

/* The text of a file in /proc, cut where it has to be. */
static size_t read_text(const char *path, char *to, size_t room)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t got = 0;
    if (fd >= 0) {
        for (ssize_t n = 1; (n > 0) && (got < room);) {
            n = read(fd, to + got, room - got);
            got += (n > 0) ? (size_t)n : 0U;
        }
        (void)close(fd);
    }
    return got;
}

/* The program's file and its command line, behind the process's record; words of the latter end in zeros. */
static void describe(struct trace_block_header *block)
{
    char *const text = (char *)(recorder.record + 1);
    const size_t room = block->capacity - sizeof *block - sizeof *recorder.record - 2U;
    const size_t most = (room < PATH_MAX) ? room / 2U : PATH_MAX;
    const ssize_t length = readlink("/proc/self/exe", text, most);
    const size_t exe = (length > 0) ? (size_t)length : 0U;
    text[exe] = '\0';
    const size_t line = read_text("/proc/self/cmdline", text + exe + 1U, room - exe - 1U);
    block->used = (uint32_t)(sizeof *recorder.record + exe + 1U + line);
}

size_t lane_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Gives this process its number and its entry in the file. `parent` is the process that fork copied plus 1, or 0. */
static bool enter_process(uint32_t parent)
{
    recorder.number = __atomic_fetch_add(&recorder.header->processes, 1U, __ATOMIC_RELAXED);
    struct trace_block_header *const block = new_block(TRACE_PROCESS, lane_page_bytes());
    if (block == NULL) {
        return false;
    }
    recorder.record = (struct trace_process *)(block + 1);
    recorder.record->pid = (uint32_t)getpid();
    recorder.record->parent_pid = (uint32_t)getppid();
    recorder.record->forked_from = parent;
    recorder.record->fork_stamp = atomic_load(&recorder.stamp);
    recorder.record->began = nanoseconds(CLOCK_MONOTONIC) - recorder.header->began;
    describe(block);
    publish(block);
    own_lane = NULL; /* a forked child still has its parent's */
    own_thread = 0;
    atomic_store(&recorder.process->lives, true);
    return true;
}

static void give_back(void *taken)
{
    struct lane *const lane = taken;
    if (!atomic_load(&recorder.process->lives) || (own_lane != lane)) {
        return; /* of the parent, before fork */
    }
    const bool was = inside;
    inside = true;
    lock();
    lane->next_idle = recorder.process->idle;
    recorder.process->idle = lane;
    unlock();
    own_lane = NULL; /* calls that other destructors still make take a lane again */
    inside = was;
}

static void *wiped_pages(size_t bytes)
{
    void *const at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    if (madvise(at, bytes, MADV_WIPEONFORK) != 0) {
        (void)munmap(at, bytes);
        return NULL;
    }
    return at;
}

/* A lane for this thread: one that a thread left, or a new one. */
static struct lane *take_lane(void)
{
    struct process *const process = recorder.process;
    lock();
    if (own_thread == 0U) {
        own_thread = ++process->threads;
    }
    struct lane *lane = process->idle;
    if (lane != NULL) {
        process->idle = lane->next_idle;
    }
    const uint32_t number = (lane == NULL) ? process->lanes++ : 0U;
    unlock();
    if (lane == NULL) {
        lane = wiped_pages(sizeof *lane);
        if (lane == NULL) {
            stop(errno);
            return NULL;
        }
        lane->number = number;
        lane->block_bytes = FIRST_BLOCK;
        lane->coder.stamp = atomic_load_explicit(&recorder.stamp, memory_order_relaxed);
    }
    own_lane = lane;
    if (recorder.has_key) {
        (void)pthread_setspecific(recorder.key, lane);
    }
    return lane;
}

/* A lane with room for an event, whatever is missing for that. Leaves errno as it was. */
static __attribute__((noinline, cold)) struct lane *prepare(void)
{
    const int error = errno;
    struct lane *lane = NULL;
    lane_begin_process();
    if (atomic_load(&recorder.stopped) == 0) {
        if (atomic_load(&recorder.process->lives) || enter_process(recorder.number + 1U)) {
            lane = (own_lane != NULL) ? own_lane : take_lane();
            if ((lane != NULL) && (lane->room - lane->at < ROOM_MOST) && !refill(lane)) {
                lane = NULL;
            }
        }
    }
    errno = error;
    return lane;
}

/* The trace, open and mapped; false, with a reason in errno, where it can't be had. */
static bool open_trace(void)
{
    struct stat found;
    recorder.fd = open(recorder.path, O_RDWR | O_CLOEXEC);
    if ((recorder.fd < 0) || (fstat(recorder.fd, &found) != 0)) {
        return false;
    }
    recorder.device = found.st_dev;
    recorder.inode = found.st_ino;
    const int high = fcntl(recorder.fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (high >= 0) {
        (void)close(recorder.fd);
        recorder.fd = high;
    }
    void *const header = mmap(NULL, sizeof(struct trace_file_header), PROT_READ | PROT_WRITE, MAP_SHARED, recorder.fd,
                              0);
    if (header == MAP_FAILED) {
        return false;
    }
    const struct trace_file_header *const trace = header;
    if ((memcmp(trace->magic, TRACE_MAGIC, TRACE_MAGIC_BYTES) != 0) || (trace->version != TRACE_VERSION) ||
        (trace->state != TRACE_OPEN)) {
        (void)munmap(header, sizeof(struct trace_file_header));
        return false;
    }
    recorder.header = header;
    return true;
}

void lane_begin_process(void)
{
    if (atomic_load(&recorder.begun)) {
        return;
    }
    const bool was = inside;
    const int error = errno;
    inside = true;
    atomic_store(&recorder.stopped, 1); /* until all is there */
    atomic_store(&recorder.begun, true);
    const char *const path = getenv("LAMINA_RECORD");
    if ((path != NULL) && (path[0] == '/') && (strlen(path) < sizeof recorder.path)) {
        memcpy(recorder.path, path, strlen(path) + 1U);
        if (open_trace()) {
            atomic_store(&recorder.stopped, 0);
            recorder.process = wiped_pages(sizeof *recorder.process);
            /* A key beyond the first 32 would make pthread_setspecific allocate. */
            recorder.has_key = (pthread_key_create(&recorder.key, give_back) == 0) && (recorder.key < 32U);
            if (recorder.process == NULL) {
                stop(errno);
            } else {
                (void)enter_process(0);
            }
        }
    }
    errno = error;
    inside = was;
}

void lane_end_process(void)
{
    if ((atomic_load(&recorder.stopped) == 0) && (recorder.process != NULL) && atomic_load(&recorder.process->lives)) {
        recorder.record->ended = TRACE_EXITED;
    }
}

/* -------------------------------------------------- Fast paths ------------------------------------------------- */

/* Says what time it is, where that changed: when the cheap clock ticked, or after some hundred events. */
static void tell_time(struct lane *lane)
{
    const uint64_t coarse = nanoseconds(CLOCK_MONOTONIC_COARSE);
    if ((coarse == lane->coarse) && (--lane->until_clock != 0U)) {
        return;
    }
    const uint64_t now = nanoseconds(CLOCK_MONOTONIC) - recorder.header->began;
    unsigned char *const first = lane->payload + lane->at;
    const unsigned char *const end = trace_put_varint(first + 1, now - lane->time);
    __atomic_store_n(first, (unsigned char)TRACE_TIME, __ATOMIC_RELEASE);
    lane->at += (size_t)(end - first);
    lane->time = now;
    lane->coarse = coarse;
    lane->until_clock = EVENTS_PER_CLOCK;
}

static void tell_thread(struct lane *lane)
{
    unsigned char *const first = lane->payload + lane->at;
    const unsigned char *const end = trace_put_varint(first + 1, own_thread);
    __atomic_store_n(first, (unsigned char)TRACE_THREAD, __ATOMIC_RELEASE);
    lane->at += (size_t)(end - first);
    lane->thread = own_thread;
}

struct lane *lane_enter(void)
{
    if (atomic_load_explicit(&recorder.stopped, memory_order_relaxed) != 0) {
        return NULL;
    }
    if (inside) {
        if (recorder.header != NULL) {
            (void)__atomic_fetch_add(&recorder.header->missed, 1U, __ATOMIC_RELAXED);
        }
        return NULL;
    }
    inside = true;
    atomic_signal_fence(memory_order_seq_cst);
    struct lane *lane = own_lane;
    if ((lane == NULL) || (lane->room - lane->at < ROOM_MOST)) {
        lane = prepare();
        if (lane == NULL) {
            inside = false;
            return NULL;
        }
    }
    tell_time(lane);
    if (lane->thread != own_thread) {
        tell_thread(lane);
    }
    return lane;
}

void lane_leave(void)
{
    atomic_signal_fence(memory_order_seq_cst);
    inside = false;
}

uint64_t lane_stamp(void)
{
    /* Relaxed is enough: what happens before in the program comes before in the order of one atomic variable. */
    return atomic_fetch_add_explicit(&recorder.stamp, 1U, memory_order_relaxed) + 1U;
}

/* An event in the making: bits of its first byte, and where its next field goes. The first byte is written last, so
 * that a program that is killed leaves whole events and a zero. */
struct event {
    unsigned char *first;
    unsigned char *at;
    unsigned flags;
};

static inline struct event begin_event(struct lane *lane, enum trace_op op, uint64_t stamp)
{
    unsigned char *const first = lane->payload + lane->at;
    struct event event = {first, first + 1, (unsigned)op};
    const uint64_t difference = stamp - lane->coder.stamp;
    if (difference == 1U) {
        event.flags |= TRACE_NEAR;
    } else {
        event.at = trace_put_varint(event.at, difference);
    }
    lane->coder.stamp = stamp;
    return event;
}

static inline void put_difference(struct lane *lane, struct event *event, uint64_t address)
{
    const uint64_t code = trace_rotated(address);
    event->at = trace_put_varint(event->at, trace_zigzag(code - lane->coder.address));
    lane->coder.address = code;
    lane->coder.recent[trace_place(address)] = address;
}

static inline void put_address(struct lane *lane, struct event *event, const void *pointer)
{
    const uint64_t address = (uint64_t)(uintptr_t)pointer;
    const unsigned place = trace_place(address);
    if (lane->coder.recent[place] == address) {
        event->flags |= TRACE_RECENT;
        *event->at++ = (unsigned char)place;
        lane->coder.address = trace_rotated(address);
    } else {
        put_difference(lane, event, address);
    }
}

static inline void end_event(struct lane *lane, const struct event *event)
{
    __atomic_store_n(event->first, (unsigned char)event->flags, __ATOMIC_RELEASE);
    lane->at += (size_t)(event->at - event->first);
}

static unsigned char log2_of(size_t align)
{
    unsigned char out = 0;
    while ((align >>= 1U) != 0U) {
        out++;
    }
    return out;
}

/* `ended` is the second stamp of what has two. */
static void failed(struct lane *lane, uint64_t stamp, uint64_t ended, enum trace_op op, size_t align, size_t size)
{
    struct event event = begin_event(lane, TRACE_FAILED, stamp);
    *event.at++ = (unsigned char)op;
    if (trace_is_realloc(op)) {
        event.at = trace_put_varint(event.at, ended - stamp);
        lane->coder.stamp = ended;
    }
    if (trace_is_aligned_form(op)) {
        *event.at++ = log2_of(align);
    }
    event.at = trace_put_varint(event.at, size);
    end_event(lane, &event);
}

void lane_allocated(struct lane *lane, enum trace_op op, size_t align, size_t size, const void *result)
{
    const uint64_t stamp = lane_stamp();
    if (result == NULL) {
        failed(lane, stamp, stamp, op, align, size);
        return;
    }
    struct event event = begin_event(lane, op, stamp);
    if (trace_is_aligned_form(op)) {
        *event.at++ = log2_of(align);
    }
    event.at = trace_put_varint(event.at, size);
    put_address(lane, &event, result);
    end_event(lane, &event);
}

void lane_freed(struct lane *lane, const void *pointer)
{
    struct event event = begin_event(lane, TRACE_FREE, lane_stamp());
    if (pointer == NULL) {
        event.flags |= TRACE_GONE;
    } else {
        put_address(lane, &event, pointer);
    }
    end_event(lane, &event);
}

void lane_reallocated(struct lane *lane, enum trace_op op, uint64_t begun, const void *old, size_t size,
                      const void *result)
{
    const uint64_t ended = lane_stamp();
    if ((result == NULL) && ((size != 0U) || (old == NULL))) {
        failed(lane, begun, ended, op, 0, size); /* the old block is as it was */
        return;
    }
    struct event event = begin_event(lane, op, begun);
    event.at = trace_put_varint(event.at, ended - begun);
    event.at = trace_put_varint(event.at, size);
    lane->coder.stamp = ended;
    if (old == NULL) {
        event.flags |= TRACE_FRESH;
        put_address(lane, &event, result);
    } else {
        put_address(lane, &event, old);
        if (result == NULL) {
            event.flags |= TRACE_GONE;
        } else {
            put_difference(lane, &event, (uint64_t)(uintptr_t)result);
        }
    }
    end_event(lane, &event);
}
