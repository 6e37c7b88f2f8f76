/* Last in, first out: one object is allocated and freed again, over and over. What frees only back to a mark does that. */
static APART void NAME(lifo_prepare)(subject_t *self, plan *b)
{
    (void)self;
    b->per_turn = 1024U;
}

static APART void NAME(lifo_run)(subject_t *self, plan *b, size_t turns)
{
    OPAQUE(self);
    const size_t n = turns * b->per_turn;
    for (size_t i = 0; i < n; i++) {
#if SUBJECT_FREES || !SUBJECT_MARKS
        void *const object = NAME(take)(self, i, i);
        NAME(peak)(1U);
        NAME(give)(self, object, i);
#else
        const size_t mark = subject_mark(self);
        void *const object = NAME(take)(self, i, i);
        NAME(peak)(1U);
        NAME(verify)(object, i);
        if (!EXPECT(subject_rewind(self, mark))) {
            compare_damaged(i);
        }
#endif
    }
}
