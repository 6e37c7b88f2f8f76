/* SPDX-License-Identifier: MIT */
/*
 * How far memory nodes are from each other: see lamina/numa.h. The kernel tells it in /sys only:
 *
 *     /sys/devices/system/node/online             0-1,4        which nodes there are
 *     /sys/devices/system/node/node4/distance     20 20 10     how far each of those is from node 4, in that order
 */
#include "calls.h"

#include "lamina/numa.h"

#include "platform.h"

/* A file that is read by single characters. */
typedef struct reader {
    int file;
    bool failed; /* errno tells why */
    size_t at;
    size_t have;
    char bytes[256];
} reader;

/* The next character, or -1 at the end and on failure. */
static int peek(reader *in)
{
    while ((in->at == in->have) && !in->failed) {
        const long got = PLATFORM(read)(in->file, in->bytes, sizeof in->bytes);
        if (got == 0) {
            return -1;
        }
        in->failed = (got < 0) && (errno != EINTR);
        in->at = 0U;
        in->have = (got > 0) ? (size_t)got : 0U;
    }
    return in->failed ? -1 : (unsigned char)in->bytes[in->at];
}

/* A decimal number, or -1 where none stands. Node numbers and distances are far below the limit. */
static int number(reader *in)
{
    int out = -1;
    for (int c = peek(in); (c >= '0') && (c <= '9') && (out < 1000000); c = peek(in)) {
        out = ((out < 0) ? 0 : out * 10) + (c - '0');
        in->at++;
    }
    return out;
}

static bool skip(reader *in, int wanted)
{
    const bool out = peek(in) == wanted;
    in->at += out ? 1U : 0U;
    return out;
}

/* Counts the nodes before `node` in a list of ranges; -1 if it isn't in it. */
static int place_of(reader *in, int node)
{
    int before = 0;
    int out = -1;
    bool more = true;
    while (more && (out < 0)) {
        const int first = number(in);
        const int last = skip(in, '-') ? number(in) : first;
        const bool sound = (first >= 0) && (first <= last);
        if (sound && (first <= node) && (node <= last)) {
            out = before + (node - first);
        }
        before += last - first + 1;
        more = sound && skip(in, ',');
    }
    return out;
}

/* The number at a place in a list that blanks separate; -1 if it has none there. */
static int number_at(reader *in, int place)
{
    int out = -1;
    bool more = true;
    for (int i = 0; more && (i <= place); i++) {
        while (skip(in, ' ')) {
        }
        out = number(in);
        more = out >= 0;
    }
    return more ? out : -1;
}

/* Answers what `look` finds in a file; -1 with the error set, which is `absent` where it finds nothing. */
static int look_up(const char *path, int (*look)(reader *in, int what), int what, int absent)
{
    reader in = {-1, false, 0U, 0U, {0}};
    int out = -1;
    in.file = KERNEL(open)(path);
    if (in.file < 0) {
        lamina_set_last_os_error((errno == ENOENT) ? absent : errno);
        return -1;
    }
    out = look(&in, what);
    if (in.failed) {
        lamina_set_last_os_error(errno);
        out = -1;
    } else if (out < 0) {
        lamina_set_last_os_error(absent);
    }
    (void)PLATFORM(close)(in.file);
    return out;
}

#define NODE_FOLDER "/sys/devices/system/node/"

int lamina_numa_distance(uint16_t from, uint16_t to)
{
    char path[sizeof NODE_FOLDER + sizeof "node65535/distance"] = NODE_FOLDER "node";
    char digits[5];
    size_t count = 0U;
    size_t length = sizeof NODE_FOLDER "node" - 1U;
    unsigned rest = from;
    do {
        digits[count++] = (char)('0' + (char)(rest % 10U));
        rest /= 10U;
    } while (rest != 0U);
    while (count != 0U) {
        path[length++] = digits[--count];
    }
    memcpy(path + length, "/distance", sizeof "/distance");

    const int place = look_up(NODE_FOLDER "online", place_of, (int)to, EINVAL);
    return (place >= 0) ? look_up(path, number_at, place, EINVAL) : -1;
}
