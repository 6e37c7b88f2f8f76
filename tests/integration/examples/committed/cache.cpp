// cache: a least-recently-used cache whose capacity is the slab's. The slab being full is what evicts.
#include <cstdio>
#include <initializer_list>
#include <new>

#include "cache_entry.h"

namespace {

struct Entry {
    Entry *newer;
    Entry *older;
    long key;
    long value;
};
static_assert(sizeof(Entry) <= CACHE_ENTRY_PAYLOAD_BYTES, "an entry must fit its slot");

class Cache {
  public:
    Cache() : ready_(cache_entry_init(&memory_) == LAMINA_OK) { ends_.newer = ends_.older = &ends_; }
    Cache(const Cache &) = delete;
    Cache &operator=(const Cache &) = delete;
    ~Cache()
    {
        while (ends_.newer != &ends_) {
            drop(ends_.newer);
        }
        if (ready_) {
            cache_entry_destroy(&memory_);
        }
    }

    bool ready() const { return ready_; }

    template <typename Compute> long get(long key, Compute compute)
    {
        for (Entry *entry = ends_.older; entry != &ends_; entry = entry->older) {
            if (entry->key == key) {
                hits++;
                unlink(entry);
                link(entry);
                return entry->value;
            }
        }
        misses++;
        void *memory = cache_entry_alloc(&memory_);
        if (memory == nullptr) {
            drop(ends_.newer);
            memory = cache_entry_alloc(&memory_);
        }
        Entry *const entry = new (memory) Entry{nullptr, nullptr, key, compute(key)};
        link(entry);
        return entry->value;
    }

    unsigned hits = 0;
    unsigned misses = 0;

  private:
    // ends_.older is the newest entry and ends_.newer the oldest: the list is a ring through ends_.
    void link(Entry *entry)
    {
        entry->newer = &ends_;
        entry->older = ends_.older;
        ends_.older->newer = entry;
        ends_.older = entry;
    }
    void unlink(Entry *entry)
    {
        entry->newer->older = entry->older;
        entry->older->newer = entry->newer;
    }
    void drop(Entry *entry)
    {
        unlink(entry);
        cache_entry_free(&memory_, entry);
    }

    cache_entry_t memory_;
    Entry ends_{nullptr, nullptr, 0, 0};
    bool ready_;
};

} // namespace

int main()
{
    Cache cache;
    if (!cache.ready()) {
        return 1;
    }
    const auto square = [](long key) { return key * key; };
    long sum = 0;
    // The first eight fit; the ninth evicts the one used longest ago, which is 1 because 0 was asked for again.
    for (const long key : {0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L, 0L, 8L, 0L, 1L}) {
        sum += cache.get(key, square);
    }
    std::printf("%u hits, %u misses, sum %ld\n", cache.hits, cache.misses, sum);
    return 0;
}
