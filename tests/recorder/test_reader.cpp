// SPDX-License-Identifier: MIT
//
// The reader: what traces mean, and that it trusts no byte of them.
#include "trace_build_ops.h"
#include "trace_bytes.hpp"
#include "trace_summary.h"

#include <random>

using traces::Bytes;
using traces::File;
using traces::Lane;
using traces::read;
using Calls = std::vector<std::string>;

namespace {

// A small trace with everything in it: two processes, two lanes, every kind of event.
File everything()
{
    Lane one;
    one.alloc(1, 24, 0x1000).alloc(2, UINT64_MAX / 3, 0x7FFFFFFFF000, TRACE_CALLOC).time(5000);
    one.realloc(3, 6, 0x1000, 48, 0x2000)
        .alloc(7, 100, 0x3000, TRACE_MEMALIGN, 12)
        .free(9, 0)
        .failed(10, TRACE_MALLOC, UINT64_MAX);
    one.thread(3).free(11, 0x2000).realloc(12, 13, 0, 5, 0x5000).realloc(14, 15, 0x5000, 0, 0).free(16, 0xDEAD1);
    one.leaves(17, 0x3000).failed(17, TRACE_REALLOC, UINT64_MAX - 1U, 0x3000);
    Lane two;
    two.alloc(4, 64, 0x1000).free(5, 0x1000).alloc(8, 32, 0x1000);
    File file;
    file.process(0, 17).process(1, 2, TRACE_CUT, 1).events(0, 0, one).events(0, 1, two);
    Lane child;
    child.alloc(1, 8, 0x9000).free(2, 0x1000);
    return file.events(1, 0, child);
}

std::string error_of(const Bytes &bytes, bool partial = false)
{
    return read(bytes, 0, partial).error;
}

bool says(const std::string &text, const char *what)
{
    INFO(text);
    return text.find(what) != std::string::npos;
}

} // namespace

TEST_CASE("lanes are merged by stamp, and a realloc lets go of its address before others get it")
{
    const auto found = read(everything().bytes());
    REQUIRE(found.error.empty());
    const Calls wanted = {"alloc 0 24",
                          "alloc 1 6148914691236517205",
                          "alloc 2 64",
                          "free 2 64",
                          "resize 0 48",
                          "alloc 2 100",
                          "alloc 3 32",
                          "nothing 0",
                          "fails 18446744073709551615",
                          "free 0 48",
                          "alloc 0 5",
                          "free 0 5",
                          "strange 0",
                          "fails 18446744073709551614"};
    CHECK(found.calls == wanted);
    CHECK(found.totals.calls == 14U);
    CHECK(found.totals.slots == 4U);
    CHECK(found.totals.unwritten == 0U);
    CHECK(found.raw[4].old_size == 24U);
    CHECK(found.raw[4].moved);
    CHECK(found.raw[5].align == 4096U);
    CHECK(found.raw[9].thread == 3U);
    CHECK(found.raw[2].thread == 2U);
    CHECK(found.raw[4].number == 5U); // where it ended, after the calls in between
    for (std::size_t i = 1; i < found.raw.size(); i++) {
        CHECK(found.raw[i].time >= found.raw[i - 1U].time);
    }
}

TEST_CASE("a forked process has stamps of its own, and its parent's blocks are strangers")
{
    const auto found = read(everything().bytes(), 1);
    CHECK(found.error.empty());
    CHECK(found.calls == Calls{"alloc 0 8", "strange 0"});
}

TEST_CASE("an address that is given out again without a free is told")
{
    Lane lane;
    lane.alloc(1, 10, 0x1000).alloc(2, 20, 0x1000).free(3, 0x1000);
    const auto found = read(File().process(0, 3).events(0, 0, lane).bytes());
    CHECK(found.calls == Calls{"alloc 0 10", "replaces 0 10", "alloc 0 20", "free 0 20"});
}

