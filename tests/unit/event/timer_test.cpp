// SPDX-License-Identifier: BSD-2-Clause
// TimerWheel: never early, lazy re-arming, far deadlines, jumps.
#include "event/timer.h"

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::event {
namespace {

struct Probe : Timer {
    int fired = 0;

    Probe() {
        fire = [](Timer& self) { ++static_cast<Probe&>(self).fired; };
    }
};

TEST(TimerWheel, FiresAtTheDeadlineAndNotBefore) {
    TimerWheel wheel(Millis(1000));
    Probe probe;
    wheel.arm(probe, Millis(1500));

    wheel.advance(Millis(1499));
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(Millis(1500));
    EXPECT_EQ(probe.fired, 1);
    EXPECT_FALSE(probe.is_armed());
}

TEST(TimerWheel, OnlyStoresADeadlineMovedLaterAndFiresThen) {
    TimerWheel wheel(Millis(0));
    Probe probe;
    wheel.arm(probe, Millis(100));
    const ListHook* const neighbour = probe.next;

    wheel.arm(probe, Millis(5000));
    EXPECT_EQ(probe.next, neighbour) << "the entry was filed anew";
    wheel.advance(Millis(100));
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(Millis(4999));
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(Millis(5000));
    EXPECT_EQ(probe.fired, 1);
}

TEST(TimerWheel, MovesADeadlineEarlier) {
    TimerWheel wheel(Millis(0));
    Probe probe;
    wheel.arm(probe, Millis(100000));

    wheel.arm(probe, Millis(10));
    wheel.advance(Millis(10));

    EXPECT_EQ(probe.fired, 1);
}

TEST(TimerWheel, MovedLaterThenEarlierThanItsPlaceStillFiresOnTime) {
    TimerWheel wheel(Millis(0));
    Probe probe;
    wheel.arm(probe, Millis(100));
    wheel.arm(probe, Millis(9000));

    wheel.arm(probe, Millis(50));
    wheel.advance(Millis(49));
    EXPECT_EQ(probe.fired, 0);
    wheel.advance(Millis(50));
    EXPECT_EQ(probe.fired, 1);
    wheel.advance(Millis(10000));
    EXPECT_EQ(probe.fired, 1);
}

TEST(TimerWheel, DisarmedAndDestroyedTimersDoNotFire) {
    TimerWheel wheel(Millis(0));
    Probe disarmed;
    auto destroyed = std::make_unique<Probe>();
    wheel.arm(disarmed, Millis(5));
    wheel.arm(*destroyed, Millis(5));

    wheel.disarm(disarmed);
    destroyed.reset();
    wheel.advance(Millis(1000));

    EXPECT_EQ(disarmed.fired, 0);
    EXPECT_FALSE(wheel.next_deadline().has_value());
}

TEST(TimerWheel, KeepsTimersOfYearsAhead) {
    constexpr Millis kYear{std::int64_t{365} * 24 * 3600 * 1000};
    TimerWheel wheel(Millis(123));
    Probe year;
    Probe century;
    Probe never;
    wheel.arm(year, kYear);
    wheel.arm(century, 100 * kYear);
    wheel.arm(never, Millis::max());

    wheel.advance(kYear - Millis(1));
    EXPECT_EQ(year.fired, 0);
    wheel.advance(kYear);
    EXPECT_EQ(year.fired, 1);
    wheel.advance(100 * kYear - Millis(1));
    EXPECT_EQ(century.fired, 0);
    wheel.advance(100 * kYear);
    EXPECT_EQ(century.fired, 1);
    EXPECT_EQ(never.fired, 0);
    EXPECT_TRUE(never.is_armed());
}

TEST(TimerWheel, SurvivesAJumpAheadAndAReadingOfThePast) {
    TimerWheel wheel(Millis(0));
    Probe a;
    Probe b;
    wheel.arm(a, Millis(10));
    wheel.arm(b, Millis(70000));

    wheel.advance(Millis(60000));
    wheel.advance(Millis(100));
    EXPECT_EQ(a.fired, 1);
    EXPECT_EQ(b.fired, 0);
    wheel.advance(Millis(70000));
    EXPECT_EQ(b.fired, 1);
}

TEST(TimerWheel, FiresAPastDeadlineInTheNextAdvance) {
    TimerWheel wheel(Millis(1000));
    Probe probe;

    wheel.arm(probe, Millis(10));
    EXPECT_LE(*wheel.next_deadline(), Millis(1000));
    wheel.advance(Millis(1000));

    EXPECT_EQ(probe.fired, 1);
}

struct Rearming : Timer {
    TimerWheel* wheel = nullptr;
    int fired = 0;
};

TEST(TimerWheel, ATimerThatRearmsItselfInThePastFiresOncePerAdvance) {
    TimerWheel wheel(Millis(100));
    Rearming timer;
    timer.wheel = &wheel;
    timer.fire = [](Timer& self) {
        auto& rearming = static_cast<Rearming&>(self);
        ++rearming.fired;
        rearming.wheel->arm(self, Millis(0));
    };
    wheel.arm(timer, Millis(200));

    wheel.advance(Millis(200));
    EXPECT_EQ(timer.fired, 1);
    wheel.advance(Millis(200));
    EXPECT_EQ(timer.fired, 2);
}

struct Killer : Timer {
    std::unique_ptr<Probe> victim = std::make_unique<Probe>();
};

TEST(TimerWheel, ACallbackMayDestroyATimerOfTheSameTick) {
    TimerWheel wheel(Millis(0));
    Killer killer;
    killer.fire = [](Timer& self) { static_cast<Killer&>(self).victim.reset(); };
    wheel.arm(killer, Millis(7));
    wheel.arm(*killer.victim, Millis(7));
    Probe last;
    wheel.arm(last, Millis(7));

    wheel.advance(Millis(7));

    EXPECT_EQ(killer.victim, nullptr);
    EXPECT_EQ(last.fired, 1);
}

// A model check: many timers, random moves, random steps; every timer fires in the first advance
// that reaches its deadline, and next_deadline() never sleeps past one.
TEST(TimerWheel, AgreesWithAPlainListOfDeadlines) {
    std::mt19937_64 random(42);
    Millis now{1'000'003};
    TimerWheel wheel(now);
    std::vector<std::unique_ptr<Probe>> timers;
    std::vector<int> expected(200, 0);
    for (std::size_t i = 0; i < expected.size(); ++i) {
        timers.push_back(std::make_unique<Probe>());
    }
    const auto below = [&](std::uint64_t limit) {
        return static_cast<std::int64_t>(random() % limit);
    };

    for (int step = 0; step < 3000; ++step) {
        for (int move = 0; move < 8; ++move) {
            Probe& timer = *timers[static_cast<std::size_t>(below(timers.size()))];
            const std::int64_t range = std::int64_t{1} << below(24);
            if (below(5) == 0) {
                wheel.disarm(timer);
            } else {
                wheel.arm(timer, now + Millis(below(static_cast<std::uint64_t>(range)) + 1));
            }
        }
        std::optional<Millis> earliest;
        for (const auto& timer : timers) {
            if (timer->is_armed() && (!earliest || timer->deadline < *earliest)) {
                earliest = timer->deadline;
            }
        }
        const std::optional<Millis> next = wheel.next_deadline();
        if (earliest) {
            ASSERT_TRUE(next.has_value());
            ASSERT_LE(*next, *earliest);
        }
        now += Millis(below(std::uint64_t{1} << below(20)));
        for (std::size_t i = 0; i < timers.size(); ++i) {
            expected[i] += timers[i]->is_armed() && timers[i]->deadline <= now ? 1 : 0;
        }
        wheel.advance(now);
        for (std::size_t i = 0; i < timers.size(); ++i) {
            ASSERT_EQ(timers[i]->fired, expected[i]) << "timer " << i << " step " << step;
        }
    }
}

}  // namespace
}  // namespace sluice::event
