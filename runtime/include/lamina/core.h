/* SPDX-License-Identifier: MIT */
/*
 * Lamina runtime: what every other header and all emitted code stand on.
 *
 * Compiler vocabulary, the status codes, and the arithmetic of sizes and addresses. Nothing here asks the
 * operating system for anything, and nothing here needs a C library beyond memcpy and memset, which gcc and
 * clang require of every environment, freestanding ones included.
 *
 * All functions are safe to call from any thread unless they say otherwise. Sizes and alignments are bytes.
 */
#ifndef LAMINA_CORE_H
#define LAMINA_CORE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "The Lamina runtime is written for gcc and clang: it relies on their __builtin_ and __atomic_ functions"
#endif

/* One integer that generated code compares with the one it was generated against. It changes whenever a name,
 * a signature or a promise below changes in a way that old output would not survive. */
#define LAMINA_RUNTIME_ABI 1

/* -------------------------------------------- Compiler vocabulary -------------------------------------------- */

#if defined(__cplusplus)
#define LAMINA_EXTERN_C_BEGIN extern "C" {
#define LAMINA_EXTERN_C_END }
#define LAMINA_STATIC_ASSERT(condition, message) static_assert(condition, message)
#define LAMINA_RESTRICT __restrict__
#else
#define LAMINA_EXTERN_C_BEGIN
#define LAMINA_EXTERN_C_END
#define LAMINA_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#define LAMINA_RESTRICT restrict
#endif

#define LAMINA_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define LAMINA_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Tells the compiler what always holds, so that it need not test it again. UndefinedBehaviorSanitizer watches it. */
#define LAMINA_ASSUME(condition) ((condition) ? (void)0 : __builtin_unreachable())

/* Always inlined, also at -O0: what depends on a size being a compile-time constant then always sees it, and a
 * debug build makes no calls that a release build does not. */
#define LAMINA_INLINE static inline __attribute__((always_inline))

/* Out of line and out of the way: keeps a fast path's registers free of what only its failure needs. */
#define LAMINA_COLD __attribute__((cold, noinline))

/* A cold function that lives in a header. Not `inline`, which would contradict noinline, so it has to be told
 * that not every file that includes it will call it. */
#define LAMINA_COLD_IN_HEADER static __attribute__((cold, noinline, unused))

#define LAMINA_NORETURN __attribute__((noreturn))
#define LAMINA_NODISCARD __attribute__((warn_unused_result))
#define LAMINA_ALIGNED(bytes) __attribute__((aligned(bytes)))

/* Whether the program is built to be watched by AddressSanitizer or Valgrind: see annotate.h. */
#if !defined(LAMINA_VALGRIND)
#define LAMINA_VALGRIND 0
#endif
#if !defined(LAMINA_ANNOTATE)
#define LAMINA_ANNOTATE 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define LAMINA_ANNOTATE_ASAN_ LAMINA_ANNOTATE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LAMINA_ANNOTATE_ASAN_ LAMINA_ANNOTATE
#endif
#endif
#if !defined(LAMINA_ANNOTATE_ASAN_)
#define LAMINA_ANNOTATE_ASAN_ 0
#endif

/* Functions by which an allocator goes to bytes that aren't an object's: inline, but where a tool watches, which they
 * then must be kept from. Inlined into watched code they would be watched too. */
#if LAMINA_VALGRIND
#include <valgrind/memcheck.h>
#define LAMINA_UNWATCHED_BEGIN_ VALGRIND_DISABLE_ERROR_REPORTING
#define LAMINA_UNWATCHED_END_ VALGRIND_ENABLE_ERROR_REPORTING
#else
#define LAMINA_UNWATCHED_BEGIN_ ((void)0)
#define LAMINA_UNWATCHED_END_ ((void)0)
#endif
#if LAMINA_ANNOTATE_ASAN_
#define LAMINA_UNWATCHED static __attribute__((noinline, unused, no_sanitize_address))
#define LAMINA_COLD_UNWATCHED static __attribute__((cold, noinline, unused, no_sanitize_address))
/* A compiler that knows the value would make the loop a call of memset, which is watched wherever it is called. */
#define LAMINA_UNWATCHED_HIDE_(value) __asm__("" : "+m"(value))
#else
#define LAMINA_UNWATCHED LAMINA_INLINE
#define LAMINA_COLD_UNWATCHED LAMINA_COLD_IN_HEADER
#define LAMINA_UNWATCHED_HIDE_(value) ((void)0)
#endif

#if __STDC_HOSTED__
#include <string.h>
#else
/* A freestanding compiler may come without <string.h>. These are the two functions it may call on its own
 * account anyway. */
LAMINA_EXTERN_C_BEGIN
void *memcpy(void *LAMINA_RESTRICT to, const void *LAMINA_RESTRICT from, size_t bytes);
void *memset(void *at, int value, size_t bytes);
LAMINA_EXTERN_C_END
#endif

