// SPDX-License-Identifier: BSD-2-Clause
// Processes that are killed while they use a zone, at every instruction and in great numbers: every
// key stays readable or is cleanly absent, no lock wedges, no counted change is lost or invented.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <signal.h>
#include <string>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "shm/zone_user.h"
#include "sys/file.h"

namespace sluice::shm {
namespace {

constexpr ZoneKind kKind{.name = "test"};
constexpr Millis kNow{1'000'000};

/// The thread sanitizer sees threads, not processes, and makes of each instruction ten.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool kHasThreadSanitizer = true;
#else
constexpr bool kHasThreadSanitizer = false;
#endif
#else
constexpr bool kHasThreadSanitizer = false;
#endif

/// A value that tells its own size and key, so that a torn one is seen.
std::string value_of(unsigned key, std::size_t size) {
    std::string out(16 + size, static_cast<char>('a' + key % 26));
    std::memcpy(out.data(), &size, sizeof size);
    return out;
}

bool is_whole(unsigned key, std::string_view value) {
    std::size_t size = 0;
    if (value.size() < 16) {
        return false;
    }
    std::memcpy(&size, value.data(), sizeof size);
    return value == value_of(key, size);
}

/// Whether it was counted: on a busy machine a living owner of the lock may be off the CPU for longer
/// than others wait.
bool add_one(ZoneUser& user, std::string_view key) {
    const auto outcome = user.update(key, kNow, [](Draft& draft) {
        std::uint64_t count = 0;
        if (!draft.is_new) {
            std::memcpy(&count, draft.bytes.data(), sizeof count);
        }
        ++count;
        std::memcpy(draft.bytes.data(), &count, sizeof count);
        draft.size = sizeof count;
        return Decision::Store;
    });
    return outcome == ZoneOutcome::Done;
}

std::uint64_t count_of(ZoneUser& user, std::string_view key) {
    std::uint64_t count = 0;
    std::array<char, 8> out{};
    const ZoneValue found = user.get(key, kNow, out);
    if (found.outcome == ZoneOutcome::Done) {
        std::memcpy(&count, out.data(), sizeof count);
    }
    return found.outcome == ZoneOutcome::Busy ? UINT64_MAX : count;
}

struct Rng {
    std::uint64_t state;

    std::uint64_t next(std::uint64_t limit) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        return (state >> 33) % limit;
    }
};

// ---- every instruction ----

/// What the stepped child does: one of each change, the last ones with an eviction.
void change_everything(ZoneUser& user) {
    add_one(user, "counter");
    static_cast<void>(user.put("1", value_of(1, 300), {.now = kNow}));
    static_cast<void>(user.erase("2", kNow));
    static_cast<void>(user.put("3", value_of(3, 5000), {.now = kNow}));
}

/// A child that stops before its first change, to be stepped. -1: tracing is not allowed here.
pid_t start_stepped(const Zone& zone) {
    const pid_t child = ::fork();
    if (child == 0) {
        sys::RobustOwner owner;
        static_cast<void>(sys::RobustOwner::start(owner));
        ZoneUser user(zone, owner);
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(9);
        }
        ::raise(SIGSTOP);
        change_everything(user);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSTOPPED(status) ? child : -1;
}

/// One more instruction. False: the child has ended.
bool step(pid_t child) {
    int status = 0;
    ::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr);
    ::waitpid(child, &status, 0);
    return WIFSTOPPED(status);
}

std::span<char> bytes_of(const Zone& zone) {
    return {zone.shard_base(0) - 4096, kMinZoneBytes};
}

/// What the kernel does to the lock of a process that dies.
void let_owner_die(const Zone& zone, pid_t owner) {
    const std::atomic_ref word(*static_cast<std::uint32_t*>(static_cast<void*>(zone.shard_base(0))));
    if ((word & sys::kFutexOwner) == static_cast<std::uint32_t>(owner)) {
        word = (word & sys::kFutexWaiters) | sys::kFutexOwnerDied;
    }
}

