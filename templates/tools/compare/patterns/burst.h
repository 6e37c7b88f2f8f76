/* Bursts with reset: `live` objects are allocated, then all end at once. An allocator without reset frees each. */
static APART void NAME(burst_prepare)(subject_t *self, plan *b)
{
    (void)self;
    b->per_turn = b->live;
}

static APART void NAME(burst_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    void **const objects = b->objects;
    const size_t live = b->live;
    for (size_t turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < live; i++) {
            objects[i] = NAME(take)(self, i, i);
        }
        NAME(peak)(live);
        NAME(empty)(self, b);
    }
}
