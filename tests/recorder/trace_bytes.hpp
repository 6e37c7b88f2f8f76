// SPDX-License-Identifier: MIT
//
// Traces made byte by byte, by an encoder that shares no code with the recorder's but the varint: what the reader says
// about them is what the format's description says.
#ifndef LAMINA_TESTS_RECORDER_TRACE_BYTES_HPP
#define LAMINA_TESTS_RECORDER_TRACE_BYTES_HPP

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "trace_calls.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace traces {

using Bytes = std::vector<unsigned char>;

inline void varint(Bytes &to, std::uint64_t value)
{
    unsigned char bytes[TRACE_VARINT_MOST];
    to.insert(to.end(), bytes, trace_put_varint(bytes, value));
}

// A lane's events. Addresses are always written as differences: the ways that are shorter are the recorder's tests'.
class Lane {
  public:
    explicit Lane(std::uint64_t stamp = 0) : first_(stamp), stamp_(stamp)
    {
    }

    Lane &alloc(std::uint64_t stamp, std::uint64_t size, std::uint64_t address, int op = TRACE_MALLOC,
                unsigned align_log2 = 0)
    {
        begin(op, stamp);
        if (trace_is_aligned_form(static_cast<unsigned>(op))) {
            bytes.push_back(static_cast<unsigned char>(align_log2));
        }
        varint(bytes, size);
        return put_address(address);
    }

    Lane &free(std::uint64_t stamp, std::uint64_t address)
    {
        begin(address == 0 ? TRACE_FREE | static_cast<int>(TRACE_GONE) : TRACE_FREE, stamp);
        return address == 0 ? *this : put_address(address);
    }

    Lane &leaves(std::uint64_t stamp, std::uint64_t old)
    {
        begin(TRACE_LEAVES, stamp);
        return put_address(old);
    }

    Lane &realloc(std::uint64_t begun, std::uint64_t ended, std::uint64_t old, std::uint64_t size,
                  std::uint64_t address)
    {
        stamp(begun);
        if (old != 0) {
            leaves(begun, old);
        }
        begin(TRACE_REALLOC | static_cast<int>((old == 0 ? TRACE_FRESH : 0U) | (address == 0 ? TRACE_GONE : 0U)),
              ended);
        varint(bytes, size);
        if (old != 0) {
            put_address(old);
        }
        return address == 0 ? *this : put_address(address);
    }

    Lane &failed(std::uint64_t stamp, int op, std::uint64_t size, std::uint64_t old = 0)
    {
        const bool fresh = trace_is_realloc(static_cast<unsigned>(op)) && old == 0;
        begin(TRACE_FAILED | static_cast<int>(fresh ? TRACE_FRESH : 0U), stamp);
        bytes.push_back(static_cast<unsigned char>(op));
        varint(bytes, size);
        return old == 0 ? *this : put_address(old);
    }

    Lane &thread(std::uint64_t number)
    {
        bytes.push_back(TRACE_THREAD);
        varint(bytes, number);
        return *this;
    }

    Lane &time(std::uint64_t difference)
    {
        bytes.push_back(TRACE_TIME);
        varint(bytes, difference);
        return *this;
    }

    std::uint64_t first() const
    {
        return first_;
    }

    Bytes bytes;

  private:
    // One that the lane has already isn't written again.
    void stamp(std::uint64_t next)
    {
        if (next != stamp_) {
            bytes.push_back(TRACE_STAMP);
            varint(bytes, next - stamp_);
            stamp_ = next;
        }
    }

    void begin(int op, std::uint64_t next)
    {
        stamp(next);
        bytes.push_back(static_cast<unsigned char>(op));
    }

    Lane &put_address(std::uint64_t address)
    {
        const std::uint64_t code = trace_rotated(address);
        varint(bytes, trace_zigzag(code - address_));
        address_ = code;
        return *this;
    }

    std::uint64_t first_, stamp_, address_ = 0;
};

