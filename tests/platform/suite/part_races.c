/* SPDX-License-Identifier: MIT */
/*
 * A watermark that several threads grow while the system refuses some of it: through the table of the testing
 * build, one commit or all from one on. No refusal moves it, none makes a gap, no page is promised to two,
 * nothing stays mapped.
 */
#include "suite.h"

#include "lamina/commit.h"
#include "lamina/os_table.h"

enum { THREADS = 4, PAGES = 96, STEP = 3, REFUSED = 12 };

typedef struct race {
    lamina_commit_t mark;
    size_t page;
    size_t next;      /* page that nobody has asked for yet */
    uint32_t arrived; /* threads, over all their meetings */
    unsigned refusals[THREADS];
    bool good[THREADS];
    unsigned k;     /* the commit that is refused, from 1 */
    bool for_good;  /* and whether all after it are, too */
    size_t reached; /* where the watermark stood when the threads were done */
} race;

static void meet(race *r, uint32_t meeting)
{
    (void)lamina_atomic_fetch_add_u32_acq_rel(&r->arrived, 1U);
    while (lamina_atomic_load_u32_acquire(&r->arrived) < meeting * THREADS) {
        lamina_thread_yield();
    }
}

/* Asks for pages until all are had or, where refusals don't end, until one comes. Each page belongs to
 * whoever took its number, and is written to once. */
static void take_pages(race *r, unsigned i)
{
    size_t number = lamina_atomic_fetch_add_size_relaxed(&r->next, 1U);
    size_t seen_before = 0U;
    r->good[i] = true;
    while (number < PAGES) {
        const size_t need = (number + 1U) * r->page;
        lamina_set_last_os_error(SUITE_UNTOUCHED);
        const bool had = lamina_commit_to_shared(&r->mark, need);
        const size_t seen = lamina_atomic_load_size_acquire(&r->mark.committed);
        /* It only rises, in whole steps; whoever is answered true has what it asked for, and no error. */
        r->good[i] = r->good[i] && (seen >= seen_before) && (seen % (STEP * r->page) == 0U) &&
                     (!had || (seen >= need)) &&
                     (lamina_last_os_error() == (had ? SUITE_UNTOUCHED : REFUSED));
        seen_before = seen;
        if (had) {
            unsigned char *const mine = r->mark.base + number * r->page; /* faults where it isn't usable */
            r->good[i] = r->good[i] && (mine[0] == 0U);
            mine[0] = (unsigned char)(i + 1U);
            number = lamina_atomic_fetch_add_size_relaxed(&r->next, 1U);
        } else {
            r->refusals[i]++;
            if (r->for_good) {
                break;
            }
        }
    }
}

/* Mappings are counted while all threads live, because a thread's own come and go with it. */
static void body(unsigned i, void *context)
{
    race *const r = (race *)context;
    static host_memory kept;
    meet(r, 1U);
    if (i == 0U) {
        kept = host_memory_now();
        EXPECT(lamina_commit_init(&r->mark, PAGES * r->page, 1U, STEP * r->page));
        /* The injector makes the runtime forget the page size; what asking for it anew costs isn't counted as
         * a commit. */
        lamina_fail_at(0U, 0);
        (void)lamina_os_page_size();
        const unsigned asking = lamina_calls_made();
        if (r->for_good) {
            lamina_fail_from(asking + r->k, REFUSED);
        } else {
            lamina_fail_at(asking + r->k, REFUSED);
        }
        (void)lamina_os_page_size();
    }
    meet(r, 2U);
    take_pages(r, i);
    meet(r, 3U);
    if (i == 0U) {
        lamina_fail_off();
        r->reached = r->mark.committed;
        for (size_t page = 0; page < PAGES; page++) {
            const bool usable = page * r->page < r->reached;
            EXPECT(host_faults(r->mark.base + page * r->page, HOST_READ) == !usable);
        }
        EXPECT(lamina_commit_to(&r->mark, PAGES * r->page)); /* the system gives again */
        EXPECT(r->mark.committed == PAGES * r->page);
        for (size_t page = 0; page < PAGES; page++) {
            const unsigned owner = r->mark.base[page * r->page];
            EXPECT((owner <= THREADS) && (r->for_good || (owner != 0U)));
        }
        EXPECT(lamina_commit_release(&r->mark));
        EXPECT_MAPPED_AS(kept);
    }
    meet(r, 4U);
}

static void run(unsigned k, bool for_good, size_t page)
{
    static race r;
    static const race empty;
    unsigned refusals = 0U;
    r = empty;
    r.page = page;
    r.k = k;
    r.for_good = for_good;
    EXPECT(host_threads(THREADS, body, &r));
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT(r.good[i]);
        refusals += r.refusals[i];
    }
    EXPECT(refusals == lamina_calls_failed()); /* who was refused was told, and nobody else */
    if (for_good) {
        EXPECT((refusals >= 1U) && (refusals <= THREADS));
        /* Nobody asks for more than a page of its own at once, and commits that and what rounds it up. */
        EXPECT(r.reached <= (size_t)(k - 1U) * (THREADS + STEP) * page);
    } else {
        EXPECT((refusals == 1U) && (r.reached == PAGES * page));
    }
}

void part_races(void)
{
    const size_t page = lamina_os_page_size();
    CASE("watermark",
         "several threads grow it and one commit is refused: no gap, nothing twice, nothing left mapped")
    {
        for (unsigned k = 1U; k <= 12U; k++) {
            run(k, false, page);
        }
    }
    CASE("watermark",
         "several threads grow it and the system runs dry: it stays where the last commit brought it")
    {
        for (unsigned k = 1U; k <= 12U; k++) {
            run(k, true, page);
        }
    }
}
