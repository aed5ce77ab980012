// SPDX-License-Identifier: BSD-2-Clause
// Workers that are killed while they use one zone of upstreams: the lock is to be had again soon,
// what the dead had counted is given back, and picks go on.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <optional>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "sys/file.h"
#include "upstream_fixture.h"

namespace sluice::upstream {
namespace {

using Clock = std::chrono::steady_clock;

constexpr shm::ZoneSize kSize{.bytes = 1 << 20, .shards = 1};
constexpr std::string_view kText =
    "stream { upstream u { server 127.0.0.1:1; server 127.0.0.1:2; server 127.0.0.1:3; } }";

/// A process's way to the zone, as a worker has it.
struct Worker {
    Worker(int fd, shm::SlotTable slots, SlotId slot)
        : zone(shm::Zone::attach(kUpstreamZone, kSize, sys::duplicate(fd).value()).value()),
          user(zone, owner) {
        EXPECT_TRUE(sys::RobustOwner::start(owner));
        store.emplace(user, slots, slot);
    }

    shm::Zone zone;
    sys::RobustOwner owner;
    shm::ZoneUser user;
    std::optional<PeerStore> store;
};

class KilledWorker : public testing::Test {
  protected:
    KilledWorker() : zone_(shm::Zone::create(kUpstreamZone, kSize).value()), table_(slots_) {
        claim();
    }

    SlotId claim() {
        const SlotId id = table_.claim(1).value();
        table_.assign(id, 1, 1);
        return id;
    }

    /// Starts a process that runs `work(store)` for ever, and waits until it says that it has begun.
    template <class Work>
    pid_t start(SlotId slot, const Work& work) {
        std::array<int, 2> said{};
        EXPECT_EQ(::pipe(said.data()), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            Worker worker(zone_.fd(), table_, slot);
            work(*worker.store, [&] { static_cast<void>(!::write(said[1], "x", 1)); });
            ::_exit(0);
        }
        char byte = 0;
        EXPECT_EQ(::read(said[0], &byte, 1), 1);
        ::close(said[0]);
        ::close(said[1]);
        return child;
    }

    void kill_and_reap(pid_t child, SlotId slot) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        table_.release(slot);
    }

