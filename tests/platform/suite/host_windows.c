/* SPDX-License-Identifier: MIT */
/* What the suite needs of Windows: see suite.h. */
#include "suite.h"

#include <windows.h>

#include <setjmp.h>
#include <string.h>

int suite_main(void);

void host_put(const char *text)
{
    DWORD written = 0;
    if (!WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, (DWORD)strlen(text), &written, NULL)) {
        ExitProcess(2);
    }
}

static jmp_buf before_the_access;
static volatile LONG armed;

static void leave(void)
{
    longjmp(before_the_access, 1);
}

/* Lets the thread go on in leave() in place of the access: a jump out of the handler itself would leave the
 * system's own frames half done. */
static LONG CALLBACK on_fault(EXCEPTION_POINTERS *info)
{
    const DWORD code = info->ExceptionRecord->ExceptionCode;
    if ((armed != 0) && ((code == EXCEPTION_ACCESS_VIOLATION) || (code == STATUS_GUARD_PAGE_VIOLATION) ||
                         (code == EXCEPTION_ILLEGAL_INSTRUCTION))) {
        armed = 0;
        info->ContextRecord->Rip = (DWORD64)(uintptr_t)leave;
        info->ContextRecord->Rsp = (info->ContextRecord->Rsp & ~(DWORD64)15) - 256U - 8U; /* as after a call */
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    return EXCEPTION_CONTINUE_SEARCH;
}

bool host_faults(void *p, unsigned access)
{
    void *const handler = AddVectoredExceptionHandler(1, on_fault);
    volatile bool faulted = true;
    armed = 1;
    /* With no frame to unwind to, longjmp only restores registers. */
    if (_setjmp(before_the_access, NULL) == 0) {
        volatile unsigned char *const byte = (volatile unsigned char *)p;
        if ((access & HOST_READ) != 0U) {
            (void)*byte;
        }
        if ((access & HOST_WRITE) != 0U) {
            *byte = 1U;
        }
        if ((access & HOST_EXECUTE) != 0U) {
            void (*function)(void) = NULL;
            memcpy(&function, &p, sizeof function);
            function();
        }
        faulted = false;
    }
    armed = 0;
    (void)RemoveVectoredExceptionHandler(handler);
    return faulted;
}

static unsigned rights_of(const MEMORY_BASIC_INFORMATION *info)
{
    const DWORD rights = info->Protect & 0xFFU;
    const bool executes = (rights & (PAGE_EXECUTE | PAGE_EXECUTE_READ | PAGE_EXECUTE_READWRITE |
                                     PAGE_EXECUTE_WRITECOPY)) != 0U;
    const bool writes = (rights & (PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE |
                                   PAGE_EXECUTE_WRITECOPY)) != 0U;
    const bool reads = writes || ((rights & (PAGE_READONLY | PAGE_EXECUTE_READ)) != 0U);
    return (info->State != MEM_COMMIT) ? 0U : (reads ? 1U : 0U) | (writes ? 2U : 0U) | (executes ? 4U : 0U);
}

host_memory host_memory_now(void)
{
    host_memory out = {false, {0}, 0U};
    MEMORY_BASIC_INFORMATION info;
    const unsigned char *at = NULL;
    while (VirtualQuery(at, &info, sizeof info) == sizeof info) {
        if (info.State != MEM_FREE) {
            out.told = true;
            out.bytes[rights_of(&info)] += info.RegionSize;
        }
        at = (const unsigned char *)info.BaseAddress + info.RegionSize;
    }
    return out;
}

void *host_map_page(void)
{
    return VirtualAlloc(NULL, 4096U, MEM_RESERVE | MEM_COMMIT, PAGE_READONLY);
}

void host_unmap_page(void *p)
{
    (void)VirtualFree(p, 0U, MEM_RELEASE);
}

int host_rights(const void *p)
{
    MEMORY_BASIC_INFORMATION info;
    return (VirtualQuery(p, &info, sizeof info) == sizeof info) ? (int)rights_of(&info) : -1;
}

bool host_has_flag(const void *p, const char *flag)
{
    (void)p;
    (void)flag;
    return false;
}

bool host_has_name(const void *p, const char *name)
{
    (void)p;
    (void)name;
    return false;
}

int host_kernel_refuses(const char *ability)
{
    (void)ability;
    return SUITE_UNTOUCHED;
}

typedef struct call {
    void (*body)(unsigned i, void *context);
    void *context;
    unsigned i;
} call;

static DWORD WINAPI start(void *argument)
{
    const call *const mine = (const call *)argument;
    mine->body(mine->i, mine->context);
    return 0;
}

bool host_threads(unsigned n, void (*body)(unsigned i, void *context), void *context)
{
    HANDLE threads[16];
    call calls[16];
    unsigned started = 0U;
    while (started < n) {
        calls[started] = (call){body, context, started};
        threads[started] = CreateThread(NULL, 0, start, &calls[started], 0, NULL);
        if (threads[started] == NULL) {
            break;
        }
        started++;
    }
    for (unsigned i = 0; i < started; i++) {
        (void)WaitForSingleObject(threads[i], INFINITE);
        (void)CloseHandle(threads[i]);
    }
    return started == n;
}

int main(void)
{
    return suite_main();
}
