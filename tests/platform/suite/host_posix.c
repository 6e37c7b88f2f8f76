/* SPDX-License-Identifier: MIT */
/* What the suite needs of Linux and macOS: see suite.h. */
#define _GNU_SOURCE      1
#define _DARWIN_C_SOURCE 1
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

int suite_main(void);

void host_put(const char *text)
{
    size_t left = strlen(text);
    const char *from = text;
    while (left > 0U) {
        const ssize_t written = write(STDOUT_FILENO, from, left);
        if (written <= 0) {
            _exit(2); /* nobody listens, so that no result can be had */
        }
        from += written;
        left -= (size_t)written;
    }
}

static sigjmp_buf before_the_access;

static void on_fault(int number)
{
    siglongjmp(before_the_access, number);
}

bool host_faults(void *p, unsigned access)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL};
    struct sigaction action;
    struct sigaction saved[3];
    memset(&action, 0, sizeof action);
    action.sa_handler = on_fault;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; i++) {
        (void)sigaction(numbers[i], &action, &saved[i]);
    }
    volatile bool faulted = true;
    if (sigsetjmp(before_the_access, 1) == 0) {
        volatile unsigned char *const byte = (volatile unsigned char *)p;
        if ((access & HOST_READ) != 0U) {
            (void)*byte;
        }
        if ((access & HOST_WRITE) != 0U) {
            *byte = 1U;
        }
        if ((access & HOST_EXECUTE) != 0U) {
            void (*function)(void) = NULL;
            memcpy(&function, &p,
                   sizeof function); /* ISO C has no conversion between the two kinds of pointer */
            function();
        }
        faulted = false;
    }
    for (int i = 0; i < 3; i++) {
        (void)sigaction(numbers[i], &saved[i], NULL);
    }
    return faulted;
}

/* ---------------------------------------------- What is mapped ---------------------------------------------- */

/* A file of /proc by lines. Read without the heap, whose own mappings would be counted too. */
typedef struct lines {
    int file;
    size_t at;
    size_t have;
    char bytes[8192];
    char line[1024]; /* the current one, cut where it is longer */
} lines;

static bool next_line(lines *in)
{
    size_t length = 0U;
    for (;;) {
        if (in->at == in->have) {
            const ssize_t got = read(in->file, in->bytes, sizeof in->bytes);
            in->at = 0U;
            in->have = (got > 0) ? (size_t)got : 0U;
            if (in->have == 0U) {
                in->line[length] = '\0';
                return length != 0U;
            }
        }
        const char c = in->bytes[in->at++];
        if (c == '\n') {
            in->line[length] = '\0';
            return true;
        }
        if (length < sizeof in->line - 1U) {
            in->line[length++] = c;
        }
    }
}

static bool hexadecimal(const char **at, unsigned long long *out)
{
    const char *const begin = *at;
    for (*out = 0U; ((**at >= '0') && (**at <= '9')) || ((**at >= 'a') && (**at <= 'f')); (*at)++) {
        *out = *out * 16U + (unsigned long long)((**at <= '9') ? **at - '0' : **at - 'a' + 10);
    }
    return *at != begin;
}

typedef struct mapping {
    unsigned long long from;
    unsigned long long to;
    unsigned rights;
} mapping;

/* 7f0000000000-7f0000001000 rw-p 00000000 00:00 0    [name] */
static bool is_mapping(const char *line, mapping *out)
{
    const char *at = line;
    const bool range = hexadecimal(&at, &out->from) && (*at++ == '-') && hexadecimal(&at, &out->to) &&
                       (*at++ == ' ');
    if (range) {
        out->rights = ((at[0] == 'r') ? 1U : 0U) | ((at[1] == 'w') ? 2U : 0U) | ((at[2] == 'x') ? 4U : 0U) |
                      ((at[3] == 's') ? 8U : 0U);
    }
    return range;
}

static bool holds(const mapping *it, const void *p)
{
    return ((uintptr_t)p >= it->from) && ((uintptr_t)p < it->to);
}

static size_t locked_bytes(void)
{
    static const char key[] = "VmLck:";
    lines in = {open("/proc/self/status", O_RDONLY), 0U, 0U, {0}, {0}};
    size_t out = 0U;
    while ((in.file >= 0) && next_line(&in)) {
        if (strncmp(in.line, key, sizeof key - 1U) == 0) {
            out = (size_t)strtoul(in.line + sizeof key - 1U, NULL, 10) * 1024U;
        }
    }
    if (in.file >= 0) {
        (void)close(in.file);
    }
    return out;
}

host_memory host_memory_now(void)
{
    host_memory out = {false, {0}, 0U};
    lines in = {open("/proc/self/maps", O_RDONLY), 0U, 0U, {0}, {0}};
    mapping it;
    while ((in.file >= 0) && next_line(&in)) {
        if (is_mapping(in.line, &it)) {
            out.told = true;
            out.bytes[it.rights] += (size_t)(it.to - it.from);
        }
    }
    if (in.file >= 0) {
        (void)close(in.file);
    }
    out.locked = locked_bytes();
    return out;
}

void *host_map_page(void)
{
    void *const p = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return (p != MAP_FAILED) ? p : NULL;
}

void host_unmap_page(void *p)
{
    (void)munmap(p, (size_t)sysconf(_SC_PAGESIZE));
}

/* The line of the mapping that holds `p`, into *in, which stays open behind it. */
static bool find_mapping(lines *in, const void *p, mapping *it)
{
    bool found = false;
    while ((in->file >= 0) && !found && next_line(in)) {
        found = is_mapping(in->line, it) && holds(it, p);
    }
    return found;
}

