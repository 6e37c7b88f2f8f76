/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: being told when a thread ends and when the process forks.
 *
 * The caller brings the memory: a hook is an object that stays where it is while it is registered, so that
 * registering allocates nothing. Its fields are the runtime's own; all zero is "not registered". Errors as in os.h.
 */
#ifndef LAMINA_HOOKS_H
#define LAMINA_HOOKS_H

#include "core.h"

LAMINA_EXTERN_C_BEGIN

/* ------------------------------------------------ A thread's end ---------------------------------------------- */

typedef struct lamina_thread_hook {
    struct lamina_thread_hook *next;
    void (*call)(void *context);
    void *context;
} lamina_thread_hook;

/* Has `call(context)` called on the calling thread when it ends, before its thread-local variables are gone: the
 * hook may be one of them only where the language destroys nothing of theirs first, as in C. The last one
 * registered is called first, each once, and by then is no longer registered. A hook may allocate, free, and
 * register hooks, which are called in turn. The main thread's are called when it ends by itself (pthread_exit) and,
 * on most systems, not when the program ends. Where a thread of Windows runs fibers, hooks belong to the fiber that
 * registered them: they are called when it is deleted, on the thread that deletes it, or when its thread ends while
 * it runs; those of fibers that wait at that moment and are never deleted are never called. EINVAL: a null pointer,
 * or a hook that this thread has registered already. EAGAIN or ENOMEM: the system has no key left for it, or no
 * memory. */
LAMINA_NODISCARD bool lamina_thread_hook_add(lamina_thread_hook *hook, void (*call)(void *context), void *context);

/* Takes it back, on the thread that registered it. False, with EINVAL, if it isn't registered there. */
bool lamina_thread_hook_remove(lamina_thread_hook *hook);

/* ----------------------------------------------------- Fork --------------------------------------------------- */

/* Any of the three may be NULL. */
typedef struct lamina_fork_hook {
    struct lamina_fork_hook *next;
    struct lamina_fork_hook *previous;
    void (*before)(void *context);    /* in the parent, before: take the lock */
    void (*in_parent)(void *context); /* in the parent, after: release it */
    void (*in_child)(void *context);  /* in the child, after: release it, or make the state new */
    void *context;
} lamina_fork_hook;

/* Registers a hook for every later fork() of any thread. The `before` are called from the last registered to the
 * first, the others from the first to the last, so that locks are taken in one order. A hook must not register or
 * remove hooks. Without a fork (Windows) it is kept and never called. EINVAL: a null pointer, or already registered.
 * ENOMEM: the system can't remember it. */
LAMINA_NODISCARD bool lamina_fork_hook_add(lamina_fork_hook *hook);

/* Takes it back; any thread. False, with EINVAL, if it isn't registered. */
bool lamina_fork_hook_remove(lamina_fork_hook *hook);

/* Between the lists and the platform: the calling thread's list, what to do at its end, and what to do at a fork. */
bool lamina_thread_hooks_set_(lamina_thread_hook *first);
lamina_thread_hook *lamina_thread_hooks_get_(void);
void lamina_thread_hooks_run_(void *first);
bool lamina_fork_hooks_install_(void);
void lamina_fork_hooks_before_(void);
void lamina_fork_hooks_in_parent_(void);
void lamina_fork_hooks_in_child_(void);

LAMINA_EXTERN_C_END

#endif /* LAMINA_HOOKS_H */
