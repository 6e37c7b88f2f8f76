/* SPDX-License-Identifier: MIT */
/*
 * The tool behind lamina record, trace-report and replay: it makes, finishes and reads traces, and answers in JSON.
 * Exit status: 0 done; 1 the trace is wrong, with one line on standard error; 2 the command line is.
 */
#include "trace_build_ops.h"
#include "trace_finish.h"
#include "trace_summary.h"
#include "trace_tick.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const NAMES[TRACE_OPS] = {"",
                                             "malloc",
                                             "calloc",
                                             "realloc",
                                             "reallocarray",
                                             "free",
                                             "aligned_alloc",
                                             "posix_memalign",
                                             "memalign",
                                             "valloc",
                                             "pvalloc",
                                             "",
                                             "",
                                             ""};
static const char *const EFFECTS[TRACE_EFFECTS] = {"allocates", "frees",   "resizes", "nothing",
                                                   "fails",     "strange", "replaces"};

static int refuse(const struct trace_error *error)
{
    (void)fprintf(stderr, "%s\n", error->text);
    return 1;
}

/* ------------------------------------------------------- JSON ------------------------------------------------------
 */

/* Bytes above ASCII go as they are: a path is in whatever encoding it is in. */
static void put_string(const char *text, size_t bytes)
{
    (void)putchar('"');
    for (size_t i = 0; i < bytes; i++) {
        const unsigned char c = (unsigned char)text[i];
        if ((c == '"') || (c == '\\')) {
            (void)printf("\\%c", c);
        } else if (c < 0x20U) {
            (void)printf("\\u%04x", c);
        } else {
            (void)putchar(c);
        }
    }
    (void)putchar('"');
}

static void put(const char *name, uint64_t value)
{
    (void)printf("\"%s\": %" PRIu64 ", ", name, value);
}

static void put_command(const struct trace_process_info *process)
{
    (void)printf("\"command\": [");
    size_t from = 0;
    while (from < process->command_bytes) {
        const char *const word = process->command + from;
        const size_t bytes = strnlen(word, process->command_bytes - from);
        (void)printf("%s", (from != 0U) ? ", " : "");
        put_string(word, bytes);
        from += bytes + 1U;
    }
    (void)printf("]");
}

static void put_process(const struct trace_process_info *process, uint64_t events)
{
    static const char *const ENDED[] = {"cut", "exited", "running"};
    const uint32_t ended = process->record.ended;
    (void)printf("{");
    put("number", process->number);
    put("pid", process->record.pid);
    put("parent_pid", process->record.parent_pid);
    if (process->record.forked_from != 0U) {
        put("forked_from", process->record.forked_from - 1U);
    }
    put("began_ns", process->record.began);
    put("events", events);
    (void)printf("\"ended\": \"%s\", \"program\": ", ENDED[(ended <= TRACE_STILL_RAN) ? ended : 0U]);
    put_string(process->program, strlen(process->program));
    (void)printf(", ");
    put_command(process);
    (void)printf("}");
}

/* ----------------------------------------------------- Commands ----------------------------------------------------
 */

static bool count_events(const struct trace *trace, uint32_t process, uint64_t *events, struct trace_error *error)
{
    *events = 0;
    for (size_t i = 0; i < trace->block_count; i++) {
        const struct trace_block *const block = &trace->blocks[i];
        size_t used;
        uint64_t here;
        if ((block->header.kind == TRACE_EVENTS) && (block->header.process == process)) {
            if (!trace_measure_block(block, &used, &here, error)) {
                return trace->partial;
            }
            *events += here;
        }
    }
    return true;
}

static int show(const struct trace *trace)
{
    struct trace_error error;
    uint64_t all = 0;
    uint64_t *const events = calloc((trace->process_count != 0U) ? trace->process_count : 1U, sizeof *events);
    for (size_t i = 0; i < trace->process_count; i++) {
        if ((events == NULL) || !count_events(trace, trace->processes[i].number, &events[i], &error)) {
            free(events);
            return refuse(&error);
        }
        all += events[i];
    }
    (void)printf("{");
    put("version", trace->header.version);
    put("bytes", trace->bytes);
    put("events", all);
    put("missed", trace->header.missed);
    put("stop_error", trace->header.stop_error);
    put("stop_process", trace->header.stop_process);
    put("wait_status", trace->header.wait_status);
    (void)printf("\"finished\": %s, \"partial\": %s, \"processes\": [",
                 (trace->header.state == TRACE_FINISHED) ? "true" : "false", trace->partial ? "true" : "false");
    for (size_t i = 0; i < trace->process_count; i++) {
        (void)printf("%s", (i != 0U) ? ", " : "");
        put_process(&trace->processes[i], events[i]);
    }
    (void)printf("]}\n");
    free(events);
    return 0;
}