    std::array<shm::Slot, 16> slots_{};
    shm::Zone zone_;
    shm::SlotTable table_;
};

/// Milliseconds from `begin` on.
double since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

TEST_F(KilledWorker, LockIsToBeHadSoon) {
    Worker heir(zone_.fd(), table_, SlotId{0});
    const auto start_owner = [&](SlotId slot) {
        return start(slot, [](PeerStore& store, const auto& say) {
            const PeerStore::Lock lock(store);
            say();
            ::pause();
        });
    };
    std::vector<double> waits;
    std::vector<double> deaths;  // how long this machine takes to end a process
    for (int i = 0; i < 20; ++i) {
        const SlotId slot = claim();
        const pid_t child = start_owner(slot);
        Clock::time_point begin = Clock::now();
        ::kill(child, SIGKILL);
        { const PeerStore::Lock lock(*heir.store); }
        waits.push_back(since(begin));
        ::waitpid(child, nullptr, 0);
        table_.release(slot);

        const SlotId next = claim();
        const pid_t other = start_owner(next);
        begin = Clock::now();
        kill_and_reap(other, next);
        deaths.push_back(since(begin));
        { const PeerStore::Lock lock(*heir.store); }
    }
    std::ranges::sort(waits);
    std::ranges::sort(deaths);
    std::printf("lock of a dead worker: median %.3f ms, worst %.3f ms; a death takes %.3f ms\n",
                waits[10], waits.back(), deaths[10]);
    EXPECT_LT(waits[10], 50 + deaths[10]);
    EXPECT_LT(waits.back(), 1000 + deaths.back());
}

TEST_F(KilledWorker, CountsOfTheDeadAreGivenBack) {
    Worker heir(zone_.fd(), table_, SlotId{0});
    UpstreamFixture site(kText, {}, &*heir.store);
    const SlotId slot = claim();
    const pid_t child = start(slot, [](PeerStore& store, const auto& say) {
        UpstreamFixture theirs(kText, {}, &store);
        std::array<Attempt, 6> held;
        for (Attempt& attempt : held) {
            theirs.begin(attempt, "u");
            static_cast<void>(attempt.next(theirs.now));
        }
        say();
        ::pause();
    });
    Attempt own;
    site.begin(own, "u");
    ASSERT_NE(own.next(site.now), nullptr);
    const auto sum = [&] {
        std::uint64_t out = 0;
        for (const PeerRef& peer : site.group("u").known_peers().peers) {
            out += peer->state->connections.get();
        }
        return out;
    };
    ASSERT_EQ(sum(), 7U);

    kill_and_reap(child, slot);
    heir.store->reap_dead();

    EXPECT_EQ(sum(), 1U);
    own.succeed(site.now);
    EXPECT_EQ(sum(), 0U);
}

TEST_F(KilledWorker, ManyThatAreKilledAnywhereLeaveASoundZone) {
    constexpr int kKills = 30;
    Worker heir(zone_.fd(), table_, SlotId{0});
    UpstreamFixture site(kText, {}, &*heir.store);
    struct Child {
        pid_t pid;
        SlotId slot;
    };
    std::vector<Child> children;
    const auto begin = [&] {
        const SlotId slot = claim();
        children.push_back({start(slot,
                                  [](PeerStore& store, const auto& say) {
                                      UpstreamFixture theirs(kText, {}, &store);
                                      say();
                                      while (true) {
                                          std::array<Attempt, 4> held;
                                          for (Attempt& attempt : held) {
                                              theirs.begin(attempt, "u");
                                              static_cast<void>(attempt.next(theirs.now));
                                          }
                                      }
                                  }),
                            slot});
    };
    for (int i = 0; i < 4; ++i) {
        begin();
    }
    int found = 0;
    for (int i = 0; i < kKills; ++i) {
        for (int picks = 0; picks < 20; ++picks) {
            Attempt attempt;
            site.begin(attempt, "u");
            found += attempt.next(site.now) != nullptr ? 1 : 0;
        }
        const Child victim = children[static_cast<std::size_t>(i) % children.size()];
        kill_and_reap(victim.pid, victim.slot);
        std::erase_if(children, [&](const Child& one) { return one.pid == victim.pid; });
        begin();
    }
    for (const Child& child : children) {
        kill_and_reap(child.pid, child.slot);
    }

    heir.store->reap_dead();

    EXPECT_EQ(found, kKills * 20);
    for (const PeerRef& peer : site.group("u").known_peers().peers) {
        EXPECT_EQ(peer->state->connections.get(), 0U) << peer->name;
    }
    EXPECT_EQ(site.ports("u", 30).size(), 59U);
}

TEST_F(KilledWorker, LeaseGoesToALivingWorker) {
    Worker heir(zone_.fd(), table_, SlotId{0});
    GroupState& group = heir.store->group("g", Millis(1));
    const SlotId slot = claim();
    const pid_t child = start(slot, [](PeerStore& store, const auto& say) {
        GroupState& theirs = store.group("g", Millis(1));
        {
            const PeerStore::Lock lock(store);
            EXPECT_TRUE(store.take_lease(theirs, Millis(1000)));
        }
        say();
        ::pause();
    });
    {
        const PeerStore::Lock lock(*heir.store);
        EXPECT_FALSE(heir.store->take_lease(group, Millis(1001)));
    }

    kill_and_reap(child, slot);

    const PeerStore::Lock lock(*heir.store);
    EXPECT_TRUE(heir.store->take_lease(group, Millis(1002)));
}

}  // namespace
}  // namespace sluice::upstream
