// SPDX-License-Identifier: BSD-2-Clause
// Gathering: whom a rest helps, and how long it may be.
#include "event/gathering.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::event {
namespace {

using Gain = Gathering::Gain;
using namespace std::chrono_literals;

/// Traffic that is the same in every millisecond.
struct Traffic {
    std::size_t sources = 0;
    std::size_t events = 0;  ///< in a millisecond, the sources by turns
    std::size_t items = 1;   ///< of an event
};

struct Site {
    explicit Site(Gain gain) : gathering(gain) {}

    Nanos after(const Traffic& traffic, Millis time) {
        seen.resize(traffic.sources);
        for (const Millis end = now + time; now < end; now += Millis(1)) {
            for (std::size_t i = 0; i < traffic.events; ++i) {
                gathering.note(seen[next++ % seen.size()], traffic.items, now);
            }
        }
        return gathering.rest();
    }

    Gathering gathering;
    std::vector<std::uint32_t> seen;
    std::size_t next = 0;
    Millis now{1000};
};

TEST(Gathering, ManyBusySourcesAllowARest) {
    Site site(Gain::FewerTurns);
    EXPECT_EQ(site.after({.sources = 64, .events = 100}, 20ms), Nanos(100'000));
}

TEST(Gathering, ARestIsShortBesideTheTimeInWhichEachSourceComes) {
    Site site(Gain::FewerTurns);
    // Each of 32 comes every 160 us: a rest of a quarter delays nobody but lets 8 come together.
    EXPECT_EQ(site.after({.sources = 32, .events = 200}, 20ms), Nanos(40'000));
}

TEST(Gathering, FewSourcesWouldOnlyWait) {
    Site site(Gain::FewerTurns);
    EXPECT_EQ(site.after({.sources = 1, .events = 20}, 20ms), Nanos(0));
    EXPECT_EQ(site.after({.sources = 8, .events = 150}, 20ms), Nanos(0));
}

TEST(Gathering, NothingComesTogetherWhereLittleComes) {
    Site site(Gain::FewerTurns);
    EXPECT_EQ(site.after({.sources = 1000, .events = 30}, 100ms), Nanos(0));
}

TEST(Gathering, GroupsHaveToFormAlready) {
    Site single(Gain::LargerGroups);
    EXPECT_EQ(single.after({.sources = 64, .events = 100}, 20ms), Nanos(0));
    Site pairs(Gain::LargerGroups);
    EXPECT_EQ(pairs.after({.sources = 64, .events = 100, .items = 2}, 20ms), Nanos(100'000));
}

TEST(Gathering, LargeGroupsOfFewEventsKeepTheRest) {
    Site site(Gain::LargerGroups);
    EXPECT_EQ(site.after({.sources = 64, .events = 10, .items = 16}, 20ms), Nanos(100'000));
}

TEST(Gathering, APauseEndsIt) {
    Site site(Gain::FewerTurns);
    ASSERT_GT(site.after({.sources = 64, .events = 100}, 20ms), Nanos(0));
    site.now += 50ms;
    EXPECT_EQ(site.after({.sources = 64, .events = 1}, 1ms), Nanos(0));
}

TEST(Gathering, FollowsTheTrafficWithinAFewMilliseconds) {
    Site site(Gain::FewerTurns);
    ASSERT_EQ(site.after({.sources = 64, .events = 20}, 20ms), Nanos(0));
    EXPECT_GT(site.after({.sources = 64, .events = 100}, 5ms), Nanos(0));
    EXPECT_EQ(site.after({.sources = 64, .events = 20}, 5ms), Nanos(0));
}

}  // namespace
}  // namespace sluice::event
