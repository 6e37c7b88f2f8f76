// posix/memory.hpp: what Linux says of a range of memory, in /proc and by mincore.
#ifndef LAMINA_TESTING_POSIX_MEMORY_HPP
#define LAMINA_TESTING_POSIX_MEMORY_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "lamina/testing/memory.hpp"

namespace lamina {
namespace testing {

inline std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

inline RangeUse range_use(const void *start, std::size_t bytes) {
    RangeUse use;
    use.dont_dump = use.locked = true;
    const auto low = static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(start));
    const unsigned long long high = low + bytes;
    std::FILE *const maps = std::fopen("/proc/self/smaps", "r");
    if (maps == nullptr) {
        return use;
    }
    std::size_t shared = 0; // of the mapping being read, the bytes in the range
    char line[1024];
    while (std::fgets(line, sizeof line, maps) != nullptr) {
        unsigned long long from = 0, to = 0;
        char rights[8] = "";
        int name_at = 0;
        if (std::sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &from, &to, rights, &name_at) == 3 && name_at > 0) {
            const unsigned long long begin = std::max(from, low);
            const unsigned long long end = std::min(to, high);
            shared = begin < end ? static_cast<std::size_t>(end - begin) : 0;
            use.mapped += shared;
            use.mappings += shared != 0 ? 1U : 0U;
            use.writable += rights[0] == 'r' && rights[1] == 'w' ? shared : 0;
            if (shared != 0 && use.name.empty()) {
                use.name.assign(line + name_at, std::strcspn(line + name_at, "\n"));
            }
        } else if (std::strncmp(line, "VmFlags:", 8) == 0 && shared != 0) {
            use.charged += std::strstr(line, " ac") != nullptr ? shared : 0;
            use.dont_dump = use.dont_dump && std::strstr(line, " dd") != nullptr;
            use.locked = use.locked && std::strstr(line, " lo") != nullptr;
        }
    }
    (void)std::fclose(maps);
    use.dont_dump = use.dont_dump && use.mappings != 0;
    use.locked = use.locked && use.mappings != 0;
    return use;
}

inline std::size_t resident_bytes(const void *start, std::size_t bytes) {
    const std::size_t page = page_size();
    const std::uintptr_t low = reinterpret_cast<std::uintptr_t>(start) / page * page;
    const std::uintptr_t high = (reinterpret_cast<std::uintptr_t>(start) + bytes + page - 1) / page * page;
    // Room for a byte for each 4 KiB, however large the pages are: an emulator that imitates larger ones fills in as many
    // as its host has.
    std::vector<unsigned char> pages(static_cast<std::size_t>(high - low) / 4096 + 1);
    const std::size_t count = static_cast<std::size_t>(high - low) / page;
    std::size_t resident = 0;
    if (::mincore(reinterpret_cast<void *>(low), static_cast<std::size_t>(high - low), pages.data()) == 0) {
        for (std::size_t i = 0; i < count; ++i) {
            resident += (pages[i] & 1U) != 0 ? page : 0;
        }
        return resident;
    }
    for (std::uintptr_t at = low; at < high; at += page) { // a hole: page by page
        if (::mincore(reinterpret_cast<void *>(at), page, pages.data()) == 0) {
            resident += (pages[0] & 1U) != 0 ? page : 0;
        }
    }
    return resident;
}

inline ProcessMaps process_maps() {
    ProcessMaps out;
    if (std::FILE *const maps = std::fopen("/proc/self/maps", "r")) {
        char line[1024];
        while (std::fgets(line, sizeof line, maps) != nullptr) {
            unsigned long long from = 0, to = 0;
            if (std::sscanf(line, "%llx-%llx", &from, &to) == 2) {
                out.mappings += 1;
                out.bytes += static_cast<std::size_t>(to - from);
            }
        }
        (void)std::fclose(maps);
    }
    return out;
}

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_POSIX_MEMORY_HPP
