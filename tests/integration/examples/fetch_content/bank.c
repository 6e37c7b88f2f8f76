/* bank: a day in a bank with two tellers, simulated event by event. */
#include <stdio.h>
#include <stdlib.h>

#include "events.h"

typedef enum { ARRIVAL, DEPARTURE } kind_t;

typedef struct event {
    struct event *next;
    unsigned time;
    kind_t kind;
} event_t;

static events_t memory;
static event_t *agenda; /* sorted by time, earliest first */
static unsigned long random_state = 1;

static unsigned random_below(unsigned limit)
{
    random_state = (random_state * 1103515245UL + 12345UL) & 0x7fffffffUL;
    return (unsigned)(random_state >> 8) % limit;
}

static void plan(unsigned time, kind_t kind)
{
    event_t *const event = events_alloc(&memory);
    if (event == NULL) {
        fputs("bank: too many events\n", stderr);
        exit(1);
    }
    event_t **place = &agenda;
    while (*place != NULL && (*place)->time <= time) {
        place = &(*place)->next;
    }
    *event = (event_t){.next = *place, .time = time, .kind = kind};
    *place = event;
}

int main(void)
{
    enum { TELLERS = 2, CLOSING = 8 * 60 };
    unsigned waiting = 0;
    unsigned busy = 0;
    unsigned arrived = 0;
    unsigned served = 0;

    if (events_init(&memory) != LAMINA_OK) {
        return 1;
    }
    /* The customers of the day are known in the morning; the departures come up as they are served. */
    for (unsigned time = random_below(8); time < CLOSING; time += random_below(8)) {
        plan(time, ARRIVAL);
    }
    while (agenda != NULL) {
        event_t *const event = agenda;
        const unsigned now = event->time;
        agenda = event->next;
        if (event->kind == ARRIVAL) {
            arrived++;
            waiting++;
        } else {
            busy--;
            served++;
        }
        events_free(&memory, event);
        while (waiting > 0 && busy < TELLERS) {
            waiting--;
            busy++;
            plan(now + 1 + random_below(10), DEPARTURE);
        }
    }
    events_destroy(&memory);
    printf("%u came, %u were served\n", arrived, served);
    return arrived == served && arrived > 0 ? 0 : 1;
}
