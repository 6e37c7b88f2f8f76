// SPDX-License-Identifier: MIT
//
// The recorder's lanes by themselves: many threads write about blocks of an allocator that exists on paper only, so
// that the sanitizers may watch, which don't get along with a preloaded malloc.
#include "lane.h"
#include "trace_bytes.hpp"
#include "trace_finish.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

// A trace in the making, in a folder of its own.
class Recording {
  public:
    Recording()
    {
        char name[] = "/tmp/lamina-lanes-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        folder_ = name;
        trace_error error = {};
        REQUIRE(trace_create(open().c_str(), &error));
    }

    ~Recording()
    {
        (void)std::remove(open().c_str());
        (void)std::remove(done().c_str());
        (void)rmdir(folder_.c_str());
    }

    std::string open() const
    {
        return folder_ + "/open";
    }
    std::string done() const
    {
        return folder_ + "/done";
    }

    // Runs `body` in a process that records, and gives its wait status.
    template <class Body> int run(Body body) const
    {
        const pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            (void)setenv("LAMINA_RECORD", open().c_str(), 1);
            lane_begin_process();
            body();
            lane_end_process();
            _exit(0);
        }
        int status = 0;
        REQUIRE(waitpid(child, &status, 0) == child);
        return status;
    }

    traces::Reading read(std::uint32_t process = 0) const
    {
        trace_error error = {};
        (void)std::remove(done().c_str());
        if (!trace_finish(open().c_str(), done().c_str(), 0, &error)) {
            FAIL(error.text);
        }
        std::ifstream file(done(), std::ios::binary);
        return traces::read(traces::Bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>()),
                            process);
    }

  private:
    std::string folder_;
};

void *at(std::uint64_t address)
{
    return reinterpret_cast<void *>(static_cast<std::uintptr_t>(address));
}

void allocated(std::uint64_t address, std::size_t size, trace_op op = TRACE_MALLOC, std::size_t align = 0)
{
    lane_allocated(op, align, size, at(address));
}

void freed(std::uint64_t address)
{
    lane_freed(at(address));
}

void reallocated(std::uint64_t old, std::size_t size, std::uint64_t address)
{
    lane_leaves(at(old));
    lane_reallocated(TRACE_REALLOC, at(old), size, at(address));
}

std::size_t count(const traces::Reading &reading, trace_effect effect)
{
    std::size_t out = 0;
    for (const trace_call &call : reading.raw) {
        out += call.effect == effect ? 1U : 0U;
    }
    return out;
}

} // namespace

TEST_CASE("what a lane writes is what the reader reads, 64-bit sizes included")
{
    const Recording recording;
    CHECK(recording.run([] {
        allocated(0x7FFF12345678, 1);
        allocated(0x10, SIZE_MAX);
        allocated(0x10000, std::size_t{1} << 40U, TRACE_ALIGNED_ALLOC, std::size_t{1} << 30U);
        reallocated(0x10, 76, 0x10);
        reallocated(0x10, 77, 0x30);
        reallocated(0x30, 78, 0);
        reallocated(0, 79, 0);
        freed(0);
        freed(0x30);
        freed(0x7FFF12345678);
        allocated(0, SIZE_MAX - 1U, TRACE_POSIX_MEMALIGN, 64); // NULL: it failed
    }) == 0);
    const auto found = recording.read();
    CHECK(found.error.empty());
    CHECK(found.calls == std::vector<std::string>{"alloc 0 1", "alloc 1 18446744073709551615", "alloc 2 1099511627776",
                                                  "resize 1 76", "resize 1 77",
                                                  "fails 78", "fails 79", "nothing 0", "free 1 77", "free 0 1",
                                                  "fails 18446744073709551614"});
    CHECK(found.raw[2].align == std::size_t{1} << 30U);
}