int host_rights(const void *p)
{
    lines in = {open("/proc/self/maps", O_RDONLY), 0U, 0U, {0}, {0}};
    mapping it;
    const int out = find_mapping(&in, p, &it) ? (int)it.rights : -1;
    if (in.file >= 0) {
        (void)close(in.file);
    }
    return out;
}

bool host_has_name(const void *p, const char *name)
{
    lines in = {open("/proc/self/maps", O_RDONLY), 0U, 0U, {0}, {0}};
    mapping it;
    const bool out = find_mapping(&in, p, &it) && (strstr(in.line, name) != NULL);
    if (in.file >= 0) {
        (void)close(in.file);
    }
    return out;
}

bool host_has_flag(const void *p, const char *flag)
{
    static const char key[] = "VmFlags:";
    lines in = {open("/proc/self/smaps", O_RDONLY), 0U, 0U, {0}, {0}};
    mapping it;
    bool out = false;
    for (bool more = find_mapping(&in, p, &it); more && next_line(&in);) {
        mapping next;
        more = !is_mapping(in.line, &next);
        if (more && (strncmp(in.line, key, sizeof key - 1U) == 0)) {
            char wanted[8] = " ";
            strncat(wanted, flag, sizeof wanted - 2U);
            out = strstr(in.line, wanted) != NULL; /* flags have two letters, each after a blank */
        }
    }
    if (in.file >= 0) {
        (void)close(in.file);
    }
    return out;
}

/* ---------------------------------------------- What this machine's kernel does ----------------------------- */

#if defined(__linux__)
/* mmap() with explicit huge pages of 1 << shift bytes. */
static int asks_for_huge(int shift)
{
    const size_t bytes = (size_t)1U << (unsigned)shift;
    void *const p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (shift << 26), -1, 0);
    const int error = errno;
    if (p != MAP_FAILED) {
        (void)munmap(p, bytes);
    }
    return (p != MAP_FAILED) ? 0 : error;
}

static int asks_for_secret(void)
{
    const long file = syscall(447,
                              0UL); /* memfd_secret, by the number that it has on all architectures but one */
    const int error = errno;
    if (file >= 0) {
        (void)close((int)file);
    }
    return (file >= 0) ? 0 : (error == ENOSYS) ? ENOTSUP : error; /* as lamina/secret.h promises */
}

/* mbind() of a page with this policy, on the first node that the process may use; -1 for a policy without
 * nodes. */
static int asks_for_policy(int mode, bool with_node)
{
    unsigned long nodes[64] = {0U};
    unsigned long first[64] = {0U};
    int error = 0;
    if (syscall(SYS_get_mempolicy, NULL, nodes, sizeof nodes * 8U, NULL, 4UL) !=
        0) { /* MPOL_F_MEMS_ALLOWED */
        return errno;
    }
    for (size_t i = 0, found = 0; (i < 64U) && (found == 0U); i++) {
        first[i] = nodes[i] & (0UL - nodes[i]); /* the lowest bit */
        found = first[i];
    }
    void *const p = host_map_page();
    if (syscall(SYS_mbind, p, (unsigned long)sysconf(_SC_PAGESIZE), (long)mode, with_node ? first : NULL,
                with_node ? sizeof first * 8U : 0UL, 0UL) != 0) {
        error = errno;
    }
    host_unmap_page(p);
    return error;
}

static int asks_for_name(void)
{
    void *const p = host_map_page();
    const int answer = prctl(0x53564D41, 0UL, p, (unsigned long)sysconf(_SC_PAGESIZE),
                             "asked"); /* PR_SET_VMA */
    const int error = errno;
    host_unmap_page(p);
    return (answer == 0) ? 0 : error;
}

int host_kernel_refuses(const char *ability)
{
    static const struct {
        const char *ability;
        int mode; /* as in the kernel's mempolicy.h */
        bool with_node;
    } policies[] = {
        {"binding to memory nodes", 2, true},
        {"a preferred memory node", 1, true},
        {"several preferred memory nodes", 5, true},
        {"interleaving over memory nodes", 3, true},
        {"weighted interleaving over memory nodes", 6, true},
        {"the toucher's memory node", 4, false},
        {"memory policies of a range", 0, false},
    };

    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        if (strcmp(ability, policies[i].ability) == 0) {
            return asks_for_policy(policies[i].mode, policies[i].with_node);
        }
    }
    return (strcmp(ability, "huge pages of 2 MiB") == 0)   ? asks_for_huge(21)
           : (strcmp(ability, "huge pages of 1 GiB") == 0) ? asks_for_huge(30)
           : (strcmp(ability, "secret memory") == 0)       ? asks_for_secret()
           : (strcmp(ability, "names of mappings") == 0)   ? asks_for_name()
           : (strcmp(ability, "transparent huge pages") == 0)
               ? ((access("/sys/kernel/mm/transparent_hugepage/enabled", R_OK) == 0) ? 0 : EINVAL)
               : SUITE_UNTOUCHED; /* nobody knows how to ask: no code is that one */
}
#else
int host_kernel_refuses(const char *ability)
{
    (void)ability;
    return SUITE_UNTOUCHED;
}
#endif

/* ---------------------------------------------- Threads ----------------------------------------------------- */

typedef struct call {
    void (*body)(unsigned i, void *context);
    void *context;
    unsigned i;
} call;

static void *start(void *argument)
{
    const call *const mine = (const call *)argument;
    mine->body(mine->i, mine->context);
    return NULL;
}

bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context)
{
    pthread_t threads[16];
    call calls[16];
    unsigned started = 0U;
    while (started < n) {
        calls[started] = (call){body, context, started};
        if (pthread_create(&threads[started], NULL, start, &calls[started]) != 0) {
            break;
        }
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    return started == n;
}

int main(void)
{
    return suite_main();
}