TEST_CASE("all calls of a lane come with its last stamp, until it takes another")
{
    Lane one, two;
    one.alloc(1, 10, 0x1000).alloc(1, 11, 0x2000).alloc(1, 12, 0x3000).free(4, 0x4000);
    two.alloc(2, 20, 0x4000).alloc(2, 21, 0x5000).free(3, 0x1000);
    const auto found = read(File().process(0, 4).events(0, 0, one).events(0, 1, two).bytes());
    CHECK(found.error.empty());
    CHECK(found.calls ==
          Calls{"alloc 0 10", "alloc 1 11", "alloc 2 12", "alloc 3 20", "alloc 4 21", "free 0 10", "free 3 20"});
}

TEST_CASE("a realloc that fails leaves its block where it was, in another's middle too")
{
    Lane lane;
    lane.alloc(1, 10, 0x1000).alloc(1, 20, 0x2000).leaves(1, 0x1000);
    lane.realloc(1, 1, 0x2000, 21, 0x3000); // a signal's handler made it
    lane.failed(1, TRACE_REALLOC, 99, 0x1000).free(1, 0x1000).free(1, 0x3000);
    lane.alloc(1, 30, 0x4000).leaves(1, 0x4000); // and one that the process was ended in
    const auto found = read(File().process(0, 1).events(0, 0, lane).bytes());
    CHECK(found.error.empty());
    CHECK(found.calls ==
          Calls{"alloc 0 10", "alloc 1 20", "resize 1 21", "fails 99", "free 0 10", "free 1 21", "alloc 1 30"});
}

TEST_CASE("a stamp that is missing is never passed over in silence")
{
    Lane lane;
    lane.alloc(1, 10, 0x1000).alloc(3, 20, 0x2000).free(4, 0x1000);
    const auto lost = read(File().process(0, 4).events(0, 0, lane).bytes());
    CHECK(says(lost.error, "calls of process 0 between stamp 1 and stamp 3 are missing"));
    // A process that was killed may have been in the middle of a call, which is counted.
    const auto killed = read(File().process(0, 4, TRACE_CUT).events(0, 0, lane).bytes());
    CHECK(killed.error.empty());
    CHECK(killed.totals.unwritten == 1U);
    // But not of a hundred.
    Lane far;
    far.alloc(1, 10, 0x1000).alloc(102, 20, 0x2000);
    CHECK(says(read(File().process(0, 102, TRACE_CUT).events(0, 0, far).bytes()).error, "are missing"));
    // Of one that still ran when the trace was finished, all before the first gap is whole,
    CHECK(read(File().process(0, 102, TRACE_STILL_RAN).events(0, 0, far).bytes()).calls == Calls{"alloc 0 10"});
    // and all up to the stamp that was the last one at the first look.
    Lane near;
    near.alloc(1, 10, 0x1000).alloc(2, 20, 0x2000).alloc(3, 30, 0x3000);
    const auto ran = read(File().process(0, 2, TRACE_STILL_RAN).events(0, 0, near).bytes());
    CHECK(ran.error.empty());
    CHECK(ran.calls == Calls{"alloc 0 10", "alloc 1 20"});
    // A last block that isn't there is missed, too.
    CHECK(says(read(File().process(0, 9).events(0, 0, near).bytes()).error,
               "between stamp 3 and stamp 10 are missing"));
}

TEST_CASE("a stamp that two lanes have is damage, and so is a call without one")
{
    Lane one, two;
    one.alloc(1, 10, 0x1000).alloc(2, 10, 0x2000);
    two.alloc(2, 10, 0x3000);
    CHECK(says(read(File().process(0, 2).events(0, 0, one).events(0, 1, two).bytes()).error,
               "two lanes of process 0 have the stamp 2"));
    CHECK(says(read(File().process(0, 2).events(0, 0, one).events(0, 1, Lane(2).free(2, 0x1000)).bytes()).error,
               "calls of lane 1 of process 0 have no stamp of their own"));
}

