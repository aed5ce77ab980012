// SPDX-License-Identifier: BSD-2-Clause
// Signals: real signals to ourselves, read from the signalfd in the loop.
#include "event/signals.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::event {
namespace {

struct Collector {
    std::vector<sys::SignalInfo> seen;

    static void add(void* self, const sys::SignalInfo& signal) {
        static_cast<Collector*>(self)->seen.push_back(signal);
    }
};

TEST(Signals, DeliversQueuedSignalsInOrderWithTheirPayload) {
    ASSERT_TRUE(sys::block_all_signals().has_value());
    const auto loop = Loop::create().value();
    Collector collector;
    Signals signals(&Collector::add, &collector);
    ASSERT_TRUE(signals.start(*loop).has_value());

    for (int payload = 0; payload < 100; ++payload) {
        ASSERT_TRUE(sys::queue_signal(sys::own_pid(), SIGRTMIN + 1, payload).has_value());
    }
    ASSERT_TRUE(loop->run_once(Millis(1000)).has_value());

    ASSERT_EQ(collector.seen.size(), 100U);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(collector.seen[static_cast<std::size_t>(i)].number, SIGRTMIN + 1);
        EXPECT_EQ(collector.seen[static_cast<std::size_t>(i)].payload, i);
    }
}

TEST(Signals, MayBeStoppedInsideItsCallback) {
    ASSERT_TRUE(sys::block_all_signals().has_value());
    const auto loop = Loop::create().value();

    struct Stopper {
        Signals* signals = nullptr;
        int calls = 0;
    } stopper;

    Signals signals(
        [](void* owner, const sys::SignalInfo&) {
            auto& self = *static_cast<Stopper*>(owner);
            ++self.calls;
            self.signals->stop();
        },
        &stopper);
    stopper.signals = &signals;
    ASSERT_TRUE(signals.start(*loop).has_value());

    ASSERT_TRUE(sys::queue_signal(sys::own_pid(), SIGRTMIN + 2, 0).has_value());
    ASSERT_TRUE(sys::queue_signal(sys::own_pid(), SIGRTMIN + 2, 0).has_value());
    ASSERT_TRUE(loop->run_once(Millis(1000)).has_value());
    ASSERT_TRUE(loop->run_once(Millis(0)).has_value());

    EXPECT_EQ(stopper.calls, 1);
}

}  // namespace
}  // namespace sluice::event