LAMINA_STATIC_ASSERT(CHAR_BIT == 8, "blocks are counted in octets");
LAMINA_STATIC_ASSERT(sizeof(void *) == sizeof(uintptr_t), "an address fits an integer exactly");
LAMINA_STATIC_ASSERT(sizeof(size_t) == sizeof(uintptr_t), "a size can span the address space");

LAMINA_EXTERN_C_BEGIN

/* ------------------------------------------------ Status codes ----------------------------------------------- */

/* What an operation that can fail answers. LAMINA_OK is zero, so a status tests as "did it fail". */
typedef enum lamina_status {
    LAMINA_OK = 0,
    LAMINA_ERR_OS,         /* the platform refused; lamina_last_os_error() tells why */
    LAMINA_ERR_ARGUMENT,   /* a null pointer, a zero size, a size that overflows */
    LAMINA_ERR_TOO_SMALL,  /* the memory handed over holds less than the stack needs */
    LAMINA_ERR_MISALIGNED, /* the memory handed over does not start where the stack needs it to */
    LAMINA_ERR_BUSY,       /* still in use: blocks are live, or another thread holds it */
    LAMINA_ERR_PAGE_SIZE,  /* this machine's page size is not one that the stack was generated for */
    LAMINA_ERR_UNSUPPORTED /* this platform cannot do it at all */
} lamina_status;

/* One lower-case English phrase without a full stop, never NULL; statically allocated, not to be freed. A value
 * that is no status gets a phrase that says so. */
const char *lamina_status_text(lamina_status status);

/* The value that the last platform error takes where Lamina refuses a request before asking the platform, and the one
 * for what this platform can't do at all. They are the system's own names for it (EINVAL and ENOTSUP;
 * ERROR_INVALID_PARAMETER and ERROR_NOT_SUPPORTED), which the hosted platforms assert. */
#if defined(_WIN32)
#define LAMINA_OS_ERROR_INVALID 87
#define LAMINA_OS_ERROR_UNSUPPORTED 50
#elif defined(__APPLE__)
#define LAMINA_OS_ERROR_INVALID 22
#define LAMINA_OS_ERROR_UNSUPPORTED 45
#else
#define LAMINA_OS_ERROR_INVALID 22
#define LAMINA_OS_ERROR_UNSUPPORTED 95
#endif

/* The platform's error code (errno; GetLastError() on Windows) of the calling thread's last operation that failed; 0
 * when none has. Success leaves it alone, so read it only after a failure. Costs one thread-local load. On the
 * freestanding platform there are no threads to tell apart and one value serves all. */
int lamina_last_os_error(void);
void lamina_set_last_os_error(int error);

/* ------------------------------------- Arithmetic of sizes and addresses -------------------------------------- */

#define LAMINA_SIZE_BITS ((unsigned)(sizeof(size_t) * CHAR_BIT))

/* True for 1, 2, 4, …; false for 0. */
LAMINA_INLINE bool lamina_is_pow2(size_t value)
{
    return (value != 0U) && ((value & (value - 1U)) == 0U);
}

/* Rotates right by n modulo the width of size_t; n may be 0. One instruction where the machine has one. This is
 * how a stride is divided out: a multiple of 2^n rotates to its quotient, anything else to a huge number. */
LAMINA_INLINE size_t lamina_rotr(size_t value, unsigned n)
{
    const unsigned mask = LAMINA_SIZE_BITS - 1U;
    return (value >> (n & mask)) | (value << ((0U - n) & mask)); /* both counts stay below the width */
}

/* The smallest multiple of `pow2` that is not below `value`. Wraps to 0 when there is none: use
 * lamina_round_up_overflows() for a size that comes from outside. */
LAMINA_INLINE size_t lamina_round_up(size_t value, size_t pow2)
{
    return (value + (pow2 - 1U)) & ~(pow2 - 1U);
}

LAMINA_INLINE size_t lamina_round_down(size_t value, size_t pow2)
{
    return value & ~(pow2 - 1U);
}

/* Bytes from `p` up to the next multiple of `align_pow2`: 0 when it is one already, else below `align_pow2`. */
LAMINA_INLINE size_t lamina_padding(const void *p, size_t align_pow2)
{
    return ((size_t)0 - (size_t)(uintptr_t)p) & (align_pow2 - 1U);
}

/* Whether a block that begins `pad` bytes behind `at` and ends with byte number `last` of its own lies below `limit`,
 * which is not below `at`. Any `pad` and `last` will do: nothing wraps. */
LAMINA_INLINE bool lamina_has_room(const unsigned char *at, size_t pad, size_t last, const unsigned char *limit)
{
    const size_t room = (size_t)(limit - at);
    return (last < room) && (pad < room - last);
}

/* The same, where all memory is `capacity` bytes, a constant, and `pad` is below a power of two: one comparison less
 * where `last` is a constant as well. A macro, because compilers lay out the conjunction better where it stands in the
 * condition itself. With 64 bits of address the sum can't wrap in a process, whose memory lies in the lower half of what
 * they span; a kernel's may not, and takes the one above. */