TEST_CASE("what is no trace is told apart")
{
    const Bytes right = everything().bytes();
    CHECK(says(error_of({}), "it is empty"));
    CHECK(says(error_of({'P', 'K', 3, 4}), "no trace that lamina record wrote"));
    CHECK(says(error_of(Bytes(5000, 'x')), "no trace that lamina record wrote"));
    Bytes converted = right;
    converted.erase(converted.begin() + 4); // "\r\n" became "\n"
    CHECK(says(error_of(converted), "conversion of line ends"));
    CHECK(says(error_of(Bytes(right.begin(), right.begin() + 20)),
               "it is cut off: 20 bytes are less than a trace's header"));
    File newer = everything();
    newer.header.version = 1; // or older
    CHECK(says(error_of(newer.bytes()), "has version 1, and this Lamina reads version 2: record it again"));
    File foreign = everything();
    foreign.header.order = 0x04030201U;
    CHECK(says(error_of(foreign.bytes()), "another order of bytes"));
    Bytes longer = right;
    longer.resize(longer.size() + 8U);
    CHECK(says(error_of(longer), "it is damaged"));
    CHECK(says(read(right, 7).error, "it has no process 7"));
}

TEST_CASE("a file that is cut off is refused at every byte, with the block's place, and its beginning can be had")
{
    const Bytes right = everything().bytes();
    const auto whole = read(right);
    for (std::size_t n = 0; n < right.size(); n++) {
        const Bytes cut(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(n));
        const std::string error = error_of(cut);
        INFO(n << " of " << right.size() << ": " << error);
        REQUIRE(!error.empty());
        if (n >= TRACE_MAGIC_BYTES) {
            REQUIRE(error.find("it is cut off") == 0U);
        }
        const auto beginning = read(cut, 0, true);
        if (!beginning.error.empty()) {
            continue; // not even the process's entry is there
        }
        REQUIRE(beginning.calls.size() <= whole.calls.size());
        for (std::size_t i = 0; i < beginning.calls.size(); i++) {
            REQUIRE(beginning.calls[i] == whole.calls[i]);
        }
    }
    CHECK(says(error_of(Bytes(right.begin(), right.end() - 1)), "block 5, at byte "));
}

TEST_CASE("every changed byte of a finished file is noticed")
{
    const Bytes right = everything().bytes();
    for (std::size_t at = 0; at < right.size(); at++) {
        Bytes wrong = right;
        wrong[at] ^= 0x10U;
        INFO("byte " << at << " of " << right.size());
        // The padding behind a payload is nobody's.
        const bool padding = error_of(wrong).empty() && (right[at] == 0U) && (read(wrong).calls == read(right).calls);
        CHECK((padding || !error_of(wrong).empty()));
    }
}

namespace {

// Makes the checksums of a damaged file right, as far as its blocks can still be walked, so that the damage gets
// through to the decoder.
void mend(Bytes &bytes)
{
    trace_file_header file;
    std::memcpy(&file, bytes.data(), sizeof file);
    std::size_t at = sizeof file;
    trace_block_header block;
    while (at + sizeof block <= bytes.size()) {
        std::memcpy(&block, bytes.data() + at, sizeof block);
        if (block.capacity < sizeof block || block.capacity > bytes.size() - at ||
            block.used > block.capacity - sizeof block) {
            break;
        }
        block.checksum = trace_block_checksum(&block, bytes.data() + at + sizeof block, block.used);
        std::memcpy(bytes.data() + at, &block, sizeof block);
        at += block.capacity;
    }
    file.checksum = trace_header_checksum(&file);
    std::memcpy(bytes.data(), &file, sizeof file);
}

// All that reads a trace, on whatever it is. What comes out doesn't matter: that it comes back does.
void survive(const Bytes &bytes)
{
    std::vector<std::uint64_t> copy((bytes.size() + 7U) / 8U);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<unsigned char *>(copy.data()));
    for (const bool partial : {false, true}) {
        trace_error error = {};
        trace *const opened = trace_open_memory(copy.data(), bytes.size(), partial, &error);
        if (opened == nullptr) {
            REQUIRE(error.text[0] != '\0');
            continue;
        }
        for (std::size_t i = 0; i < opened->process_count && i < 3U; i++) {
            static summary made;
            if (summary_make(&made, opened, opened->processes[i].number, &error)) {
                REQUIRE(made.allocs + made.frees + made.resizes + made.nothing + made.failed <= made.totals.calls);
                summary_free(&made);
            } else {
                REQUIRE(error.text[0] != '\0');
            }
            ops_header header;
            trace_totals totals;
            const ops_options options = {16, 4096};
            (void)ops_write(opened, opened->processes[i].number, &options, "/dev/null", &header, &totals, &error);
        }
        trace_close(opened);
    }
}

