// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/os.h"
#include "lamina/secret.h"

namespace
{

constexpr unsigned all =
    LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK | LAMINA_SECRET_HIDDEN;

size_t page()
{
    return lamina_os_page_size();
}

bool is_zero(const unsigned char *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

// A process without the privilege to lock what it likes, and with a limit of `bytes`: for children only.
void limit_locking(size_t bytes)
{
    const rlimit limit = {bytes, bytes};
    if ((setrlimit(RLIMIT_MEMLOCK, &limit) != 0) || ((geteuid() == 0) && (setuid(65534) != 0))) {
        _exit(90);
    }
}

} // namespace

TEST_CASE("locked pages are there and stay there", "[secret]")
{
    const size_t bytes = 4 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    REQUIRE_WORKS(lamina_os_lock(p, 2 * page()));
    REQUIRE(support::mapping_of(p).flags.find(" lo ") != std::string::npos);
    REQUIRE(support::mapping_of(p + 2 * page()).flags.find(" lo ") == std::string::npos);
    size_t resident = 0;
    REQUIRE(lamina_os_query(p, bytes, &resident));
    REQUIRE(resident == 2 * page());
    REQUIRE_WORKS(lamina_os_lock_on_touch(p + 2 * page(), page()));
    REQUIRE(lamina_os_query(p, bytes, &resident));
    REQUIRE(resident == 2 * page()); // not before the touch
    REQUIRE(support::mapping_of(p + 2 * page()).flags.find(" lo ") != std::string::npos);
    REQUIRE_WORKS(lamina_os_unlock(p, bytes));
    REQUIRE(support::mapping_of(p).flags.find(" lo ") == std::string::npos);

    REQUIRE_REFUSED(lamina_os_lock(p, 0), EINVAL);
    REQUIRE_REFUSED(lamina_os_lock(p + 1, page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_lock(nullptr, page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_lock(p, SIZE_MAX - page() + 1), EINVAL);
    REQUIRE_REFUSED(lamina_os_lock_on_touch(p + 1, page()), EINVAL);
    REQUIRE_REFUSED(lamina_os_unlock(p, SIZE_MAX), EINVAL);
    REQUIRE_WORKS(lamina_os_release(p + page(), page()));
    REQUIRE_WORKS(lamina_os_lock(p, page()));
    REQUIRE_REFUSED(lamina_os_lock(p, 3 * page()), EINVAL); // a hole …
    REQUIRE(support::mapping_of(p).flags.find(" lo ") != std::string::npos); // … and what was locked before is still
    REQUIRE_REFUSED(lamina_os_unlock(p, 3 * page()), EINVAL);
    REQUIRE(support::mapping_of(p).flags.find(" lo ") != std::string::npos);
    REQUIRE_WORKS(lamina_os_unlock(p, page()));
    REQUIRE_WORKS(lamina_os_release(p, page()));
    REQUIRE_WORKS(lamina_os_release(p + 2 * page(), 2 * page()));
}

TEST_CASE("a secret mapping has what it says", "[secret][death]")
{
    const size_t before = support::mapped_pages();
    for (const unsigned required :
         {0U, LAMINA_SECRET_LOCKED | LAMINA_SECRET_NO_DUMP | LAMINA_SECRET_NO_FORK, LAMINA_SECRET_HIDDEN}) {
        INFO("required " << required);
        unsigned got = 0;
        support::forget_error();
        auto *const p = static_cast<unsigned char *>(lamina_secret_map(3 * page() - 1, required, &got));
        if ((p == nullptr) && (required == LAMINA_SECRET_HIDDEN)) {
            REQUIRE(lamina_last_os_error() != support::untouched); // this kernel has none
            continue;
        }
        REQUIRE(p != nullptr);
        REQUIRE(lamina_last_os_error() == support::untouched);
        REQUIRE((got & required) == required);
        REQUIRE((got & ~all) == 0);
        REQUIRE(is_zero(p, 3 * page()));
        std::memset(p, 0x99, 3 * page());
        const support::Mapping mapping = support::mapping_of(p);
        REQUIRE((got & LAMINA_SECRET_LOCKED) != 0);
        REQUIRE(mapping.flags.find(" lo ") != std::string::npos);
        REQUIRE((mapping.flags.find(" dd ") != std::string::npos) == ((got & LAMINA_SECRET_NO_DUMP) != 0));
        const support::Ending child = support::in_child([&] { _exit((p[0] == 0x99) ? 9 : 0); });
        if ((got & LAMINA_SECRET_NO_FORK) != 0) {
            REQUIRE(((child.signal == SIGSEGV) || (child.status == 0)));
        }
        REQUIRE(p[3 * page() - 1] == 0x99);
        REQUIRE_WORKS(lamina_secret_release(p, 3 * page() - 1));
        REQUIRE_FALSE(support::mapping_of(p).found);
        REQUIRE_REFUSED(lamina_secret_release(p, 3 * page() - 1), EINVAL);
    }
    unsigned got = 77;
    REQUIRE_REFUSED(lamina_secret_map(0, 0, &got), EINVAL);
    REQUIRE_REFUSED(lamina_secret_map(SIZE_MAX, 0, &got), EINVAL);
    REQUIRE_REFUSED(lamina_secret_map(page(), 0x10U, &got), EINVAL);
    REQUIRE_REFUSED(lamina_secret_release(nullptr, page()), EINVAL);
    REQUIRE_REFUSED(lamina_secret_release(&got, page()), EINVAL);
    REQUIRE(got == 77);
    if (support::mappings_are_ours()) {
        REQUIRE(support::mapped_pages() == before);
    }
}

TEST_CASE("where nothing may be locked there is no secret", "[secret]")
{
    const support::Ending child = support::in_child([] {
        limit_locking(0);
        unsigned got = 77;
        const size_t before = support::mapped_pages();
        if (lamina_secret_map(page(), 0, &got) != nullptr) {
            _exit(1);
        }
        const int error = lamina_last_os_error();
        if ((got != 77) || ((error != EPERM) && (error != ENOMEM) && (error != EAGAIN))) {
            _exit(2);
        }
        _exit((support::mapped_pages() == before) ? 3 : 4); // nothing is left behind
    });
    REQUIRE(child.status == 3);
}

TEST_CASE("locked pages aren't given back, and stay locked", "[secret]")
{
    const size_t bytes = 4 * page();
    auto *const p = static_cast<unsigned char *>(lamina_os_map(bytes, 0));
    REQUIRE(p != nullptr);
    std::memset(p, 0x21, bytes);
    REQUIRE_WORKS(lamina_os_protect(p, page(), LAMINA_PROTECT_READ));
    REQUIRE_WORKS(lamina_os_lock(p, 2 * page()));
    lamina_os_contents told = LAMINA_CONTENTS_ZERO;
    for (const size_t size : {page(), 2 * page()}) {
        REQUIRE_REFUSED(lamina_os_decommit(p, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_discard(p, size), EINVAL);
        REQUIRE_REFUSED(lamina_os_purge(p, size, &told), EINVAL);
        REQUIRE((told == LAMINA_CONTENTS_ZERO));
        for (size_t i = 0; i < 2 * page(); i++) {
            REQUIRE(p[i] == 0x21);
        }
        REQUIRE(support::mapping_of(p).rights == "r--p"); // as they were, not those of usable memory
        REQUIRE(support::mapping_of(p + page()).rights == "rw-p");
        REQUIRE(support::mapping_of(p).flags.find(" lo ") != std::string::npos);
        REQUIRE(support::mapping_of(p + page()).flags.find(" lo ") != std::string::npos);
    }
    REQUIRE_WORKS(lamina_os_unlock(p, 2 * page()));
    REQUIRE_WORKS(lamina_os_discard(p, bytes));
    REQUIRE(is_zero(p, bytes));
    REQUIRE_WORKS(lamina_os_release(p, bytes));
}

TEST_CASE("a lock that nobody may have leaves earlier ones", "[secret]")
{
    const support::Ending child = support::in_child([] {
        auto *const p = static_cast<unsigned char *>(lamina_os_map(2 * page(), 0));
        if ((p == nullptr) || !lamina_os_lock(p, page())) {
            _exit(80);
        }
        limit_locking(0);
        if (lamina_os_lock(p, 2 * page()) || (lamina_last_os_error() != EPERM)) {
            _exit(81);
        }
        if (lamina_os_lock_on_touch(p, 2 * page()) || (lamina_last_os_error() != EPERM)) {
            _exit(82);
        }
        _exit((support::mapping_of(p).flags.find(" lo ") != std::string::npos) ? 3 : 83);
    });
    REQUIRE(child.status == 3);
}
