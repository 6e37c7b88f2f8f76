// windows/locked.hpp: what can be taken from Windows of what locked memory is made of, which is nothing: that there is no
// fork, and that nothing keeps pages out of dumps, isn't the table's to change.
#ifndef LAMINA_TESTING_WINDOWS_LOCKED_HPP
#define LAMINA_TESTING_WINDOWS_LOCKED_HPP

namespace lamina {
namespace testing {

namespace detail {

// No call makes a copy of a process.
inline bool child_finds(const void *, unsigned char) { return false; }

struct Poorer {
    static bool can_lack(unsigned properties) { return properties == 0; }
    explicit Poorer(unsigned) {}
};

// A process can always make its working set larger, and then lock.
inline bool forbid_locking() { return false; }

} // namespace detail

} // namespace testing
} // namespace lamina

#endif // LAMINA_TESTING_WINDOWS_LOCKED_HPP