static void put_counts(const char *name, const uint64_t *counts, size_t n)
{
    while ((n != 0U) && (counts[n - 1U] == 0U)) {
        n--;
    }
    (void)printf("\"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        (void)printf("%s%" PRIu64, (i != 0U) ? ", " : "", counts[i]);
    }
    (void)printf("], ");
}

static void put_sizes(const struct summary *summary)
{
    const char *between = "";
    (void)printf("\"size_classes\": [");
    for (size_t i = 0; i < SUMMARY_CLASSES; i++) {
        const struct summary_class *const c = &summary->sizes[i];
        if (c->allocs != 0U) {
            (void)printf("%s{\"log2\": %zu, \"requests\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"peak\": %" PRIu64 "}",
                         between, i, c->allocs, c->bytes, c->peak);
            between = ", ";
        }
    }
    (void)printf("], \"distinct_sizes\": %zu, \"sizes\": [", summary->exact_count);
    for (size_t i = 0; (i < summary->exact_count) && (i < 32U); i++) {
        const struct summary_size *const size = &summary->exact[i];
        (void)printf("%s{\"size\": %" PRIu64 ", \"requests\": %" PRIu64 ", \"peak\": %" PRIu64 "}",
                     (i != 0U) ? ", " : "", size->size, size->allocs, size->peak);
    }
    (void)printf("], ");
}

static void put_threads(const struct summary *summary)
{
    (void)printf("\"threads\": [");
    for (size_t i = 0; i < summary->thread_count; i++) {
        const struct summary_thread *const t = &summary->threads[i];
        (void)printf("%s{\"thread\": %zu, \"calls\": %" PRIu64 ", \"allocs\": %" PRIu64 ", \"bytes\": %" PRIu64
                     ", \"frees\": %" PRIu64 ", \"foreign_frees\": %" PRIu64 "}",
                     (i != 0U) ? ", " : "", i + 1U, t->calls, t->allocs, t->bytes, t->frees, t->foreign_frees);
    }
    (void)printf("], ");
}

static void put_points(const struct summary *summary)
{
    (void)printf("\"points\": [");
    for (size_t i = 0; i < SUMMARY_POINTS; i++) {
        const struct summary_point *const p = &summary->points[i];
        (void)printf("%s[%" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]",
                     (i != 0U) ? ", " : "", p->allocs, p->frees, p->resizes, p->bytes, p->objects, p->most_bytes);
    }
    (void)printf("]");
}

static int summarize(const struct trace *trace, uint32_t process)
{
    struct trace_error error;
    struct summary *const s = malloc(sizeof *s);
    if (s == NULL) {
        (void)trace_fail(&error, "there is not enough memory to read it");
        return refuse(&error);
    }
    if (!summary_make(s, trace, process, &error)) {
        free(s);
        return refuse(&error);
    }
    (void)printf("{");
    put("calls", s->totals.calls);
    put("unwritten", s->totals.unwritten);
    put("slots", s->totals.slots);
    put("first_ns", s->first_time);
    put("last_ns", s->totals.last_time);
    (void)printf("\"by_function\": {");
    const char *between = "";
    for (size_t i = TRACE_MALLOC; i <= TRACE_PVALLOC; i++) {
        if (s->by_op[i] != 0U) {
            (void)printf("%s\"%s\": %" PRIu64, between, NAMES[i], s->by_op[i]);
            between = ", ";
        }
    }
    (void)printf("}, ");
    put("allocs", s->allocs);
    put("frees", s->frees);
    put("resizes", s->resizes);
    put("resizes_grown", s->grown);
    put("resizes_shrunk", s->shrunk);
    put("resizes_moved", s->moved);
    put("free_null", s->nothing);
    put("failed", s->failed);
    put("strange", s->strange);
    put("replaced", s->replaced);
    put("bytes", s->bytes);
    put("live_bytes", s->live_bytes);
    put("live_objects", s->live_objects);
    put("peak_bytes", s->peak_bytes);
    put("peak_objects", s->peak_objects);
    put("peak_call", s->peak_call);
    put("peak_ns", s->peak_time);
    put("most_objects", s->most_objects);
    put_counts("alignments_log2", s->aligned, 64);
    put_sizes(s);
    put_counts("lifetimes_calls_log2", s->lives_calls, SUMMARY_CLASSES);
    put_counts("lifetimes_ns_log2", s->lives_time, SUMMARY_CLASSES);
    put_threads(s);
    put_points(s);
    (void)printf("}\n");
    summary_free(s);
    free(s);
    return 0;
}

