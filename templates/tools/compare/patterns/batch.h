/* Batches: `live` objects are allocated, then all are freed, in the plan's order. */
static APART void NAME(batch_prepare)(subject_t *self, plan *b)
{
    (void)self;
    b->per_turn = b->live;
}

static APART void NAME(batch_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    void **const objects = b->objects;
    const uint32_t *const order = b->order;
    const size_t live = b->live;
    for (size_t turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < live; i++) {
            objects[i] = NAME(take)(self, i, i);
        }
        NAME(peak)(live);
        for (size_t i = 0; i < live; i++) {
            const size_t at = order[i];
            NAME(give)(self, objects[at], at);
        }
    }
}
