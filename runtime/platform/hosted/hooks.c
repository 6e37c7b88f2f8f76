/* SPDX-License-Identifier: MIT */
/* Lists of hooks, which are the same on every platform: see lamina/hooks.h. */
#include "lamina/hooks.h"
#include "lamina/thread.h"

/* --------------------------------------------------- Threads -------------------------------------------------- */

/* A thread's list belongs to that thread alone: the platform keeps the pointer to its first hook. */

static bool is_listed(const lamina_thread_hook *hook)
{
    const lamina_thread_hook *at = lamina_thread_hooks_get_();
    while ((at != NULL) && (at != hook)) {
        at = at->next;
    }
    return at != NULL;
}

bool lamina_thread_hook_add(lamina_thread_hook *hook, void (*call)(void *context), void *context)
{
    if ((hook == NULL) || (call == NULL) || is_listed(hook)) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return false;
    }
    const lamina_thread_hook before = *hook;
    hook->next = lamina_thread_hooks_get_();
    hook->call = call;
    hook->context = context;
    const bool ok = lamina_thread_hooks_set_(hook);
    if (!ok) {
        *hook = before;
    }
    return ok;
}

bool lamina_thread_hook_remove(lamina_thread_hook *hook)
{
    if ((hook == NULL) || !is_listed(hook)) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
        return false;
    }
    lamina_thread_hook *at = lamina_thread_hooks_get_();
    bool ok = true;
    if (at == hook) {
        ok = lamina_thread_hooks_set_(hook->next);
    } else {
        while (at->next != hook) {
            at = at->next;
        }
        at->next = hook->next;
    }
    if (ok) {
        hook->next = NULL;
    }
    return ok;
}

/* Runs at the thread's end. The platform has forgotten the list by then and hands over its first hook; it is put back
 * so that a hook which registers another finds it, and is taken off before it is called, since it may be gone after.
 * What ends may be a fiber instead, while the one that ends it goes on and has a list of its own, which is put aside. */
void lamina_thread_hooks_run_(void *first)
{
    lamina_thread_hook *hook = (lamina_thread_hook *)first;
    lamina_thread_hook *const aside = lamina_thread_hooks_get_(); /* or what ends: a platform that forgets later */
    while (hook != NULL) {
        lamina_thread_hook *const next = hook->next;
        const bool kept = lamina_thread_hooks_set_(next);
        hook->next = NULL;
        hook->call(hook->context);
        hook = kept ? lamina_thread_hooks_get_() : next;
    }
    if ((aside != NULL) && (aside != first)) {
        (void)lamina_thread_hooks_set_(aside);
    }
}

/* ----------------------------------------------------- Fork --------------------------------------------------- */

static lamina_mutex_t fork_lock = LAMINA_MUTEX_INIT; /* guards what follows, and is held across a fork */
static lamina_fork_hook *first_fork_hook;
static lamina_fork_hook *last_fork_hook;
static bool installed; /* the system tells us of forks */

static bool fork_hook_is_listed(const lamina_fork_hook *hook)
{
    const lamina_fork_hook *at = first_fork_hook;
    while ((at != NULL) && (at != hook)) {
        at = at->next;
    }
    return at != NULL;
}

void lamina_fork_hooks_before_(void)
{
    lamina_mutex_lock(&fork_lock);
    for (lamina_fork_hook *at = last_fork_hook; at != NULL; at = at->previous) {
        if (at->before != NULL) {
            at->before(at->context);
        }
    }
}

void lamina_fork_hooks_in_parent_(void)
{
    for (lamina_fork_hook *at = first_fork_hook; at != NULL; at = at->next) {
        if (at->in_parent != NULL) {
            at->in_parent(at->context);
        }
    }
    lamina_mutex_unlock(&fork_lock);
}

void lamina_fork_hooks_in_child_(void)
{
    for (lamina_fork_hook *at = first_fork_hook; at != NULL; at = at->next) {
        if (at->in_child != NULL) {
            at->in_child(at->context);
        }
    }
    lamina_mutex_init(&fork_lock); /* those who waited for it are not in this process */
}

bool lamina_fork_hook_add(lamina_fork_hook *hook)
{
    bool ok = false;
    lamina_mutex_lock(&fork_lock);
    if ((hook == NULL) || fork_hook_is_listed(hook)) {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    } else {
        installed = installed || lamina_fork_hooks_install_();
        ok = installed;
    }
    if (ok) {
        hook->next = NULL;
        hook->previous = last_fork_hook;
        if (last_fork_hook != NULL) {
            last_fork_hook->next = hook;
        } else {
            first_fork_hook = hook;
        }
        last_fork_hook = hook;
    }
    lamina_mutex_unlock(&fork_lock);
    return ok;
}

bool lamina_fork_hook_remove(lamina_fork_hook *hook)
{
    lamina_mutex_lock(&fork_lock);
    const bool ok = (hook != NULL) && fork_hook_is_listed(hook);
    if (ok) {
        lamina_fork_hook **const to_it = (hook->previous != NULL) ? &hook->previous->next : &first_fork_hook;
        lamina_fork_hook **const back = (hook->next != NULL) ? &hook->next->previous : &last_fork_hook;
        *to_it = hook->next;
        *back = hook->previous;
        hook->next = NULL;
        hook->previous = NULL;
    } else {
        lamina_set_last_os_error(LAMINA_OS_ERROR_INVALID);
    }
    lamina_mutex_unlock(&fork_lock);
    return ok;
}
