/* SPDX-License-Identifier: MIT */
/*
 * The fault injector: see lamina/os_table.h. Part of the testing library only. The platform's table asks it at each
 * call, so that injecting never swaps the table and is safe while other threads are inside the runtime. Without
 * LAMINA_OS_TABLE, as where a folder's files are compiled as they are, there is nothing in it.
 */
#if defined(LAMINA_OS_TABLE)
#include "lamina/os_table.h"

void lamina_os_forget_page_size_(void); /* the platform's os.c */

/* All fields are accessed by atomic operations. The calls of different threads are numbered in the order in which
 * they come to fetch_add, so that exactly one of them is the k-th. */
typedef struct call_counter {
    unsigned made;
    unsigned first; /* number of the first call to fail; 0: none */
    unsigned last;  /* and of the last */
    int error;
} call_counter;

static call_counter acquiring;
static call_counter releasing;
static unsigned failed;

static void arm(call_counter *counter, unsigned first, unsigned last, int error)
{
    __atomic_store_n(&counter->first, 0U, __ATOMIC_SEQ_CST); /* quiet while the rest changes */
    __atomic_store_n(&counter->last, last, __ATOMIC_SEQ_CST);
    __atomic_store_n(&counter->error, error, __ATOMIC_SEQ_CST);
    __atomic_store_n(&acquiring.made, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&releasing.made, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&failed, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&counter->first, first, __ATOMIC_SEQ_CST);
    lamina_os_forget_page_size_();
}

void lamina_fail_at(unsigned k, int error)
{
    arm(&acquiring, k, k, error);
}

void lamina_fail_from(unsigned k, int error)
{
    arm(&acquiring, k, UINT_MAX, error);
}

void lamina_fail_release_at(unsigned k, int error)
{
    arm(&releasing, k, k, error);
}

void lamina_fail_off(void)
{
    __atomic_store_n(&acquiring.first, 0U, __ATOMIC_SEQ_CST);
    __atomic_store_n(&releasing.first, 0U, __ATOMIC_SEQ_CST);
}

unsigned lamina_calls_made(void)
{
    return __atomic_load_n(&acquiring.made, __ATOMIC_SEQ_CST);
}

unsigned lamina_release_calls_made(void)
{
    return __atomic_load_n(&releasing.made, __ATOMIC_SEQ_CST);
}

unsigned lamina_calls_failed(void)
{
    return __atomic_load_n(&failed, __ATOMIC_SEQ_CST);
}

bool lamina_injector_fails_(bool gives_back, int *error)
{
    call_counter *const counter = gives_back ? &releasing : &acquiring;
    const unsigned number = __atomic_add_fetch(&counter->made, 1U, __ATOMIC_SEQ_CST);
    const unsigned first = __atomic_load_n(&counter->first, __ATOMIC_SEQ_CST);
    const bool out =
        (first != 0U) && (number >= first) && (number <= __atomic_load_n(&counter->last, __ATOMIC_SEQ_CST));
    if (out) {
        __atomic_add_fetch(&failed, 1U, __ATOMIC_SEQ_CST);
        *error = __atomic_load_n(&counter->error, __ATOMIC_SEQ_CST);
    }
    return out;
}

#else
typedef int lamina_fault_injector_is_for_tests; /* ISO C has no empty files */
#endif
