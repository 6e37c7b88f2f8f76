/* Producer and consumer: the thread that brought the allocator to life allocates, another one frees. Objects go through
 * a ring of `live` places, a power of two, with one writer and one reader. Who finds it full, or empty, yields. */
#ifndef COMPARE_HANDOVER_H
#define COMPARE_HANDOVER_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

/* The ring's two ends lie apart, so that neither thread's writes disturb the other's reads. */
typedef struct handover {
    _Alignas(128) size_t put; /* objects that went in: the producer's */
    _Alignas(128) size_t got; /* objects that came out: the consumer's */
    _Alignas(128) sem_t work; /* to the consumer: there is something to do */
    sem_t rest;               /* to the producer: it is done */
    size_t todo;
    subject_t *self;
    plan *b;
} handover;

static handover channel;
#endif /* COMPARE_HANDOVER_H */

static void *NAME(handover_consume)(void *unused)
{
    (void)unused;
    for (;;) {
        while (sem_wait(&channel.work) != 0) {
        }
        subject_t *const self = channel.self;
        void **const objects = channel.b->objects;
        const size_t mask = channel.b->live - 1U;
        size_t got = channel.got;
        for (const size_t end = got + channel.todo; got != end; got++) {
            while (__atomic_load_n(&channel.put, __ATOMIC_ACQUIRE) == got) {
                (void)sched_yield();
            }
            NAME(give)(self, objects[got & mask], got);
            __atomic_store_n(&channel.got, got + 1U, __ATOMIC_RELEASE);
        }
        (void)sem_post(&channel.rest);
    }
    return NULL;
}

static APART void NAME(handover_prepare)(subject_t *self, plan *b)
{
    pthread_t consumer;
    channel.self = self;
    channel.b = b;
    channel.put = channel.got = 0;
    if ((sem_init(&channel.work, 0, 0) != 0) || (sem_init(&channel.rest, 0, 0) != 0) ||
        (pthread_create(&consumer, NULL, NAME(handover_consume), NULL) != 0)) {
        abort();
    }
    b->per_turn = b->live;
}

static APART void NAME(handover_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    void **const objects = b->objects;
    const size_t mask = b->live - 1U;
    const size_t share = b->lockstep ? b->live : turns * b->live; /* what the consumer is told to expect at a time */
    size_t put = channel.put;
    for (const size_t end = put + turns * b->live; put != end;) {
        channel.todo = share;
        if (!b->lockstep) {
            (void)sem_post(&channel.work);
        }
        for (const size_t stop = put + share; put != stop; put++) {
            while (put - __atomic_load_n(&channel.got, __ATOMIC_ACQUIRE) > mask) {
                (void)sched_yield();
            }
            objects[put & mask] = NAME(take)(self, put, put);
            __atomic_store_n(&channel.put, put + 1U, __ATOMIC_RELEASE);
        }
        NAME(peak)(0U);
        if (b->lockstep) {
            (void)sem_post(&channel.work);
        }
        while (sem_wait(&channel.rest) != 0) {
        }
    }
}