TEST_CASE("a size and an address of any length are what the reader reads")
{
    const Recording recording;
    CHECK(recording.run([] {
        for (unsigned bit = 0; bit < 64; bit++) {
            const std::uint64_t power = UINT64_C(1) << bit;
            allocated(power, power - 1U);
            allocated(power ^ 0x1230U, power);
            freed(power);
            reallocated(power ^ 0x1230U, power + 1U, power ^ 0x5555555555555000U);
        }
    }) == 0);
    const auto found = recording.read();
    REQUIRE(found.error.empty());
    REQUIRE(count(found, TRACE_ALLOCATES) == 128U);
    REQUIRE(count(found, TRACE_RESIZES) == 64U);
    std::vector<std::uint64_t> sizes;
    for (const trace_call &call : found.raw) {
        if (call.effect == TRACE_ALLOCATES || call.effect == TRACE_RESIZES) {
            sizes.push_back(call.size);
        }
    }
    for (unsigned bit = 0; bit < 64; bit++) {
        const std::uint64_t power = UINT64_C(1) << bit;
        CHECK(sizes[3U * bit] == power - 1U);
        CHECK(sizes[3U * bit + 1U] == power);
        CHECK(sizes[3U * bit + 2U] == power + 1U);
    }
}

TEST_CASE("threads that hand blocks to each other are in order, and no call is lost")
{
    constexpr unsigned THREADS = 4, CALLS = 20000, PLACES = 64;
    const Recording recording;
    CHECK(recording.run([] {
        // An address is used by one block at a time: whoever takes a place frees what is in it, and allocates there.
        static std::mutex locks[PLACES];
        static bool taken[PLACES];
        std::vector<std::thread> threads;
        for (unsigned t = 0; t < THREADS; t++) {
            threads.emplace_back([t] {
                unsigned random = t + 1U;
                for (unsigned i = 0; i < CALLS; i++) {
                    random = random * 1103515245U + 12345U;
                    const unsigned place = (random >> 16U) % PLACES;
                    const std::uint64_t address = 0x100000U + 64U * place;
                    const std::lock_guard<std::mutex> hold(locks[place]);
                    if (taken[place]) {
                        freed(address);
                    } else {
                        allocated(address, 1U + place);
                    }
                    taken[place] = !taken[place];
                }
            });
        }
        for (std::thread &thread : threads) {
            thread.join();
        }
    }) == 0);
    const auto found = recording.read();
    CHECK(found.error.empty());
    CHECK(found.totals.calls == THREADS * CALLS);
    CHECK(count(found, TRACE_STRANGE) == 0U);
    CHECK(count(found, TRACE_REPLACES) == 0U);
    CHECK(found.totals.unwritten == 0U);
}

TEST_CASE("threads that end leave their lanes to others")
{
    const Recording recording;
    CHECK(recording.run([] {
        for (unsigned i = 0; i < 100; i++) {
            std::thread([i] { allocated(0x1000U + 16U * i, i); }).join();
        }
    }) == 0);
    const auto found = recording.read();
    CHECK(found.totals.calls == 100U);
    CHECK(found.raw.back().thread == 100U);
    std::ifstream file(recording.open(), std::ios::binary | std::ios::ate);
    CHECK(file.tellg() < 200000); // 100 lanes would have had 16 KiB each
}

TEST_CASE("a forked process has a stream of its own, by whatever call it came")
{
    const Recording recording;
    const int how = GENERATE(0, 1);
    CHECK(recording.run([how] {
        allocated(0x1000, 1);
        const pid_t child = (how == 0) ? fork() : _Fork();
        allocated(0x2000, child == 0 ? 3 : 2);
        if (child == 0) {
            freed(0x1000);
            _exit(0);
        }
        (void)waitpid(child, nullptr, 0);
        freed(0x1000);
    }) == 0);
    CHECK(recording.read(0).calls == std::vector<std::string>{"alloc 0 1", "alloc 1 2", "free 0 1"});
    CHECK(recording.read(1).calls == std::vector<std::string>{"alloc 0 3", "strange 0"});
}

TEST_CASE("a process that is killed has lost no call")
{
    const Recording recording;
    const int status = recording.run([] {
        for (unsigned i = 0; i < 50000; i++) {
            allocated(0x1000U + 16U * i, i);
        }
        (void)raise(SIGKILL);
    });
    CHECK(WIFSIGNALED(status));
    const auto found = recording.read();
    CHECK(found.error.empty());
    CHECK(found.calls.size() == 50000U);
}