#if UINTPTR_MAX > UINT32_MAX
#define LAMINA_ENDS_BELOW(at, pad, last, capacity, limit)                                                              \
    (((last) < (capacity)) && ((uintptr_t)(at) + (pad) + (last) + 1U <= (uintptr_t)(limit)))
#else
#define LAMINA_ENDS_BELOW(at, pad, last, capacity, limit) lamina_has_room(at, pad, last, limit)
#endif

LAMINA_INLINE bool lamina_is_aligned(const void *p, size_t align_pow2)
{
    return ((size_t)(uintptr_t)p & (align_pow2 - 1U)) == 0U;
}

/* The checked forms answer true when the true result does not fit, and then *out is what wraps: don't use it. */
LAMINA_INLINE bool lamina_add_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_add_overflow(a, b, out);
}

LAMINA_INLINE bool lamina_sub_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_sub_overflow(a, b, out);
}

LAMINA_INLINE bool lamina_mul_overflows(size_t a, size_t b, size_t *out)
{
    return __builtin_mul_overflow(a, b, out);
}

LAMINA_INLINE bool lamina_round_up_overflows(size_t value, size_t pow2, size_t *out)
{
    *out = lamina_round_up(value, pow2);
    return *out < value;
}

/* Index of the lowest set bit. The value must not be 0: the machine's instruction has no answer there. */
LAMINA_INLINE unsigned lamina_ctz64(uint64_t value)
{
    return (unsigned)__builtin_ctzll(value);
}

LAMINA_INLINE unsigned lamina_ctz(size_t value)
{
    return (unsigned)((sizeof(size_t) == sizeof(unsigned)) ? __builtin_ctz((unsigned)value)
                                                           : __builtin_ctzll((unsigned long long)value));
}

/* Number of set bits. Spelled out because the builtin becomes a call into libgcc where the baseline machine has
 * no such instruction; where it has one, both compilers recognize this form. (Warren, Hacker's Delight, 5-1.) */
LAMINA_INLINE unsigned lamina_popcount64(uint64_t value)
{
    uint64_t v = value;
    v = v - ((v >> 1U) & UINT64_C(0x5555555555555555));
    v = (v & UINT64_C(0x3333333333333333)) + ((v >> 2U) & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4U)) & UINT64_C(0x0F0F0F0F0F0F0F0F);
    return (unsigned)((v * UINT64_C(0x0101010101010101)) >> 56U);
}

/* -------------------------------------- Loads and stores of raw memory --------------------------------------- */

/* An allocator writes its links into memory whose type belongs to the user. Copying the bytes is the one form
 * that strict aliasing and unaligned addresses both allow; it compiles to a single load or store. */

LAMINA_UNWATCHED void *lamina_load_ptr(const void *from)
{
    void *value;
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(&value, from, sizeof value);
    LAMINA_UNWATCHED_END_;
    return value;
}

LAMINA_UNWATCHED void lamina_store_ptr(void *at, const void *value)
{
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(at, &value, sizeof value);
    LAMINA_UNWATCHED_END_;
}

LAMINA_UNWATCHED size_t lamina_load_size(const void *from)
{
    size_t value;
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(&value, from, sizeof value);
    LAMINA_UNWATCHED_END_;
    return value;
}

LAMINA_UNWATCHED void lamina_store_size(void *at, size_t value)
{
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(at, &value, sizeof value);
    LAMINA_UNWATCHED_END_;
}

LAMINA_UNWATCHED uint64_t lamina_load_u64(const void *from)
{
    uint64_t value;
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(&value, from, sizeof value);
    LAMINA_UNWATCHED_END_;
    return value;
}

LAMINA_UNWATCHED void lamina_store_u64(void *at, uint64_t value)
{
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(at, &value, sizeof value);
    LAMINA_UNWATCHED_END_;
}

LAMINA_UNWATCHED uint32_t lamina_load_u32(const void *from)
{
    uint32_t value;
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(&value, from, sizeof value);
    LAMINA_UNWATCHED_END_;
    return value;
}

LAMINA_UNWATCHED void lamina_store_u32(void *at, uint32_t value)
{
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(at, &value, sizeof value);
    LAMINA_UNWATCHED_END_;
}

LAMINA_UNWATCHED uint16_t lamina_load_u16(const void *from)
{
    uint16_t value;
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(&value, from, sizeof value);
    LAMINA_UNWATCHED_END_;
    return value;
}

LAMINA_UNWATCHED void lamina_store_u16(void *at, uint16_t value)
{
    LAMINA_UNWATCHED_BEGIN_;
    __builtin_memcpy(at, &value, sizeof value);
    LAMINA_UNWATCHED_END_;
}

LAMINA_EXTERN_C_END

#endif /* LAMINA_CORE_H */