static bool dump_call(void *context, const struct trace_call *call)
{
    (void)context;
    (void)printf("%" PRIu64 " %s %s thread=%" PRIu32 " slot=%" PRIu32 " size=%" PRIu64 " old=%" PRIu64 " align=%" PRIu64
                 " moved=%d time=%" PRIu64 "\n",
                 call->number, NAMES[call->op], EFFECTS[call->effect], call->thread, call->slot, call->size,
                 call->old_size, call->align, call->moved ? 1 : 0, call->time);
    return true;
}

static int dump(const struct trace *trace, uint32_t process)
{
    struct trace_error error;
    struct trace_totals totals;
    return trace_visit(trace, process, dump_call, NULL, &totals, &error) ? 0 : refuse(&error);
}

static int build_ops(const struct trace *trace, uint32_t process, const char *least, const char *most, const char *path)
{
    struct trace_error error;
    struct trace_totals totals;
    struct ops_header header;
    const struct ops_options options = {strtoull(least, NULL, 10), strtoull(most, NULL, 10)};
    if (!ops_write(trace, process, &options, path, &header, &totals, &error)) {
        return refuse(&error);
    }
    (void)printf("{");
    put("calls", totals.calls);
    put("entries", header.entries);
    put("allocs", header.allocs);
    put("frees", header.frees);
    put("resizes", header.resizes);
    put("slots", header.slots);
    put("peak_bytes", header.peak_bytes);
    put("peak_objects", header.peak_objects);
    put("live_at_end", header.live_at_end);
    put("largest", header.largest);
    (void)printf("\"largest_call\": %" PRIu64 "}\n", header.largest_call);
    return 0;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: lamina-trace create FILE | tick FILE | finish FROM TO WAIT-STATUS |\n"
                          "       [--partial] show FILE |\n"
                          "       [--partial] summary FILE PROCESS | [--partial] dump FILE PROCESS |\n"
                          "       [--partial] ops FILE PROCESS LEAST-SIZE MOST-SIZE OUTPUT\n");
    return 2;
}

static int read_trace(int argc, char **argv, bool partial)
{
    struct trace_error error;
    struct trace *const trace = trace_open(argv[1], partial, &error);
    if (trace == NULL) {
        return refuse(&error);
    }
    const uint32_t process = (argc > 2) ? (uint32_t)strtoul(argv[2], NULL, 10) : 0U;
    int status = 2;
    if ((strcmp(argv[0], "show") == 0) && (argc == 2)) {
        status = show(trace);
    } else if ((strcmp(argv[0], "summary") == 0) && (argc == 3)) {
        status = summarize(trace, process);
    } else if ((strcmp(argv[0], "dump") == 0) && (argc == 3)) {
        status = dump(trace, process);
    } else if ((strcmp(argv[0], "ops") == 0) && (argc == 6)) {
        status = build_ops(trace, process, argv[3], argv[4], argv[5]);
    } else {
        status = usage();
    }
    trace_close(trace);
    return status;
}

int main(int argc, char **argv)
{
    struct trace_error error;
    int status = 2;
    argc--;
    argv++;
    const bool partial = (argc > 0) && (strcmp(argv[0], "--partial") == 0);
    argc -= partial ? 1 : 0;
    argv += partial ? 1 : 0;
    if ((argc == 2) && (strcmp(argv[0], "create") == 0)) {
        status = trace_create(argv[1], &error) ? 0 : refuse(&error);
    } else if ((argc == 2) && (strcmp(argv[0], "tick") == 0)) {
        status = trace_tick(argv[1], &error) ? 0 : refuse(&error);
    } else if ((argc == 4) && (strcmp(argv[0], "finish") == 0)) {
        status = trace_finish(argv[1], argv[2], (uint32_t)strtoul(argv[3], NULL, 10), &error) ? 0 : refuse(&error);
    } else {
        status = (argc >= 2) ? read_trace(argc, argv, partial) : usage();
    }
    if ((fflush(stdout) != 0) || (ferror(stdout) != 0)) {
        (void)fprintf(stderr, "the answer could not be written\n");
        return 1;
    }
    return status;
}