namespace {

volatile std::sig_atomic_t handled;

void handle(int)
{
    const auto number = static_cast<std::uint64_t>(handled);
    handled = handled + 1;
    allocated(0x5000000U + 64U * number, 7);
}

} // namespace

TEST_CASE("a call from within another call's writing is counted, not written, and does no harm")
{
    constexpr unsigned CALLS = 3000000;
    const Recording recording;
    CHECK(recording.run([] {
        (void)std::signal(SIGALRM, handle);
        const itimerval often = {{0, 50}, {0, 50}};
        (void)setitimer(ITIMER_REAL, &often, nullptr);
        for (unsigned i = 0; i < CALLS / 2U; i++) {
            allocated(0x1000U + 64U * (i % 99U), 1);
            freed(0x1000U + 64U * (i % 99U));
        }
        const itimerval never = {};
        (void)setitimer(ITIMER_REAL, &never, nullptr);
        allocated(0x8000000U, static_cast<std::size_t>(handled));
    }) == 0);
    const auto found = recording.read();
    REQUIRE(found.error.empty());
    CHECK(count(found, TRACE_REPLACES) == 0U);
    trace_error error = {};
    trace *const opened = trace_open(recording.done().c_str(), false, &error);
    REQUIRE(opened != nullptr);
    const std::uint64_t ran = found.raw.back().size;
    CHECK(ran > 10U);
    CHECK(found.totals.calls + opened->header.missed == CALLS + ran + 1U);
    trace_close(opened);
}

TEST_CASE("a tick, or a thread that begins or ends, puts what follows behind what was")
{
    const Recording recording;
    CHECK(recording.run([] {
        for (unsigned i = 0; i < 20; i++) {
            allocated(0x1000U + 64U * i, 2U * i);
            std::thread([i] { allocated(0x100000U + 64U * i, 2U * i + 1U); }).join();
        }
    }) == 0);
    const auto found = recording.read();
    REQUIRE(found.calls.size() == 40U);
    for (unsigned i = 0; i < 40; i++) {
        CHECK(found.raw[i].size == i);
    }
}

TEST_CASE("calls about few addresses take few bytes")
{
    const Recording recording;
    CHECK(recording.run([] {
        for (unsigned i = 0; i < 20000; i++) {
            allocated(0x7F0000001000U + 4096U * (i % 8U), 24);
            freed(0x7F0000001000U + 4096U * (i % 8U));
        }
    }) == 0);
    CHECK(recording.read().calls.size() == 40000U);
    std::ifstream file(recording.done(), std::ios::binary | std::ios::ate);
    CHECK(file.tellg() < 85000); // 3 bytes and 1, where an address that wasn't seen lately takes 3 or more
}

TEST_CASE("a limit to the size of files ends the recording, not the program")
{
    const Recording recording;
    CHECK(recording.run([] {
        const rlimit limit = {100000, 100000};
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        for (unsigned i = 0; i < 100000; i++) {
            allocated(0x1000U + 16U * i, i);
        }
    }) == 0);
    trace_error error = {};
    trace *const opened = trace_open(recording.open().c_str(), false, &error);
    REQUIRE(opened != nullptr);
    CHECK(opened->header.stop_error == EFBIG);
    trace_close(opened);
    const auto found = recording.read();
    CHECK(found.error.empty());
    CHECK(found.calls.size() > 1000U);
    CHECK(found.calls.size() < 100000U);
}

TEST_CASE("a program that closes the trace's descriptor, and opens another file there, is recorded all the same")
{
    const Recording recording;
    CHECK(recording.run([] {
        allocated(0x1000, 1);
        for (int fd = 3; fd < 1024; fd++) {
            (void)close(fd);
        }
        for (int i = 0; i < 5; i++) {
            (void)std::tmpfile();
        }
        for (unsigned i = 0; i < 50000; i++) { // several blocks
            allocated(0x10000U + 16U * i, i);
        }
    }) == 0);
    const auto found = recording.read();
    CHECK(found.error.empty());
    CHECK(found.calls.size() == 50001U);
}
