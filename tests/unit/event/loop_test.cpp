// SPDX-License-Identifier: BSD-2-Clause
// Loop: delivery, forgetting inside callbacks, posted work, graves, clocks.
#include "event/loop.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "event/wakeup.h"
#include "sys/socket.h"

namespace sluice::event {
namespace {

Millis fake_monotonic{1000};
Millis fake_wall{500'000};

std::vector<Nanos> rested;

Clocks fake_clocks() {
    rested.clear();
    fake_monotonic = Millis(1000);
    fake_wall = Millis(500'000);
    return {.monotonic = [] { return fake_monotonic; },
            .wall = [] { return fake_wall; },
            .wall_coarse = [] { return fake_wall - Millis(4); },
            .rest = [](Nanos time) { rested.push_back(time); }};
}

class LoopTest : public ::testing::Test {
  protected:
    std::unique_ptr<Loop> loop_ = Loop::create(fake_clocks()).value();

    void turn() { ASSERT_TRUE(loop_->run_once(Millis(0)).has_value()); }
};

struct Socket : Pollable {
    sys::SocketPair pair = sys::socketpair(SOCK_STREAM).value();
    int events_seen = 0;
    std::unique_ptr<Socket>* victim = nullptr;
    Loop* loop = nullptr;

    Socket() {
        fd = pair.first.get();
        on_ready = [](Pollable& self, std::uint32_t) { ++static_cast<Socket&>(self).events_seen; };
    }

    void poke() { ASSERT_TRUE(sys::send(pair.second.get(), std::string_view("x")).has_value()); }
};

TEST_F(LoopTest, DeliversReadinessUntilForgotten) {
    Socket socket;
    socket.poke();
    ASSERT_TRUE(loop_->watch(socket, EPOLLIN).has_value());

    turn();
    EXPECT_EQ(socket.events_seen, 1);
    loop_->forget(socket);
    turn();
    EXPECT_EQ(socket.events_seen, 1);
}

// Whichever of the two is called first destroys the other; its event of this turn must vanish.
TEST_F(LoopTest, NeverCallsAPollableDestroyedInTheSameTurn) {
    auto a = std::make_unique<Socket>();
    auto b = std::make_unique<Socket>();
    int calls = 0;
    static int* counter = nullptr;
    counter = &calls;
    a->victim = &b;
    b->victim = &a;
    for (Socket* socket : {a.get(), b.get()}) {
        socket->loop = loop_.get();
        socket->on_ready = [](Pollable& pollable, std::uint32_t) {
            auto& self = static_cast<Socket&>(pollable);
            ++*counter;
            self.loop->forget(**self.victim);
            self.victim->reset();
        };
        socket->poke();
        ASSERT_TRUE(loop_->watch(*socket, EPOLLIN).has_value());
    }

    turn();

    EXPECT_EQ(calls, 1);
    EXPECT_NE(a == nullptr, b == nullptr);
}

struct Suicide : Socket {
    static inline int destroyed = 0;

    ~Suicide() { ++destroyed; }
};

TEST_F(LoopTest, APollableMayDestroyItselfInItsCallback) {
    auto* const socket = new Suicide;
    socket->loop = loop_.get();
    socket->on_ready = [](Pollable& pollable, std::uint32_t) {
        auto& self = static_cast<Suicide&>(pollable);
        self.loop->forget_before_close(self);
        delete &self;
    };
    socket->poke();
    ASSERT_TRUE(loop_->watch(*socket, EPOLLIN).has_value());
    Suicide::destroyed = 0;

    turn();
    turn();

    EXPECT_EQ(Suicide::destroyed, 1);
}

// A new object at the address of a dead one must not inherit its events.
TEST_F(LoopTest, APollableReusingAForgottenAddressGetsNoStaleEvent) {
    struct First : Socket {
        Socket* other = nullptr;
        int fresh_events = 0;
    };

    First a;
    First b;
    for (First* socket : {&a, &b}) {
        socket->loop = loop_.get();
        socket->other = socket == &a ? &b : &a;
        socket->on_ready = [](Pollable& pollable, std::uint32_t) {
            auto& self = static_cast<First&>(pollable);
            self.loop->forget(*self.other);
            self.other->pair = sys::socketpair(SOCK_STREAM).value();
            self.other->fd = self.other->pair.first.get();
            self.other->on_ready = [](Pollable& stale, std::uint32_t) {
                ++static_cast<First&>(stale).fresh_events;
            };
            ASSERT_TRUE(self.loop->watch(*self.other, EPOLLIN).has_value());
        };
        socket->poke();
        ASSERT_TRUE(loop_->watch(*socket, EPOLLIN).has_value());
    }

    turn();

    EXPECT_EQ(a.fresh_events + b.fresh_events, 0);
}

struct Note : Posted {
    Loop* loop = nullptr;
    std::string* log = nullptr;
    std::string name;
    Note* posts_next = nullptr;

    Note(Loop& the_loop, std::string& the_log, std::string the_name)
        : loop(&the_loop), log(&the_log), name(std::move(the_name)) {
        run = [](Posted& self) {
            auto& note = static_cast<Note&>(self);
            *note.log += note.name;
            if (note.posts_next != nullptr) {
                note.loop->post(*note.posts_next);
            }
        };
    }
};

TEST_F(LoopTest, WorkPostedByPostedWorkRunsInTheNextTurnWithoutSleep) {
    std::string log;
    Note a(*loop_, log, "a");
    Note b(*loop_, log, "b");
    a.posts_next = &b;
    loop_->post(a);
    loop_->post(a);

    turn();
    EXPECT_EQ(log, "a");
    ASSERT_TRUE(loop_->run_once(Millis(-1)).has_value());  // would hang if it slept
    EXPECT_EQ(log, "ab");
}

TEST_F(LoopTest, PostedWorkThatIsDestroyedDoesNotRun) {
    std::string log;
    {
        Note note(*loop_, log, "never");
        loop_->post(note);
    }

    turn();

    EXPECT_EQ(log, "");
}

struct Corpse : Grave {
    std::string* log = nullptr;

    explicit Corpse(std::string& the_log) : log(&the_log) {
        destroy = [](Grave& self) { delete static_cast<Corpse*>(&self); };
    }

    ~Corpse() { *log += "grave"; }
};

TEST_F(LoopTest, BuriesAfterPostedWork) {
    std::string log;
    Note note(*loop_, log, "post ");
    loop_->bury(*new Corpse(log));
    loop_->post(note);
    EXPECT_EQ(log, "");

    turn();

    EXPECT_EQ(log, "post grave");
}

TEST_F(LoopTest, DestroysWhatIsStillBuriedWhenTheLoopEnds) {
    std::string log;
    loop_->bury(*new Corpse(log));

    loop_.reset();

    EXPECT_EQ(log, "grave");
}

struct Counter : TurnHook {
    int turns = 0;

    Counter() {
        before_sleep = [](TurnHook& self) { ++static_cast<Counter&>(self).turns; };
    }
};

TEST_F(LoopTest, CallsHooksOncePerTurnUntilTheyAreGone) {
    Counter stays;
    {
        Counter leaves;
        loop_->before_sleep(leaves);
        loop_->before_sleep(stays);
        turn();
        EXPECT_EQ(leaves.turns, 1);
    }

    turn();

    EXPECT_EQ(stays.turns, 2);
}

struct Alarm : Timer {
    int fired = 0;
    Loop* loop = nullptr;

    Alarm() {
        fire = [](Timer& self) {
            auto& alarm = static_cast<Alarm&>(self);
            ++alarm.fired;
            if (alarm.loop != nullptr) {
                alarm.loop->stop();
            }
        };
    }
};

TEST_F(LoopTest, FiresTimersByTheCachedClock) {
    Alarm alarm;
    loop_->arm(alarm, Millis(50));

    fake_monotonic += Millis(49);
    turn();
    EXPECT_EQ(alarm.fired, 0);
    fake_monotonic += Millis(1);
    turn();
    EXPECT_EQ(alarm.fired, 1);
}

TEST(Loop, SleepsUntilTheNextDeadlineByTheRealClock) {
    const auto loop = Loop::create().value();
    Alarm alarm;
    alarm.loop = loop.get();
    loop->arm(alarm, Millis(20));
    const Millis before = sys::monotonic_now();

    ASSERT_TRUE(loop->run().has_value());

    EXPECT_EQ(alarm.fired, 1);
    EXPECT_GE(sys::monotonic_now() - before, Millis(20));
}

TEST_F(LoopTest, ReadsTheClocksOncePerTurnAndFollowsASteppedWallClock) {
    EXPECT_EQ(loop_->wall(), Millis(500'000));
    fake_monotonic += Millis(10);
    fake_wall += Millis(10);
    EXPECT_EQ(loop_->now(), Millis(1000));
    turn();
    EXPECT_EQ(loop_->now(), Millis(1010));
    EXPECT_EQ(loop_->wall(), Millis(500'010));
    EXPECT_EQ(loop_->wall_steps(), 0U);

    fake_wall -= Millis(300'000);
    fake_monotonic += Millis(1);
    fake_wall += Millis(1);
    turn();
    EXPECT_EQ(loop_->wall(), Millis(200'011));
    EXPECT_EQ(loop_->wall_seconds(), UnixSeconds(200));
    EXPECT_EQ(loop_->wall_steps(), 1U);
    EXPECT_EQ(loop_->now(), Millis(1011));
}

// Takes all that a turn has, and asks for another.
struct Eater : Posted {
    Loop* loop = nullptr;
    int meals = 0;

    Eater() {
        run = [](Posted& posted) {
            auto& self = static_cast<Eater&>(posted);
            if (self.loop->take_share(Loop::kTurnShare) == 0) {
                self.loop->post_first(self);
                return;
            }
            ++self.meals;
            self.loop->post(self);
        };
    }
};

TEST_F(LoopTest, WhoeverGotNothingOfATurnComesFirstInTheNext) {
    std::array<Eater, 3> eaters;
    for (Eater& eater : eaters) {
        eater.loop = loop_.get();
        loop_->post(eater);
    }

    for (int i = 0; i < 6; ++i) {
        turn();
    }

    EXPECT_EQ(eaters[0].meals, 2);
    EXPECT_EQ(eaters[1].meals, 2);
    EXPECT_EQ(eaters[2].meals, 2);
}

TEST_F(LoopTest, AShareThatWasNotUsedIsForTheNext) {
    EXPECT_EQ(loop_->take_share(10), 10U);
    loop_->return_share(4);

    EXPECT_EQ(loop_->take_share(SIZE_MAX), Loop::kTurnShare - 6);
    EXPECT_EQ(loop_->take_share(1), 0U);
    turn();
    EXPECT_EQ(loop_->take_share(1), 1U);
}

TEST_F(LoopTest, StopBeforeRunEndsItAtOnce) {
    loop_->stop();

    EXPECT_TRUE(loop_->run().has_value());
}

TEST_F(LoopTest, AWakeupCollectsSignalsIntoOneCall) {
    int calls = 0;
    Wakeup wakeup([](void* count) { ++*static_cast<int*>(count); }, &calls);
    ASSERT_TRUE(wakeup.start(*loop_).has_value());

    ASSERT_TRUE(wakeup.signal().has_value());
    ASSERT_TRUE(wakeup.signal().has_value());
    turn();
    turn();

    EXPECT_EQ(calls, 1);
}

// ---- rests ----

/// Says of each event how long more of them may gather; below zero: says nothing.
struct Patient : Socket {
    Nanos allows;

    Patient(Loop& where, Nanos time) : allows(time) {
        loop = &where;
        on_ready = [](Pollable& pollable, std::uint32_t) {
            auto& self = static_cast<Patient&>(pollable);
            if (self.allows >= Nanos(0)) {
                self.loop->allow_rest(self.allows);
            }
        };
        EXPECT_TRUE(loop->watch(*this, EPOLLIN).has_value());
        poke();
    }
};

class LoopRestTest : public LoopTest {
  protected:
    /// The turn in which everybody is ready, and the beginning of the next.
    void two_turns() {
        ASSERT_TRUE(loop_->run_once(Millis(-1)).has_value());
        ASSERT_TRUE(rested.empty());
        ASSERT_TRUE(loop_->run_once(Millis(-1)).has_value());
    }
};

TEST_F(LoopRestTest, RestsForTheShortestTimeThatAllAllow) {
    const Patient one(*loop_, Nanos(80'000));
    const Patient other(*loop_, Nanos(50'000));
    two_turns();
    EXPECT_EQ(rested, std::vector{Nanos(50'000)});
}

TEST_F(LoopRestTest, DoesNotRestWhereOneOfThemDoesNotAllowIt) {
    const Patient one(*loop_, Nanos(80'000));
    const Patient other(*loop_, Nanos(-1));
    two_turns();
    EXPECT_TRUE(rested.empty());
}

TEST_F(LoopRestTest, ZeroIsNoRest) {
    const Patient one(*loop_, Nanos(80'000));
    const Patient other(*loop_, Nanos(0));
    two_turns();
    EXPECT_TRUE(rested.empty());
}

TEST_F(LoopRestTest, DoesNotRestWhileThereIsSomethingToDo) {
    const Patient one(*loop_, Nanos(80'000));
    Eater eater;
    eater.loop = loop_.get();
    loop_->post(eater);  // and again in each turn
    two_turns();
    EXPECT_TRUE(rested.empty());
}

TEST_F(LoopRestTest, DoesNotRestWhereManyCameTogetherAnyway) {
    std::vector<std::unique_ptr<Patient>> many;
    for (int i = 0; i < 16; ++i) {
        many.push_back(std::make_unique<Patient>(*loop_, Nanos(80'000)));
    }
    two_turns();
    EXPECT_TRUE(rested.empty());
}

TEST_F(LoopRestTest, CanBeToldNotTo) {
    loop_->set_resting(false);
    const Patient one(*loop_, Nanos(80'000));
    two_turns();
    EXPECT_TRUE(rested.empty());
}

}  // namespace
}  // namespace sluice::event