void fuzz(const Bytes &right, unsigned rounds)
{
    std::mt19937 random(17);
    for (unsigned round = 0; round < rounds; round++) {
        Bytes wrong = right;
        const unsigned changes = 1U + random() % 4U;
        for (unsigned i = 0; i < changes; i++) {
            const std::size_t at = TRACE_MAGIC_BYTES + random() % (wrong.size() - TRACE_MAGIC_BYTES);
            switch (random() % 3U) {
            case 0:
                wrong[at] = static_cast<unsigned char>(random());
                break;
            case 1:
                wrong[at] = (random() % 2U != 0U) ? 0xFF : 0x00;
                break;
            default:
                wrong[at] = static_cast<unsigned char>(wrong[at] ^ (1U << (random() % 8U)));
            }
        }
        if (random() % 4U != 0U) {
            mend(wrong);
        }
        survive(wrong);
    }
}

} // namespace

TEST_CASE("damage that the checksums don't show does no harm")
{
    fuzz(everything().bytes(), 4000);
}

TEST_CASE("a recorded trace, cut and damaged, does no harm")
{
    std::ifstream file(LAMINA_TRACES "/lua_tables.trace", std::ios::binary);
    const Bytes right((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    REQUIRE(right.size() > 10000U);
    CHECK(read(right).totals.calls > 4000U);
    for (std::size_t n = 0; n < right.size(); n += 13U) {
        survive(Bytes(right.begin(), right.begin() + static_cast<std::ptrdiff_t>(n)));
    }
    fuzz(right, 300);
}

TEST_CASE("a summary's numbers are those of the calls")
{
    std::vector<std::uint64_t> copy;
    const Bytes bytes = everything().bytes();
    copy.resize((bytes.size() + 7U) / 8U);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<unsigned char *>(copy.data()));
    trace_error error = {};
    trace *const opened = trace_open_memory(copy.data(), bytes.size(), false, &error);
    REQUIRE(opened != nullptr);
    static summary s;
    REQUIRE(summary_make(&s, opened, 0, &error));
    CHECK(s.totals.calls == 14U);
    CHECK(s.allocs == 6U);
    CHECK(s.frees == 3U);
    CHECK(s.resizes == 1U);
    CHECK(s.moved == 1U);
    CHECK(s.nothing == 1U);
    CHECK(s.failed == 2U);
    CHECK(s.strange == 1U);
    CHECK(s.by_op[TRACE_FREE] == 4U);
    CHECK(s.by_op[TRACE_REALLOC] == 4U);
    CHECK(s.by_op[TRACE_MALLOC] == 4U);
    CHECK(s.live_objects == 3U);
    CHECK(s.peak_bytes == UINT64_MAX / 3 + 48U + 100U + 32U);
    CHECK(s.most_objects == 4U);
    CHECK(s.thread_count == 3U);
    CHECK(s.threads[2].foreign_frees == 1U); // the block that thread 1 resized; its own it freed, too
    CHECK(s.aligned[12] == 1U);
    summary_free(&s);
    trace_close(opened);
}
