/* Steady churn: `live` objects live all the time; each step frees one of them, picked at random, and allocates another
 * in its place. The heap is clean at the start, or fragmented: then twice as many objects were allocated before, and
 * every other one, at random, was freed. */
static APART void NAME(churn_clean_prepare)(subject_t *self, plan *b)
{
    for (size_t i = 0; i < b->live; i++) {
        b->objects[i] = NAME(take)(self, i, i);
    }
    b->per_turn = PICKS;
}

static APART void NAME(churn_fragmented_prepare)(subject_t *self, plan *b)
{
    void **const objects = b->objects;
    const size_t all = 2U * b->live;
    for (size_t i = 0; i < all; i++) {
        objects[i] = NAME(take)(self, i, i / 2U);
    }
    NAME(peak)(0U);
    /* Of each two neighbours one goes, so that the free objects lie all over the heap. */
    for (size_t i = 0; i < b->live; i++) {
        const size_t gone = 2U * i + (b->picks[i & (PICKS - 1U)] & 1U);
        NAME(give)(self, objects[gone], i);
        objects[i] = objects[4U * i + 1U - gone];
    }
    b->per_turn = PICKS;
}

static APART void NAME(churn_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    void **const objects = b->objects;
    const uint32_t *const picks = b->picks;
    const size_t steps = turns * PICKS;
    for (size_t i = 0; i < steps; i++) {
        const size_t at = picks[i & (PICKS - 1U)];
        NAME(give)(self, objects[at], at);
        objects[at] = NAME(take)(self, i, at);
    }
    NAME(peak)(0U);
}
