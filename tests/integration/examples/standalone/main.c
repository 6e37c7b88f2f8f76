/* A controller's timers, built by hand: cc -c *.c in the generated folder, then this file and a link. */
#include <stdio.h>

#include "timers.h"

typedef struct timer {
    struct timer *next;
    unsigned due;
    unsigned period; /* 0 for a timer that fires once */
    char name;
} timer_entry_t;

static timers_t memory;
static timer_entry_t *pending;

static int start(unsigned due, unsigned period, char name)
{
    timer_entry_t *const timer = timers_alloc(&memory);
    if (timer == NULL) {
        return -1;
    }
    timer_entry_t **place = &pending;
    while (*place != NULL && (*place)->due <= due) {
        place = &(*place)->next;
    }
    *timer = (timer_entry_t){.next = *place, .due = due, .period = period, .name = name};
    *place = timer;
    return 0;
}

int main(void)
{
    if (timers_init(&memory) != LAMINA_OK || start(3, 3, 'a') != 0 || start(5, 0, 'b') != 0 || start(2, 4, 'c') != 0) {
        return 1;
    }
    for (unsigned now = 0; now <= 10; now++) {
        while (pending != NULL && pending->due <= now) {
            timer_entry_t *const timer = pending;
            pending = timer->next;
            printf("%u%c ", now, timer->name);
            if (timer->period > 0 && start(now + timer->period, timer->period, timer->name) != 0) {
                return 1;
            }
            timers_free(&memory, timer);
        }
    }
    putchar('\n');
    while (pending != NULL) {
        timer_entry_t *const timer = pending;
        pending = timer->next;
        timers_free(&memory, timer);
    }
    timers_destroy(&memory);
    return 0;
}
