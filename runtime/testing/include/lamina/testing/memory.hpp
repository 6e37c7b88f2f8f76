// memory.hpp: what the system says about a range of memory: how much of it is mapped, may be written, is charged
// against the commit limit, is resident.
#ifndef LAMINA_TESTING_MEMORY_HPP
#define LAMINA_TESTING_MEMORY_HPP

#include <cstddef>
#include <string>

namespace lamina {
namespace testing {

inline std::size_t page_size();

// All sizes are bytes and cover the part of each mapping that lies in the range.
struct RangeUse {
    std::size_t mapped = 0;   // address space taken, whatever its rights
    std::size_t writable = 0; // may be read and written
    std::size_t charged = 0;  // of the mappings that the system accounts for (VmFlags: ac)
    std::size_t mappings = 0; // how many kernel objects it takes
    bool dont_dump = false;   // every mapping in the range is left out of core dumps (VmFlags: dd)
    bool locked = false;      // every mapping in the range is kept in memory (VmFlags: lo)
    std::string name;         // of the first mapping, if it has one
};

inline RangeUse range_use(const void *start, std::size_t bytes);

// Bytes of the range that are in memory now. Unmapped pages count as absent.
inline std::size_t resident_bytes(const void *start, std::size_t bytes);

// What the whole process has mapped: to be the same before and after.
struct ProcessMaps {
    std::size_t mappings = 0;
    std::size_t bytes = 0;
};

inline ProcessMaps process_maps();

} // namespace testing
} // namespace lamina

#if defined(_WIN32)
#include "lamina/testing/windows/memory.hpp"
#else
#include "lamina/testing/posix/memory.hpp"
#endif

#endif // LAMINA_TESTING_MEMORY_HPP