// A finished file.
class File {
  public:
    File()
    {
        std::memcpy(header.magic, TRACE_MAGIC, TRACE_MAGIC_BYTES);
        header.version = TRACE_VERSION;
        header.order = TRACE_ORDER;
        header.state = TRACE_FINISHED;
        header.header_bytes = sizeof header;
    }

    // `stamp`: the last one that the process gave out.
    File &process(std::uint32_t number, std::uint64_t stamp, std::uint32_t ended = TRACE_EXITED,
                  std::uint32_t forked_from = 0)
    {
        trace_process record = {};
        record.pid = 100 + number;
        record.ended = ended;
        record.forked_from = forked_from;
        record.stamp = stamp;
        Bytes payload(sizeof record);
        std::memcpy(payload.data(), &record, sizeof record);
        for (const char c : {'/', 'p', '\0', 'p', '\0', 'x', '\0'}) {
            payload.push_back(static_cast<unsigned char>(c));
        }
        return block(TRACE_PROCESS, number, 0, 0, payload);
    }

    File &events(std::uint32_t process, std::uint32_t lane, const Lane &events)
    {
        return block(TRACE_EVENTS, process, lane, events.first(), events.bytes);
    }

    File &block(std::uint32_t kind, std::uint32_t process, std::uint32_t lane, std::uint64_t stamp,
                const Bytes &payload)
    {
        trace_block_header h = {};
        const std::size_t padded = (payload.size() + 7U) / 8U * 8U;
        h.magic = TRACE_BLOCK_MAGIC;
        h.kind = kind;
        h.capacity = static_cast<std::uint32_t>(sizeof h + padded);
        h.used = static_cast<std::uint32_t>(payload.size());
        h.process = process;
        h.lane = lane;
        h.stamp = stamp;
        h.thread = lane + 1U;
        h.state = TRACE_BLOCK_CLOSED;
        h.checksum = trace_block_checksum(&h, payload.data(), payload.size());
        const std::size_t at = blocks_.size();
        blocks_.resize(at + sizeof h + padded);
        std::memcpy(blocks_.data() + at, &h, sizeof h);
        std::copy(payload.begin(), payload.end(), blocks_.begin() + static_cast<std::ptrdiff_t>(at + sizeof h));
        header.blocks++;
        return *this;
    }

    Bytes bytes() const
    {
        trace_file_header h = header;
        h.end = sizeof h + blocks_.size();
        h.checksum = trace_header_checksum(&h);
        Bytes out(sizeof h);
        std::memcpy(out.data(), &h, sizeof h);
        out.insert(out.end(), blocks_.begin(), blocks_.end());
        return out;
    }

    trace_file_header header = {};

  private:
    Bytes blocks_;
};

// What the reader makes of a trace: its calls as text, "number effect op size", and the error, if any.
struct Reading {
    std::vector<std::string> calls;
    std::vector<trace_call> raw;
    trace_totals totals = {};
    std::string error;
};

inline bool note(void *context, const trace_call *call)
{
    static const char *const effects[] = {"alloc", "free", "resize", "nothing", "fails", "strange", "replaces"};
    auto &reading = *static_cast<Reading *>(context);
    reading.raw.push_back(*call);
    std::string text = effects[call->effect];
    if (call->effect != TRACE_NOTHING && call->effect != TRACE_FAILS && call->effect != TRACE_STRANGE) {
        text += " " + std::to_string(call->slot);
    }
    text += " " + std::to_string(call->size);
    reading.calls.push_back(text);
    return true;
}

inline Reading read(const Bytes &bytes, std::uint32_t process = 0, bool partial = false)
{
    Reading out;
    trace_error error = {};
    // A copy of exactly this size, so that a sanitizer sees a step beyond the end; of words, since a trace is aligned.
    std::vector<std::uint64_t> copy((bytes.size() + 7U) / 8U);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<unsigned char *>(copy.data()));
    trace *const opened = trace_open_memory(copy.data(), bytes.size(), partial, &error);
    if (opened == nullptr) {
        out.error = error.text;
        return out;
    }
    if (!trace_visit(opened, process, note, &out, &out.totals, &error)) {
        out.error = error.text;
    }
    trace_close(opened);
    return out;
}

} // namespace traces

#endif
