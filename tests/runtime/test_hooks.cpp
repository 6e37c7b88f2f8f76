// SPDX-License-Identifier: MIT
#include "support.hpp"

#include "lamina/hooks.h"
#include "lamina/thread.h"

#include <string>
#include <thread>
#include <vector>

namespace
{

struct Noted {
    std::string *said;
    char letter;
};

void say(void *context)
{
    const auto *const noted = static_cast<const Noted *>(context);
    noted->said->push_back(noted->letter);
}

} // namespace

TEST_CASE("a thread's end is told, the last hook first, each once", "[hooks][threads]")
{
    std::string said;
    Noted a{&said, 'a'};
    Noted b{&said, 'b'};
    Noted c{&said, 'c'};
    lamina_thread_hook hooks[3] = {};
    for (int round = 0; round < 3; round++) { // the objects can be used again
        said.clear();
        bool ok = true;
        int error = 0;
        std::thread([&] {
            lamina_set_last_os_error(support::untouched);
            ok = lamina_thread_hook_add(&hooks[0], say, &a) && lamina_thread_hook_add(&hooks[1], say, &b) &&
                 lamina_thread_hook_add(&hooks[2], say, &c);
            ok = ok && (lamina_last_os_error() == support::untouched);
            ok = ok && !lamina_thread_hook_add(&hooks[1], say, &b);
            error = lamina_last_os_error();
            ok = ok && said.empty();
        }).join();
        REQUIRE(ok);
        REQUIRE(error == EINVAL);
        REQUIRE(said == "cba");
    }
    said.clear();
    bool ok = true;
    std::thread([&] {
        ok = lamina_thread_hook_add(&hooks[0], say, &a) && lamina_thread_hook_add(&hooks[1], say, &b) &&
             lamina_thread_hook_add(&hooks[2], say, &c);
        ok = ok && lamina_thread_hook_remove(&hooks[1]); // in the middle
        ok = ok && lamina_thread_hook_remove(&hooks[2]); // the first of the list
        ok = ok && !lamina_thread_hook_remove(&hooks[2]) && (lamina_last_os_error() == EINVAL);
    }).join();
    REQUIRE(ok);
    REQUIRE(said == "a");
    REQUIRE_REFUSED(lamina_thread_hook_remove(&hooks[0]), EINVAL); // its thread is gone, and so is its entry
    REQUIRE_REFUSED(lamina_thread_hook_remove(nullptr), EINVAL);
    REQUIRE_REFUSED(lamina_thread_hook_add(nullptr, say, nullptr), EINVAL);
    REQUIRE_REFUSED(lamina_thread_hook_add(&hooks[0], nullptr, nullptr), EINVAL);
}

TEST_CASE("a hook may register another, which is called too", "[hooks][threads]")
{
    static std::string said;
    static lamina_thread_hook first;
    static lamina_thread_hook second;
    said.clear();
    bool ok = false;
    std::thread([&] {
        ok = lamina_thread_hook_add(
            &first,
            [](void *) {
                said += "1";
                if (!lamina_thread_hook_add(&second, [](void *) { said += "2"; }, nullptr)) {
                    said += "!";
                }
            },
            nullptr);
    }).join();
    REQUIRE(ok);
    REQUIRE(said == "12");
}

TEST_CASE("each of many threads has hooks of its own", "[hooks][threads]")
{
    constexpr size_t count = 16;
    std::string said[count];
    lamina_thread_hook hooks[count] = {};
    Noted noted[count];
    std::vector<std::thread> threads;
    for (size_t i = 0; i < count; i++) {
        noted[i] = {&said[i], 'x'};
        threads.emplace_back([&, i] {
            if (!lamina_thread_hook_add(&hooks[i], say, &noted[i])) {
                said[i] = "no hook";
            }
        });
    }
    for (std::thread &thread : threads) {
        thread.join();
    }
    for (const std::string &each : said) {
        REQUIRE(each == "x");
    }
}

namespace
{

std::string forked;

template <char Letter> void note(void *)
{
    forked.push_back(Letter);
}

} // namespace

TEST_CASE("a fork is told: back to front before it, front to back after it", "[hooks]")
{
    lamina_fork_hook first = {nullptr, nullptr, note<'a'>, note<'b'>, note<'c'>, nullptr};
    lamina_fork_hook second = {nullptr, nullptr, note<'d'>, note<'e'>, note<'f'>, nullptr};
    lamina_fork_hook silent = {};
    REQUIRE_WORKS(lamina_fork_hook_add(&first));
    REQUIRE_WORKS(lamina_fork_hook_add(&silent));
    REQUIRE_WORKS(lamina_fork_hook_add(&second));
    REQUIRE_REFUSED(lamina_fork_hook_add(&second), EINVAL);
    REQUIRE_REFUSED(lamina_fork_hook_add(nullptr), EINVAL);
    const auto child = [](const std::string &expected) {
        forked.clear();
        return support::in_child([&] {
            lamina_fork_hook another = {};
            // The registry works in the child too.
            const bool works = lamina_fork_hook_add(&another) && lamina_fork_hook_remove(&another);
            _exit((works && (forked == expected)) ? 1 : 2);
        });
    };
    REQUIRE(child("dacf").status == 1);
    REQUIRE(forked == "dabe");
    REQUIRE_WORKS(lamina_fork_hook_remove(&first));
    REQUIRE_REFUSED(lamina_fork_hook_remove(&first), EINVAL);
    REQUIRE(child("df").status == 1);
    REQUIRE(forked == "de");
    REQUIRE_WORKS(lamina_fork_hook_remove(&silent));
    REQUIRE_WORKS(lamina_fork_hook_remove(&second));
    REQUIRE_REFUSED(lamina_fork_hook_remove(nullptr), EINVAL);
    REQUIRE(child("").status == 1);
    REQUIRE(forked.empty());
}

TEST_CASE("a lock that hooks take over a fork is free in the child, whoever held it", "[hooks][threads]")
{
    static lamina_mutex_t mutex = LAMINA_MUTEX_INIT;
    static bool stop;
    const auto unlock = [](void *) { lamina_mutex_unlock(&mutex); };
    lamina_fork_hook hook = {nullptr, nullptr, [](void *) { lamina_mutex_lock(&mutex); }, unlock, unlock, nullptr};
    REQUIRE(lamina_fork_hook_add(&hook));
    lamina_atomic_store_flag_relaxed(&stop, false);
    std::thread busy([] {
        while (!lamina_atomic_load_flag_relaxed(&stop)) {
            lamina_mutex_lock(&mutex);
            lamina_mutex_unlock(&mutex);
        }
    });
    int free_in_child = 0;
    for (int i = 0; i < 20; i++) {
        free_in_child += support::in_child([] { _exit(lamina_mutex_try_lock(&mutex) ? 1 : 2); }).status == 1;
    }
    lamina_atomic_store_flag_relaxed(&stop, true);
    busy.join();
    REQUIRE(lamina_fork_hook_remove(&hook));
    REQUIRE(free_in_child == 20);
}
