/* SPDX-License-Identifier: MIT */
/*
 * A lane is a stream of blocks that one thread at a time writes to. A thread takes a lane at its first call and gives
 * it back when it ends, so that a thousand short threads fill the blocks of a few lanes.
 *
 * Fork is noticed by memory, not by a handler: what must not survive it lies in pages that the kernel wipes in the
 * child. A wiped lane has no room, so that the child's first call takes the slow path, which finds the wiped process
 * and begins a new one. This covers _Fork and clone, which call no handlers, and costs the fast path nothing.
 */
#include "lane_state.h"

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

#define FIRST_BLOCK   ((size_t)16 << 10U) /* what a thread of few calls costs */
#define LARGEST_BLOCK ((size_t)256 << 10U)
/* Bytes of events, 256 of the shortest, after which a lane takes another stamp and looks at the clock. */
#define STEP      256U
#define ROOM_MOST (4U * TRACE_EVENT_MOST) /* an event, and what is told before it */
#define HIGH_FD   1000                    /* out of the way of programs that expect their files to be 3, 4, 5 */

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
    atomic_int stopped; /* not 0: nothing is recorded any more, or never was */
    atomic_bool begun;
    int fd;
    dev_t device;
    ino_t inode;
    pthread_key_t key; /* its destructor gives the lane back */
    bool has_key;
} recorder = {.fd = -1};

LANE_THREAD struct lane *lane_own;
static LANE_THREAD struct lane *kept; /* the thread's lane, also while it is being written to */
static LANE_THREAD uint32_t own_thread;
static LANE_THREAD bool leaving; /* the thread ends: it has a lane for one call at a time */
static struct lane no_lane_yet; /* kept by a thread that is about to take one */

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

/* Every thread takes a stamp before its next call is written. */
static void tick(void)
{
    (void)__atomic_fetch_add(&recorder.header->tick, 1U, __ATOMIC_RELAXED);
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
        tick();
    }
}

/* Nanoseconds since the trace began. */
static uint64_t time_now(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec - recorder.header->began;
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
    block->used = (uint32_t)(lane->at - (unsigned char *)(block + 1));
    block->state = TRACE_BLOCK_CLOSED; /* `finish` adds the checksum, at no cost of the program's */
    (void)munmap(block, block->capacity);
    lane->block = NULL;
    lane->at = lane->soft = lane->hard = NULL;
}

/* A number of what is told between calls. */
static void tell(struct lane *lane, enum trace_op op, uint64_t number)
{
    unsigned char *const first = lane->at;
    lane->at = trace_put_varint(first + 1, number);
    __atomic_store_n(first, (unsigned char)op, __ATOMIC_RELEASE);
}

/* The next number, which the lane's calls come with from here on. */
static void take_stamp(struct lane *lane)
{
    const uint64_t stamp = __atomic_add_fetch(&recorder.record->stamp, 1U, __ATOMIC_SEQ_CST);
    tell(lane, TRACE_STAMP, stamp - lane->stamp);
    lane->stamp = stamp;
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
    memset(&lane->coder, 0, sizeof lane->coder);
    lane->time = time_now();
    lane->thread = own_thread;
    block->lane = lane->id - 1U;
    block->stamp = lane->stamp;
    block->time = lane->time;
    block->thread = own_thread;
    publish(block);
    lane->block = block;
    lane->at = (unsigned char *)(block + 1);
    lane->hard = (unsigned char *)block + block->capacity - ROOM_MOST;
    take_stamp(lane);
    return true;
}

/* Makes room, takes a stamp, tells the time. */
static bool freshen(struct lane *lane)
{
    lane->tick = __atomic_load_n(&recorder.header->tick, __ATOMIC_RELAXED); /* before the stamp: a later one counts */
    if (lane->at >= lane->hard) {
        if (!refill(lane)) {
            return false;
        }
    } else {
        const uint64_t before = lane->time;
        take_stamp(lane);
        lane->time = time_now();
        tell(lane, TRACE_TIME, lane->time - before);
        if (lane->thread != own_thread) {
            lane->thread = own_thread;
            tell(lane, TRACE_THREAD, own_thread);
        }
    }
    lane->soft = (lane->hard - lane->at > (ptrdiff_t)STEP) ? lane->at + STEP : lane->hard;
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
    recorder.record->began = time_now();
    describe(block);
    publish(block);
    own_thread = 0; /* a forked child still has its parent's */
    atomic_store(&recorder.process->lives, true);
    return true;
}

