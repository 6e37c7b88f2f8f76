/* SPDX-License-Identifier: MIT */
/* The table of platform calls on Windows: see lamina/os_table.h. Part of the testing library only: without
 * LAMINA_OS_TABLE, as where a folder's files are compiled as they are, there is nothing in it. */
#if defined(LAMINA_OS_TABLE)
#include "calls.h"

/* Asks the injector about a call; true, with the system's last error set, when it is to fail. */
static bool fails(bool gives_back)
{
    int error = 0;
    const bool out = lamina_injector_fails_(gives_back, &error);
    if (out) {
        SetLastError((DWORD)error);
    }
    return out;
}

static void *call_virtual_alloc(void *at, size_t bytes, unsigned long kind, unsigned long rights)
{
    return fails((kind & MEM_RESET) != 0U) ? NULL : lamina_windows_virtual_alloc(at, bytes, kind, rights);
}

static void *call_virtual_alloc_node(void *at, size_t bytes, unsigned long kind, unsigned long rights,
                                     unsigned long node)
{
    return fails(false) ? NULL : lamina_windows_virtual_alloc_node(at, bytes, kind, rights, node);
}

static int call_virtual_protect(void *at, size_t bytes, unsigned long rights, unsigned long *before)
{
    return fails(false) ? 0 : lamina_windows_virtual_protect(at, bytes, rights, before);
}

static int call_virtual_lock(void *at, size_t bytes)
{
    return fails(false) ? 0 : lamina_windows_virtual_lock(at, bytes);
}

static int call_get_working_set(size_t *least, size_t *most)
{
    return fails(false) ? 0 : lamina_windows_get_working_set(least, most);
}

static int call_set_working_set(size_t least, size_t most)
{
    return fails(false) ? 0 : lamina_windows_set_working_set(least, most);
}

static int call_query_pages(void *pages, unsigned long bytes)
{
    return fails(false) ? 0 : lamina_windows_query_pages(pages, bytes);
}

static int call_node_list(void *list, unsigned long *bytes)
{
    return fails(false) ? 0 : lamina_windows_node_list(list, bytes);
}

static int call_node_of_processor(const void *processor, unsigned short *node)
{
    return fails(false) ? 0 : lamina_windows_node_of_processor(processor, node);
}

/* This one answers by its status alone: a failure is any negative number, here the code that was injected. */
static long call_gen_random(void *out, unsigned long bytes)
{
    int error = 0;
    long answer = 0;
    if (lamina_injector_fails_(false, &error)) {
        answer = (error < 0) ? error : -1;
    } else {
        answer = lamina_windows_gen_random(out, bytes);
    }
    return answer;
}

static void *call_aligned_malloc(size_t bytes, size_t align)
{
    return fails(false) ? NULL : lamina_windows_aligned_malloc(bytes, align);
}

static unsigned long call_fls_alloc(void (*ended)(void *value))
{
    return fails(false) ? FLS_OUT_OF_INDEXES : lamina_windows_fls_alloc(ended);
}

static int call_fls_set(unsigned long key, void *value)
{
    return fails(false) ? 0 : lamina_windows_fls_set(key, value);
}

static int call_virtual_free(void *at, size_t bytes, unsigned long kind)
{
    return fails(true) ? 0 : lamina_windows_virtual_free(at, bytes, kind);
}

static int call_virtual_unlock(void *at, size_t bytes)
{
    return fails(true) ? 0 : lamina_windows_virtual_unlock(at, bytes);
}

/* clang-format off */
#define DEFAULT_CALLS \
    { \
        .virtual_alloc = call_virtual_alloc, \
        .virtual_alloc_node = call_virtual_alloc_node, \
        .virtual_protect = call_virtual_protect, \
        .virtual_lock = call_virtual_lock, \
        .get_working_set = call_get_working_set, \
        .set_working_set = call_set_working_set, \
        .query_pages = call_query_pages, \
        .node_list = call_node_list, \
        .node_of_processor = call_node_of_processor, \
        .gen_random = call_gen_random, \
        .aligned_malloc = call_aligned_malloc, \
        .fls_alloc = call_fls_alloc, \
        .fls_set = call_fls_set, \
        .virtual_free = call_virtual_free, \
        .virtual_unlock = call_virtual_unlock, \
        .aligned_free = lamina_windows_aligned_free, \
        .system_info = lamina_windows_system_info, \
        .large_page = lamina_windows_large_page, \
        .virtual_query = lamina_windows_virtual_query, \
        .tls_alloc = lamina_windows_tls_alloc, \
        .tls_set = lamina_windows_tls_set, \
        .tls_get = lamina_windows_tls_get, \
        .fls_get = lamina_windows_fls_get, \
        .write_error = lamina_windows_write_error, \
        .yield = lamina_windows_yield, \
        .lock = lamina_windows_lock, \
        .try_lock = lamina_windows_try_lock, \
        .unlock = lamina_windows_unlock, \
    }
/* clang-format on */

const lamina_os_call_table lamina_os_calls_default = DEFAULT_CALLS;
lamina_os_call_table lamina_os_calls = DEFAULT_CALLS;

#else
typedef int lamina_os_table_is_for_tests; /* ISO C has no empty files */
#endif
