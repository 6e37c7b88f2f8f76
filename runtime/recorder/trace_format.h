/* SPDX-License-Identifier: MIT */
/*
 * The format of allocation traces: what the recorder writes and the reader reads. docs/traces.md tells it in prose.
 *
 * A trace is a file header and blocks. A block belongs to one process and one lane, the stream that one thread at a
 * time writes to, and decodes on its own: it loses nothing when another block is lost.
 *
 * Order. A process gives out stamps, the numbers 1, 2, 3, …; a lane takes the next one where it matters whose call was
 * first, and now and then. All calls of a lane up to its next stamp come with its last one: lanes merged by stamp are
 * one order of all calls. Every stamp is in some lane, so that one that nobody has shows what was lost; a block begins
 * with one, so that none is lost unnoticed. lane_owners.h says why the order is right.
 *
 * While a program is recorded, the file is "open": blocks are mapped, as long as their reservation, and end at the
 * first zero byte. Nothing that was written is lost, however the program ends, since the kernel has the pages. `finish`
 * cuts the blocks to what they hold, adds the checksums and sets the state to finished.
 *
 * Integers of headers have the byte order of the machine, which `order` tells; those of events are varints.
 */
#ifndef LAMINA_TRACE_FORMAT_H
#define LAMINA_TRACE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__cplusplus)
#define TRACE_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define TRACE_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

/* ------------------------------------------------- File header ------------------------------------------------- */

/* The first byte is none of ASCII, and the line ends show a file that went through a conversion of text. */
#define TRACE_MAGIC       "\x89LTR\r\n\x1a\n"
#define TRACE_MAGIC_BYTES 8U
#define TRACE_VERSION     2U
#define TRACE_ORDER       0x01020304U

enum trace_state {
    TRACE_OPEN = 1U,     /* being written, or the recording was cut off before `finish` */
    TRACE_FINISHED = 2U, /* every block has its checksum, and `end` is the size of the file */
};

struct trace_file_header {
    unsigned char magic[TRACE_MAGIC_BYTES];
    uint32_t version;
    uint32_t order;
    uint32_t state;        /* enum trace_state */
    uint32_t header_bytes; /* where the first block begins */
    uint64_t end;          /* first byte behind the last block; while open, where the next one is reserved */
    uint64_t began;        /* CLOCK_MONOTONIC in nanoseconds; the times of events count from here */
    uint64_t missed;       /* calls that were made from within the recorder, by a signal's handler, and not written */
    uint64_t tick;         /* while open: changes every few milliseconds, and when a thread begins or ends */
    uint32_t processes;    /* process numbers given out */
    uint32_t blocks;       /* finished: how many */
    uint32_t stop_error;   /* errno because of which a process could not be recorded any further; 0: none */
    uint32_t stop_process; /* the process that this happened to */
    uint32_t wait_status;  /* finished: how the program ended, as waitpid tells it */
    uint32_t reserved;
    uint64_t checksum; /* finished: of all fields before it */
};

TRACE_STATIC_ASSERT(sizeof(struct trace_file_header) == 88U, "no padding: the header is written as it lies");

/* ---------------------------------------------------- Blocks --------------------------------------------------- */

#define TRACE_BLOCK_MAGIC 0x4B4C424CU /* "LBLK" */

enum trace_kind {
    TRACE_EVENTS = 1U,  /* events of one lane */
    TRACE_PROCESS = 2U, /* a struct trace_process, and two strings: the program's file, its command line */
};

enum trace_block_state {
    TRACE_BLOCK_OPEN = 1U,   /* the first zero byte is the end */
    TRACE_BLOCK_CLOSED = 2U, /* `used` bytes; in a finished file, whose checksum is right */
};

struct trace_block_header {
    uint32_t magic;
    uint32_t kind;     /* enum trace_kind */
    uint32_t capacity; /* bytes from this header to the next */
    uint32_t used;     /* bytes of payload, which follows the header; only of a closed block */
    uint64_t checksum; /* of the payload and of the fields below, from `process` on; only in a finished file */
    uint32_t process;  /* number of the process image, from 0 */
    uint32_t lane;     /* number of the lane in its process, from 0 */
    uint64_t stamp;    /* the lane's stamp before the first event, which is a stamp: its difference counts from here */
    uint64_t time;     /* time of the first event, nanoseconds since `began` */
    uint32_t thread;   /* thread of the first event, from 1 in order of first call */
    uint32_t state;    /* enum trace_block_state */
};

TRACE_STATIC_ASSERT(sizeof(struct trace_block_header) == 56U, "no padding: the header is written as it lies");

enum trace_ended {
    TRACE_CUT = 0U,      /* by _exit, exec or a signal */
    TRACE_EXITED = 1U,   /* by exit or a return from main */
    TRACE_STILL_RAN = 2U /* when the trace was finished */
};

/* A process image: exec begins a new one with the same pid. */
struct trace_process {
    uint32_t pid;
    uint32_t parent_pid;
    uint32_t forked_from; /* number of the process that fork copied, plus 1; 0: it began with exec */
    uint32_t ended;       /* enum trace_ended */
    uint64_t stamp;       /* the last one that was given out; while open, those who take one count here */
    uint64_t began;       /* nanoseconds since the trace's `began` */
};

TRACE_STATIC_ASSERT(sizeof(struct trace_process) == 32U, "no padding: the record is written as it lies");

/* ---------------------------------------------------- Events --------------------------------------------------- */

