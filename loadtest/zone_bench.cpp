// SPDX-License-Identifier: BSD-2-Clause
// zone_bench: what one operation on a shared zone costs, alone and with other processes beside it.
// Prints nanoseconds per operation; medians of five rounds. Runs in: any.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "shm/zone_user.h"
#include "sys/clock.h"

namespace {

using namespace sluice;  // NOLINT(google-build-using-namespace): a program of one file

constexpr shm::ZoneKind kKind{.name = "bench"};
constexpr std::size_t kRounds = 200'000;
constexpr Millis kNow{1000};

struct Case {
    const char* name;
    void (*run)(shm::ZoneUser&, const std::string& key, std::string_view value);
};

void put(shm::ZoneUser& user, const std::string& key, std::string_view value) {
    static_cast<void>(user.put(key, value, {.now = kNow}));
}

void get(shm::ZoneUser& user, const std::string& key, std::string_view) {
    std::array<char, 4096> out;
    static_cast<void>(user.get(key, kNow, out));
}

void count(shm::ZoneUser& user, const std::string& key, std::string_view) {
    static_cast<void>(user.update(key, kNow, [](shm::Draft& draft) {
        std::uint64_t number = 0;
        if (!draft.is_new) {
            std::memcpy(&number, draft.bytes.data(), sizeof number);
        }
        ++number;
        std::memcpy(draft.bytes.data(), &number, sizeof number);
        draft.size = sizeof number;
        return shm::Decision::Store;
    }));
}

constexpr Case kCases[] = {{"put", put}, {"get", get}, {"update a counter", count}};

double median_nanos(shm::ZoneUser& user, const Case& one, std::string_view value) {
    std::vector<std::string> keys;
    for (int i = 0; i < 1024; ++i) {
        keys.push_back(std::string(one.name) + std::to_string(i) + std::to_string(value.size()));
        put(user, keys.back(), value);
    }
    std::array<double, 5> rounds{};
    for (double& round : rounds) {
        const Nanos start = sys::monotonic_nanos();
        for (std::size_t i = 0; i < kRounds; ++i) {
            one.run(user, keys[i % keys.size()], value);
        }
        round = static_cast<double>((sys::monotonic_nanos() - start).count()) / kRounds;
    }
    std::ranges::sort(rounds);
    return rounds[2];
}

void measure(const shm::Zone& zone, const char* beside) {
    sys::RobustOwner owner;
    if (!sys::RobustOwner::start(owner)) {
        return;
    }
    shm::ZoneUser user(zone, owner);
    for (const std::size_t size : {std::size_t{8}, std::size_t{1024}, std::size_t{4096}}) {
        const std::string value(size, 'v');
        for (const Case& one : kCases) {
            if (one.run == count && size != 8) {
                continue;
            }
            std::printf("%-18s %5zu bytes  %-18s %7.0f ns\n", one.name, size, beside,
                        median_nanos(user, one, value));
        }
    }
}

}  // namespace

int main() {
    const auto zone = sluice::shm::Zone::create(kKind, {.bytes = 64 << 20});
    if (!zone) {
        return 1;
    }
    measure(*zone, "alone");
    const pid_t other = ::fork();
    if (other == 0) {
        sys::RobustOwner owner;
        static_cast<void>(sys::RobustOwner::start(owner));
        shm::ZoneUser user(*zone, owner);
        const std::string value(1024, 'v');
        for (unsigned i = 0;; ++i) {
            put(user, "other" + std::to_string(i % 4096), value);
        }
    }
    measure(*zone, "beside a writer");
    ::kill(other, SIGKILL);
    ::waitpid(other, nullptr, 0);
    return 0;
}
