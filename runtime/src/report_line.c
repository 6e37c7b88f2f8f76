/* SPDX-License-Identifier: MIT */
/*
 * The line that tells of a corruption: see lamina/report.h. Formatted by hand, because the heap and the locks that
 * stdio relies on may be what is damaged, and because the freestanding platform has no stdio.
 */
#include "lamina/report.h"

/* A line under construction. Invariant: used <= room, and two bytes beyond `room` are kept for the line's end. */
typedef struct line {
    char *bytes;
    size_t used;
    size_t room;
} line;

static void line_text(line *out, const char *text)
{
    const char *const shown = (text != NULL) ? text : "?";
    for (size_t i = 0; (shown[i] != '\0') && (out->used < out->room); i++) {
        out->bytes[out->used++] = shown[i];
    }
}

static void line_decimal(line *out, size_t value)
{
    char digits[24]; /* 20 are the most */
    size_t at = sizeof digits - 1U;
    size_t rest = value;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + (char)(rest % 10U));
        rest /= 10U;
    } while (rest != 0U);
    line_text(out, &digits[at]);
}

/* The magnitude without a negation that could overflow. */
static void line_signed(line *out, ptrdiff_t value)
{
    if (value < 0) {
        line_text(out, "-");
    }
    line_decimal(out, (value < 0) ? (size_t)0U - (size_t)value : (size_t)value);
}

/* By shifts: a division of 64 bits would be a call into the compiler's library on a 32-bit processor. */
static void line_hex(line *out, uint64_t value)
{
    char digits[20]; /* 16 are the most */
    size_t at = sizeof digits - 1U;
    uint64_t rest = value;
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[rest & 0xFU];
        rest >>= 4U;
    } while (rest != 0U);
    line_text(out, "0x");
    line_text(out, &digits[at]);
}

/* Where there is no room for a line's end there is no line: then nothing but the terminating zero, where that fits.
 */
static line line_begin(char *bytes, size_t capacity)
{
    const line out = {bytes, 0U, (capacity >= 2U) ? capacity - 2U : 0U};
    return out;
}

/* Ends the line and returns its length. */
static size_t line_end(const line *out, size_t capacity)
{
    size_t length = 0U;
    if (capacity >= 2U) {
        out->bytes[out->used] = '\n';
        length = out->used + 1U;
    }
    if (capacity != 0U) {
        out->bytes[length] = '\0';
    }
    return length;
}

size_t lamina_corruption_line(char *bytes, size_t capacity, const lamina_corruption *event)
{
    line out = line_begin(bytes, capacity);
    line_text(&out, "lamina: ");
    line_text(&out, event->stack);
    line_text(&out, ": ");
    line_text(&out, event->layer);
    line_text(&out, ": ");
    line_text(&out, event->what);
    line_text(&out, " at ");
    line_hex(&out, (uint64_t)(uintptr_t)event->address);
    if (event->expected != event->found) {
        line_text(&out, " (offset ");
        line_signed(&out, event->offset);
        line_text(&out, ": expected ");
        line_hex(&out, event->expected);
        line_text(&out, ", found ");
        line_hex(&out, event->found);
        line_text(&out, ")");
    }
    return line_end(&out, capacity);
}

size_t lamina_assertion_line(char *bytes, size_t capacity, const char *file, unsigned number, const char *message)
{
    line out = line_begin(bytes, capacity);
    line_text(&out, file);
    line_text(&out, ":");
    line_decimal(&out, number);
    line_text(&out, ": assertion failed: ");
    line_text(&out, message);
    return line_end(&out, capacity);
}
