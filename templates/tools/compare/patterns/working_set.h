/* A working set of random sizes and lifetimes: each step picks a place at random; the object there is freed, or where
 * there is none one is allocated. After two rounds of all picks each place is as it was before. */
static APART void NAME(working_set_prepare)(subject_t *self, plan *b)
{
    (void)self;
    for (size_t i = 0; i < b->live; i++) {
        b->objects[i] = NULL;
    }
    b->per_turn = PICKS;
}

static APART void NAME(working_set_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    void **const objects = b->objects;
    const uint32_t *const picks = b->picks;
    const size_t steps = turns * 2U * PICKS;
    for (size_t i = 0; i < steps; i++) {
        const size_t at = picks[i & (PICKS - 1U)];
        void *const object = objects[at];
        if (object != NULL) {
            objects[at] = NULL;
            NAME(give)(self, object, at);
        } else {
            objects[at] = NAME(take)(self, i, at);
        }
    }
    NAME(peak)(0U);
}
