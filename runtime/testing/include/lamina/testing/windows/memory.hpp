// windows/memory.hpp: what Windows says of a range of memory, by VirtualQuery and by the working set.
#ifndef LAMINA_TESTING_WINDOWS_MEMORY_HPP
#define LAMINA_TESTING_WINDOWS_MEMORY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "lamina/testing/memory.hpp"
#include "lamina/testing/windows/system.hpp"

namespace lamina {
namespace testing {

inline std::size_t page_size() {
    SYSTEM_INFO info;
    ::GetSystemInfo(&info);
    return info.dwPageSize;
}

namespace detail {

// Of one page: QueryWorkingSetEx's bits, whose places the system's header leaves to the compiler; 0 where it isn't there.
inline ULONG_PTR page_flags(std::uintptr_t at) {
    PSAPI_WORKING_SET_EX_INFORMATION page;
    page.VirtualAddress = reinterpret_cast<void *>(at);
    page.VirtualAttributes.Flags = 0;
    return ::K32QueryWorkingSetEx(::GetCurrentProcess(), &page, sizeof page) != 0 ? page.VirtualAttributes.Flags : 0;
}

constexpr ULONG_PTR page_is_there = 1U;
constexpr ULONG_PTR page_is_locked = ULONG_PTR{1} << 22U;

// Calls `look(information, from, to)` for each part of the range that is taken.
template <typename Look> void each_taken(std::uintptr_t low, std::uintptr_t high, Look look) {
    MEMORY_BASIC_INFORMATION info;
    for (std::uintptr_t at = low; at < high;) {
        if (::VirtualQuery(reinterpret_cast<const void *>(at), &info, sizeof info) != sizeof info) {
            return;
        }
        const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(info.BaseAddress) + info.RegionSize;
        if (info.State != MEM_FREE) {
            look(info, at, std::min(end, high));
        }
        at = end;
    }
}

} // namespace detail

// Windows counts what is committed and private against its limit. It has no names of ranges and nothing that leaves one out
// of dumps.
inline RangeUse range_use(const void *start, std::size_t bytes) {
    const DWORD writable = PAGE_READWRITE | PAGE_WRITECOPY | PAGE_EXECUTE_READWRITE | PAGE_EXECUTE_WRITECOPY;
    RangeUse use;
    use.locked = true;
    const std::size_t page = page_size();
    const auto low = reinterpret_cast<std::uintptr_t>(start);
    detail::each_taken(low, low + bytes, [&](const MEMORY_BASIC_INFORMATION &info, std::uintptr_t from, std::uintptr_t to) {
        const std::size_t size = to - from;
        const bool committed = info.State == MEM_COMMIT;
        use.mapped += size;
        use.mappings += 1;
        use.writable += committed && (info.Protect & writable) != 0 && (info.Protect & PAGE_GUARD) == 0 ? size : 0;
        use.charged += committed && info.Type == MEM_PRIVATE ? size : 0;
        for (std::uintptr_t at = from; use.locked && at < to; at += page) {
            use.locked = (detail::page_flags(at) & detail::page_is_locked) != 0;
        }
    });
    use.locked = use.locked && use.mappings != 0;
    return use;
}

inline std::size_t resident_bytes(const void *start, std::size_t bytes) {
    const std::size_t page = page_size();
    const std::uintptr_t low = reinterpret_cast<std::uintptr_t>(start) / page * page;
    const std::uintptr_t high = (reinterpret_cast<std::uintptr_t>(start) + bytes + page - 1) / page * page;
    std::size_t resident = 0;
    for (std::uintptr_t at = low; at < high; at += page) {
        resident += (detail::page_flags(at) & detail::page_is_there) != 0 ? page : 0;
    }
    return resident;
}

inline ProcessMaps process_maps() {
    ProcessMaps out;
    detail::each_taken(0, UINTPTR_MAX, [&](const MEMORY_BASIC_INFORMATION &, std::uintptr_t from, std::uintptr_t to) {
        out.mappings += 1;
        out.bytes += to - from;
    });
    return out;
}

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_WINDOWS_MEMORY_HPP
