/* SPDX-License-Identifier: MIT-0 */
#include "auth_service.h"

#include "../cold.h"
#include "lamina/os.h"

static const size_t levels[AUTH_SERVICE_WATERMARK_LEVELS] = {768U, 972U}; /* 75 % and 95 % of 1,024 */

static floor_slab cold_view(const auth_service_t *self)
{
    const floor_slab out = {"auth_service", self->slab.base, self->slab.carved, AUTH_SERVICE_SLOT_COUNT,
                            AUTH_SERVICE_SLOT_BYTES};
    return out;
}

static bool rests_untouched(const unsigned char *slot)
{
    return (slot == NULL) || (lamina_load_ptr(slot) == slot);
}

static lamina_corruption found_at_rest(const unsigned char *slot)
{
    return floor_event("auth_service", "quarantine", "written while in quarantine", slot, (uintptr_t)slot,
                       lamina_load_u64(slot));
}

bool auth_service_refill(auth_service_t *self)
{
    if (self->slab.carved == AUTH_SERVICE_SLOT_COUNT) {
        return false;
    }
    self->slab.head = floor_link(self->slab.base + self->slab.carved * AUTH_SERVICE_SLOT_BYTES,
                                 AUTH_SERVICE_BATCH_SLOTS, AUTH_SERVICE_SLOT_BYTES, NULL);
    self->slab.carved += AUTH_SERVICE_BATCH_SLOTS;
    return true;
}

static void tell(const auth_service_t *self, size_t level, bool rising)
{
    if (self->use.handler != NULL) {
        self->use.handler(self->use.context, level, self->use.live, rising);
    }
}

/* A level is told when it is reached, and once more when use falls below it. */
void auth_service_level_changed(auth_service_t *self)
{
    while ((self->use.level < AUTH_SERVICE_WATERMARK_LEVELS) && (self->use.live >= levels[self->use.level])) {
        tell(self, ++self->use.level, true);
    }
    while ((self->use.level > 0U) && (self->use.live < levels[self->use.level - 1U])) {
        tell(self, self->use.level, false);
        self->use.level--;
    }
    self->use.upper = (self->use.level < AUTH_SERVICE_WATERMARK_LEVELS) ? levels[self->use.level] : SIZE_MAX;
    self->use.lower = (self->use.level > 0U) ? levels[self->use.level - 1U] : 0U;
}

void auth_service_free_stray(auth_service_t *self, void *ptr)
{
    const floor_slab slab = cold_view(self);
    if (ptr != NULL) {
        floor_report_stray(&slab, ptr);
    }
}

void auth_service_written_at_rest(const unsigned char *slot)
{
    const lamina_corruption event = found_at_rest(slot);
    lamina_corruption_abort(&event);
}

void auth_service_free_missized(void *ptr, size_t size)
{
    floor_report_size("auth_service", ptr, AUTH_SERVICE_PAYLOAD_BYTES, size);
}

lamina_status auth_service_init(auth_service_t *self)
{
    unsigned char *const base = (unsigned char *)lamina_os_map(AUTH_SERVICE_MAP_BYTES, 0U);
    if (base == NULL) {
        return LAMINA_ERR_OS;
    }
    memset(self, 0, sizeof *self);
    self->mmap.base = base;
    self->slab.base = base;
    self->use.upper = levels[0];
    return LAMINA_OK;
}

/* Whoever wrote to a token that still rests is told before all end. */
static void report_what_rests(const auth_service_t *self)
{
    for (size_t i = 0; i < AUTH_SERVICE_QUARANTINE_SLOTS; i++) {
        if (!rests_untouched(self->quarantine.held[i])) {
            auth_service_written_at_rest(self->quarantine.held[i]);
        }
    }
}

void auth_service_destroy(auth_service_t *self)
{
    report_what_rests(self);
    (void)lamina_os_release(self->mmap.base, AUTH_SERVICE_MAP_BYTES);
    self->mmap.base = NULL;
}

void auth_service_reset(auth_service_t *self)
{
    report_what_rests(self);
    self->slab.head = NULL;
    self->slab.carved = 0;
    memset(self->quarantine.held, 0, sizeof self->quarantine.held);
    self->use.live = 0;
    auth_service_level_changed(self);
}

bool auth_service_owns(const auth_service_t *self, const void *ptr)
{
    const floor_slab slab = cold_view(self);
    return floor_index(&slab, ptr) < self->slab.carved;
}

size_t auth_service_usable_size(const auth_service_t *self, const void *ptr)
{
    return auth_service_owns(self, ptr) ? AUTH_SERVICE_PAYLOAD_BYTES : 0U;
}

size_t auth_service_capacity(const auth_service_t *self)
{
    (void)self;
    return AUTH_SERVICE_SLOT_COUNT;
}

/* By the list and not by the counter: what a damaged list hides counts as in use, as it does in the flat form. */
size_t auth_service_in_use(const auth_service_t *self)
{
    const floor_slab slab = cold_view(self);
    size_t idle = floor_list_length(&slab, self->slab.head);
    for (size_t i = 0; i < AUTH_SERVICE_QUARANTINE_SLOTS; i++) {
        idle += (self->quarantine.held[i] != NULL) ? 1U : 0U;
    }
    return (idle < self->slab.carved) ? (self->slab.carved - idle) : 0U;
}

auth_service_stats_t auth_service_stats(const auth_service_t *self)
{
    const size_t live = self->use.live;
    const auth_service_stats_t out = {.allocs = self->use.allocs,
                                      .failures = self->use.failures,
                                      .frees = self->use.allocs - live,
                                      .live = live,
                                      .peak = self->use.peak,
                                      .bytes = live * AUTH_SERVICE_PAYLOAD_BYTES,
                                      .peak_bytes = self->use.peak * AUTH_SERVICE_PAYLOAD_BYTES};
    return out;
}

void auth_service_set_watermark_handler(auth_service_t *self, auth_service_watermark_handler handler,
                                        void *context)
{
    self->use.handler = handler;
    self->use.context = context;
}

bool auth_service_check(const auth_service_t *self, lamina_corruption *event)
{
    const floor_slab slab = cold_view(self);
    size_t idle;
    if (!floor_carved_is_sane(&slab, event) || !floor_list_is_whole(&slab, self->slab.head, &idle, event)) {
        return false;
    }
    for (size_t i = 0; i < AUTH_SERVICE_QUARANTINE_SLOTS; i++) {
        if (!rests_untouched(self->quarantine.held[i])) {
            *event = found_at_rest(self->quarantine.held[i]);
            return false;
        }
        idle += (self->quarantine.held[i] != NULL) ? 1U : 0U;
    }
    if ((idle + self->use.live != self->slab.carved) || (self->use.live > self->use.peak) ||
        (self->use.live > self->use.allocs)) {
        *event = floor_event("auth_service", "statistics", "counters contradict each other", self,
                             self->slab.carved - idle, self->use.live);
        return false;
    }
    return true;
}
