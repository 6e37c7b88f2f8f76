// SPDX-License-Identifier: MIT
//
// The recorder and C++: every form of new and delete, and a container.
#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

template <std::size_t N> struct Sized {
    unsigned char bytes[N];
};

struct alignas(256) Aligned {
    unsigned char bytes[30208];
};

template <class T> void once()
{
    T *object = new T;
    __asm__ volatile("" : "+r"(object) : : "memory");
    delete object;
}

} // namespace

int main()
{
    once<Sized<30011>>();
    once<Aligned>();
    auto *array = new unsigned char[30013];
    __asm__ volatile("" : "+r"(array) : : "memory");
    delete[] array;
    void *raw = ::operator new(30029, std::nothrow);
    __asm__ volatile("" : "+r"(raw) : : "memory");
    ::operator delete (raw, std::size_t{30029});
    std::vector<std::string> words;
    words.reserve(1000);
    for (int i = 0; i < 100; i++) {
        words.emplace_back(static_cast<std::size_t>(30100 + i), 'x');
    }
    try {
        throw std::string(30211, 'y');
    } catch (const std::string &) {
    }
    return words.size() == 100U ? 0 : 1;
}