static void put_idle(struct lane *lane)
{
    lane_own = NULL;
    lock();
    lane->next_idle = recorder.process->idle;
    recorder.process->idle = lane;
    unlock();
    tick(); /* what others do from here on is behind what this thread did */
    kept = NULL;
}

/* The end of a thread, as far as we are told. Destructors that come later, and the C library, call free after it. */
static void give_back(void *taken)
{
    struct lane *const lane = taken;
    leaving = true;
    if (atomic_load(&recorder.process->lives) && (lane_own == lane)) { /* else of the parent, before fork */
        put_idle(lane);
    }
}

void lane_done(void)
{
    if (leaving && (lane_own != NULL)) {
        const int error = errno;
        put_idle(lane_own);
        errno = error;
    }
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
        lane->id = number + 1U;
        lane->block_bytes = FIRST_BLOCK;
    }
    lane->ticks = &recorder.header->tick;
    if (recorder.has_key && !leaving) {
        (void)pthread_setspecific(recorder.key, lane);
    }
    tick(); /* what others do from here on is behind what they did so far */
    return lane;
}

/* Leaves errno as it was. */
struct lane *lane_attend(struct lane *lane)
{
    const int error = errno;
    if (atomic_load(&recorder.stopped) != 0) {
        lane = NULL;
    } else if (!atomic_load(&recorder.process->lives)) { /* a forked child, with its parent's lane, wiped */
        lane = enter_process(recorder.number + 1U) ? take_lane() : NULL;
    }
    if ((lane != NULL) && !freshen(lane)) {
        lane = NULL;
    }
    kept = (lane != NULL) ? lane : kept;
    errno = error;
    return lane;
}

struct lane *lane_begin(void)
{
    if (atomic_load_explicit(&recorder.stopped, memory_order_relaxed) != 0) {
        return NULL;
    }
    if (kept != NULL) { /* a signal's handler, while this thread writes or takes a lane */
        if (recorder.header != NULL) {
            (void)__atomic_fetch_add(&recorder.header->missed, 1U, __ATOMIC_RELAXED);
        }
        return NULL;
    }
    kept = &no_lane_yet;
    atomic_signal_fence(memory_order_seq_cst);
    const int error = errno;
    struct lane *lane = NULL;
    lane_begin_process();
    if ((atomic_load(&recorder.stopped) == 0) &&
        (atomic_load(&recorder.process->lives) || enter_process(recorder.number + 1U))) {
        lane = take_lane();
        lane = (lane != NULL) ? lane_attend(lane) : NULL;
    }
    if (lane == NULL) {
        kept = NULL;
    }
    errno = error;
    return lane;
}

bool lane_claim(struct lane *lane, uint32_t *owner)
{
    const int error = errno;
    uint32_t nobody = 0;
    bool done = __atomic_compare_exchange_n(owner, &nobody, lane->id, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    bool fine = true;
    while (!done && fine) {
        __atomic_store_n(owner, lane->id, __ATOMIC_SEQ_CST);
        if (lane->at >= lane->hard + ROOM_MOST / 2U) {
            fine = refill(lane);
        } else {
            take_stamp(lane);
        }
        done = __atomic_load_n(owner, __ATOMIC_SEQ_CST) == lane->id;
    }
    errno = error;
    return fine;
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
    struct lane *const was = kept;
    const int error = errno;
    kept = &no_lane_yet;
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
    kept = was;
}

void lane_end_process(void)
{
    if ((atomic_load(&recorder.stopped) == 0) && (recorder.process != NULL) && atomic_load(&recorder.process->lives)) {
        recorder.record->ended = TRACE_EXITED;
    }
}