/* The low four bits of an event's first byte. Zero is the end of an open block. */
enum trace_op {
    TRACE_MALLOC = 1,
    TRACE_CALLOC,
    TRACE_REALLOC,
    TRACE_REALLOCARRAY,
    TRACE_FREE,
    TRACE_ALIGNED_ALLOC,
    TRACE_POSIX_MEMALIGN,
    TRACE_MEMALIGN,
    TRACE_VALLOC,
    TRACE_PVALLOC,
    TRACE_FAILED, /* a call that got NULL: the operation follows as a byte of its own */
    TRACE_TIME,   /* nanoseconds since the lane's last time */
    TRACE_THREAD, /* the lane's events are another thread's from here on */
    TRACE_STAMP,  /* the lane's calls come with another stamp from here on */
    TRACE_LEAVES, /* a realloc begins: from here on its old address may be given to others */
    TRACE_OPS
};

#define TRACE_OP_MASK 0x0FU
#define TRACE_SAME    0x10U /* the first address is the lane's last one, and not written */
#define TRACE_RECENT  0x20U /* the first address is in the lane's table of recent ones: one byte, its place there */
#define TRACE_FRESH   0x40U /* realloc of NULL: no old address */
#define TRACE_GONE    0x80U /* free of NULL; realloc to no bytes, which freed: no new address */
#define TRACE_STAYS   (TRACE_FRESH | TRACE_GONE) /* realloc that did not move: the new address is the old one */

/*
 * The rest of an event, in this order. Numbers are varints: seven bits a byte, the lowest first.
 *
 *   free, leaves          address, unless GONE
 *   malloc, calloc, ...   size in bytes (the product, for those with two factors), address
 *   aligned forms         log2 of the alignment as a byte, size, address
 *   realloc...            size, old address unless FRESH, new address unless GONE; only the old one where it STAYS. The
 *                         second address is always written as a difference. One with an old address was begun by a LEAVES of that address, and ends here
 *   failed                operation as a byte; log2 of the alignment as a byte, if it is an aligned form; size; the old
 *                         address, if it is a realloc and not FRESH
 *   time, stamp           the difference
 *   thread                the number
 *
 * An address is the difference to the lane's last one, in units of 8 bytes, zigzag; the lowest three bits, which only
 * a wild pointer has, are rotated to the top.
 */

#define TRACE_RECENT_ENTRIES 256U
#define TRACE_VARINT_MOST    10U
#define TRACE_EVENT_MOST     64U /* no event is longer */

/* What encoding and decoding share: the lane's memory of what came before. All zero at the start of a block. */
struct trace_coder {
    uint64_t address;
    uint64_t recent[TRACE_RECENT_ENTRIES];
};

/* The place of an address in the table: the top bits of a product, since neighbours differ in the low bits only. */
static inline unsigned trace_place(uint64_t address)
{
    return (unsigned)((address * UINT64_C(0x9E3779B97F4A7C15)) >> 56U);
}

static inline uint64_t trace_rotated(uint64_t address)
{
    return (address >> 3U) | (address << 61U);
}

static inline uint64_t trace_unrotated(uint64_t code)
{
    return (code << 3U) | (code >> 61U);
}

/* Small differences of either sign become small numbers. */
static inline uint64_t trace_zigzag(uint64_t difference)
{
    return (difference << 1U) ^ (0U - (difference >> 63U));
}

static inline uint64_t trace_unzigzag(uint64_t code)
{
    return (code >> 1U) ^ (0U - (code & 1U));
}

static inline unsigned char *trace_put_varint(unsigned char *at, uint64_t value)
{
    while (value >= 0x80U) {
        *at++ = (unsigned char)(value | 0x80U);
        value >>= 7U;
    }
    *at++ = (unsigned char)value;
    return at;
}

/* The byte behind the varint, or NULL: it runs beyond `end`, or says more than 64 bits. */
static inline const unsigned char *trace_get_varint(const unsigned char *at, const unsigned char *end, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; at != end; shift += 7U) {
        const uint64_t bits = *at & 0x7FU;
        if ((shift == 63U) && (bits > 1U)) {
            return NULL;
        }
        sum |= bits << shift;
        if ((*at++ & 0x80U) == 0U) {
            *value = sum;
            return at;
        }
        if (shift == 63U) {
            return NULL;
        }
    }
    return NULL;
}

static inline bool trace_is_aligned_form(unsigned op)
{
    return (op >= TRACE_ALIGNED_ALLOC) && (op <= TRACE_PVALLOC);
}

static inline bool trace_is_realloc(unsigned op)
{
    return (op == TRACE_REALLOC) || (op == TRACE_REALLOCARRAY);
}

/* FNV-1a over words of 64 bits, the last one filled up with zeros: one multiplication for eight bytes. Every single
 * changed word changes the sum, since each step is a bijection. */
static inline uint64_t trace_checksum(uint64_t seed, const void *data, size_t bytes)
{
    const unsigned char *const from = (const unsigned char *)data;
    uint64_t sum = seed ^ UINT64_C(0xCBF29CE484222325) ^ bytes;
    for (size_t at = 0; at < bytes; at += 8U) {
        uint64_t word = 0;
        memcpy(&word, from + at, (bytes - at < 8U) ? bytes - at : 8U);
        sum = (sum ^ word) * UINT64_C(0x100000001B3);
        sum ^= sum >> 32U; /* the multiplication alone would never carry a high bit down */
    }
    return sum;
}

static inline uint64_t trace_block_checksum(const struct trace_block_header *header, const unsigned char *payload,
                                            size_t used)
{
    const size_t from = offsetof(struct trace_block_header, process);
    const uint64_t fields = trace_checksum(header->kind, (const unsigned char *)header + from, sizeof *header - from);
    return trace_checksum(fields, payload, used);
}

static inline uint64_t trace_header_checksum(const struct trace_file_header *header)
{
    return trace_checksum(0, header, offsetof(struct trace_file_header, checksum));
}

#endif