// The child is not killed for each point; the zone's bytes at that moment are what is looked at.
TEST(KilledZoneUser, LeavesEveryKeyReadableOrAbsentAtEveryInstruction) {
    if (kHasThreadSanitizer) {
        GTEST_SKIP() << "there are no threads here";
    }
    const ZoneSize size{.bytes = kMinZoneBytes, .shards = 1};
    const Zone zone = Zone::create(kKind, size).value();
    const Zone blank = Zone::create(kKind, size).value();
    std::ranges::copy(bytes_of(zone), bytes_of(blank).begin());  // the same hash key
    const Zone copy = Zone::attach(kKind, size, sys::duplicate(blank.fd()).value()).value();
    sys::RobustOwner owner;
    ASSERT_TRUE(sys::RobustOwner::start(owner));
    ZoneUser user(zone, owner);
    add_one(user, "counter");
    for (unsigned key = 0; key < 60; ++key) {
        ASSERT_EQ(user.put(std::to_string(key), value_of(key, 200), {.now = kNow}).outcome,
                  ZoneOutcome::Done);
    }
    add_one(user, "counter");
    const std::uint64_t count = count_of(user, "counter");
    ZoneUser heir(copy, owner);
    std::string out(20'000, '\0');
    const pid_t child = start_stepped(zone);
    if (child < 0) {
        GTEST_SKIP() << "this machine does not allow ptrace";
    }
    std::size_t repaired = 0;

    for (std::size_t steps = 0; step(child); ++steps) {
        std::ranges::copy(bytes_of(zone), bytes_of(copy).begin());
        let_owner_die(copy, child);
        for (unsigned key = 0; key < 60; ++key) {
            const ZoneValue found = heir.get(std::to_string(key), kNow, out);
            ASSERT_NE(found.outcome, ZoneOutcome::Busy) << "after " << steps;
            ASSERT_TRUE(found.outcome == ZoneOutcome::Absent ||
                        is_whole(key, {out.data(), found.size}))
                << "key " << key << " after " << steps;
        }
        const std::uint64_t now = count_of(heir, "counter");
        ASSERT_TRUE(now == count || now == count + 1) << now << " after " << steps;
        ASSERT_EQ(copy.stats().resets, 0U) << "after " << steps;
        repaired += copy.stats().repairs;
    }

    EXPECT_GT(repaired, 1000U);
    EXPECT_GT(zone.stats().evictions, 0U);
    std::printf("sections cut off and repaired: %zu\n", repaired);
}

// ---- many processes ----

constexpr unsigned kProcesses = 16;
constexpr unsigned kCounters = 8;
constexpr unsigned kKeys = 300;

/// What the processes tell the test, in memory that they share.
struct Ledger {
    struct alignas(64) Line {
        std::atomic<std::uint64_t> rounds{0};
        std::atomic<std::uint64_t> torn{0};
        std::array<std::atomic<std::uint64_t>, kCounters> sent{};
        std::array<std::atomic<std::uint64_t>, kCounters> acknowledged{};
    };

    std::array<Line, kProcesses> lines;
};

void use_for_ever(const Zone& counters, const Zone& keys, Ledger::Line& line, std::uint64_t seed) {
    sys::RobustOwner owner;
    if (!sys::RobustOwner::start(owner)) {
        ::_exit(2);
    }
    ZoneUser counting(counters, owner);
    ZoneUser user(keys, owner);
    Rng rng{seed};
    std::string out(8192, '\0');
    while (true) {
        const std::size_t counter = rng.next(kCounters);
        line.sent[counter].fetch_add(1, std::memory_order_relaxed);
        if (add_one(counting, "counter" + std::to_string(counter))) {
            line.acknowledged[counter].fetch_add(1, std::memory_order_relaxed);
        }
        const auto key = static_cast<unsigned>(rng.next(kKeys));
        const std::string name = "key" + std::to_string(key);
        const std::uint64_t what = rng.next(10);
        if (what < 4) {
            const Millis expires = rng.next(2) == 0 ? kNow : Millis(0);
            static_cast<void>(user.put(name, value_of(key, rng.next(3000)),
                                       {.now = kNow - Millis(1), .expires = expires}));
        } else if (what < 6) {
            static_cast<void>(user.erase(name, kNow));
        } else {
            const ZoneValue found = user.get(name, kNow, out);
            if (found.outcome == ZoneOutcome::Done && !is_whole(key, {out.data(), found.size})) {
                line.torn.fetch_add(1, std::memory_order_relaxed);
            }
        }
        line.rounds.fetch_add(1, std::memory_order_relaxed);
    }
}

/// ZONE_KILLS in the environment asks for another number. Sanitizers look for other defects, and slowly.
unsigned kills_wanted() {
    const char* const text = ::getenv("ZONE_KILLS");
    const unsigned usual = ::getenv("SLUICE_SANITIZED") != nullptr ? (kHasThreadSanitizer ? 20 : 100) : 1000;
    return text != nullptr ? static_cast<unsigned>(std::stoul(text)) : usual;
}

TEST(KilledZoneUser, SixteenProcessesKilledAThousandTimesLoseNothing) {
    const Zone counters = Zone::create(kKind, {.bytes = 1 << 20, .shards = 2}).value();
    const Zone keys = Zone::create(kKind, {.bytes = 256 * 1024, .shards = 4}).value();
    void* const memory = ::mmap(nullptr, sizeof(Ledger), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    auto& ledger = *new (memory) Ledger;
    std::array<pid_t, kProcesses> children{};
    Rng rng{42};
    const auto start = [&](std::size_t index) {
        children[index] = ::fork();
        if (children[index] == 0) {
            use_for_ever(counters, keys, ledger.lines[index], rng.state + index);
        }
    };
    for (std::size_t i = 0; i < kProcesses; ++i) {
        start(i);
    }
    const auto rounds = [&] {
        std::uint64_t sum = 0;
        for (const Ledger::Line& line : ledger.lines) {
            sum += line.rounds;
        }
        return sum;
    };
    // After a number of all processes' rounds: a point of the work, not of time.
    for (unsigned kills = 0; kills < kills_wanted(); ++kills) {
        const std::size_t victim = rng.next(kProcesses);
        const std::uint64_t goal = rounds() + 1 + rng.next(500);
        while (rounds() < goal) {
            ::sched_yield();
        }
        ::kill(children[victim], SIGKILL);
        int status = 0;
        ASSERT_EQ(::waitpid(children[victim], &status, 0), children[victim]);
        ASSERT_TRUE(WIFSIGNALED(status)) << "a process ended by itself: " << status;
        start(victim);
    }
    for (const pid_t child : children) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }

    sys::RobustOwner owner;
    ASSERT_TRUE(sys::RobustOwner::start(owner));
    ZoneUser counting(counters, owner);
    ZoneUser user(keys, owner);
    for (std::size_t i = 0; i < kCounters; ++i) {
        std::uint64_t sent = 0;
        std::uint64_t acknowledged = 0;
        for (const Ledger::Line& line : ledger.lines) {
            sent += line.sent[i];
            acknowledged += line.acknowledged[i];
            EXPECT_EQ(line.torn, 0U);
        }
        const std::uint64_t count = count_of(counting, "counter" + std::to_string(i));
        EXPECT_LE(acknowledged, count);
        EXPECT_LE(count, sent);
    }
    std::string out(8192, '\0');
    for (unsigned key = 0; key < kKeys; ++key) {
        const ZoneValue found = user.get("key" + std::to_string(key), kNow, out);
        EXPECT_NE(found.outcome, ZoneOutcome::Busy);
        EXPECT_TRUE(found.outcome != ZoneOutcome::Done || is_whole(key, {out.data(), found.size}));
    }
    EXPECT_EQ(keys.stats().resets + counters.stats().resets, 0U);
    if (kills_wanted() >= 1000) {
        EXPECT_GT(keys.stats().repairs + counters.stats().repairs, 0U) << "nobody died inside";
    }
    RecordProperty("repairs",
                   static_cast<int>(keys.stats().repairs + counters.stats().repairs));
    std::printf("repaired sections: %llu keys, %llu counters; evictions %llu\n",
                static_cast<unsigned long long>(keys.stats().repairs),
                static_cast<unsigned long long>(counters.stats().repairs),
                static_cast<unsigned long long>(keys.stats().evictions));
    ::munmap(memory, sizeof(Ledger));
}

// ---- threads, for the thread sanitizer ----

TEST(ZoneUserThreads, ShareOneMappingWithoutARace) {
    const Zone zone = Zone::create(kKind, {.bytes = 256 * 1024, .shards = 2}).value();
    constexpr unsigned kRounds = 3000;
    std::vector<std::thread> threads;
    std::atomic<unsigned> torn{0};
    std::atomic<unsigned> counted{0};
    for (unsigned index = 0; index < 4; ++index) {
        threads.emplace_back([&, index] {
            sys::RobustOwner owner;
            ASSERT_TRUE(sys::RobustOwner::start(owner));
            ZoneUser user(zone, owner);
            Rng rng{index};
            std::string out(4096, '\0');
            for (unsigned round = 0; round < kRounds; ++round) {
                counted += add_one(user, "counter") ? 1U : 0U;
                const auto key = static_cast<unsigned>(rng.next(50));
                static_cast<void>(
                    user.put(std::to_string(key), value_of(key, rng.next(1000)), {.now = kNow}));
                const ZoneValue found = user.get(std::to_string(key), kNow, out);
                torn += found.outcome == ZoneOutcome::Done &&
                        !is_whole(key, {out.data(), found.size});
                static_cast<void>(zone.stats());
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }

    sys::RobustOwner owner;
    ASSERT_TRUE(sys::RobustOwner::start(owner));
    ZoneUser user(zone, owner);
    EXPECT_EQ(count_of(user, "counter"), counted);
    EXPECT_EQ(torn, 0U);
}

}  // namespace
}  // namespace sluice::shm
