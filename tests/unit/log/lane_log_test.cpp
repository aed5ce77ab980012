// SPDX-License-Identifier: BSD-2-Clause
// What ends of connections wait for, and how the logger is woken.
#include "log/lane_log.h"

#include <array>

#include <gtest/gtest.h>

#include "shm/lane_reader.h"
#include "sys/epoll.h"

namespace sluice::log {
namespace {

class LaneLogTest : public testing::Test {
  protected:
    LaneLogTest()
        : region_(*shm::SharedLog::create(1)),
          wakeup_(*sys::eventfd()),
          slot_(*region_.table().claim(77)),
          log_(region_, slot_, wakeup_.get()) {}

    void drain_errors() {
        std::array<shm::Record, 8> batch;
        shm::LaneReader reader(region_.errors_lane(slot_));
        while (reader.peek(batch) != 0) {
        }
        reader.advance();
    }

    bool is_woken() {
        const sys::UniqueFd epoll = *sys::epoll_create();
        EXPECT_TRUE(sys::epoll_add(epoll.get(), wakeup_.get(), EPOLLIN, nullptr));
        std::array<epoll_event, 1> events{};
        const bool is_rung = sys::epoll_wait(epoll.get(), events, Millis(0)).value_or(0) != 0;
        static_cast<void>(sys::eventfd_drain(wakeup_.get()));
        return is_rung;
    }

    shm::SharedLog region_;
    sys::UniqueFd wakeup_;
    SlotId slot_;
    LaneLog log_;
};

TEST_F(LaneLogTest, ErrorLinesAreAwaitedAndPlainAccessLinesAreNot) {
    log_.write_access(SinkId{1}, "line", Millis(0));
    EXPECT_TRUE(log_.is_written(log_.awaited()));

    log_.write_error(SinkId{0}, Level::Error, 5, "text");
    const LogMark mark = log_.awaited();
    EXPECT_FALSE(log_.is_written(mark));
    drain_errors();

    EXPECT_TRUE(log_.is_written(mark));
}

TEST_F(LaneLogTest, IsStuckOnlyUntilTheLoggerMoves) {
    log_.write_error(SinkId{0}, Level::Error, 5, "text");
    EXPECT_FALSE(log_.is_stuck());
    log_.note_stuck();
    log_.write_error(SinkId{0}, Level::Error, 5, "more");
    EXPECT_TRUE(log_.is_stuck());

    drain_errors();

    EXPECT_FALSE(log_.is_stuck());
}

TEST_F(LaneLogTest, HurryWakesALoggerThatDoesNotSleep) {
    log_.write_error(SinkId{0}, Level::Error, 5, "text");
    log_.flush_wakeups();
    EXPECT_TRUE(is_woken()) << "one that sleeps is woken by every line";
    log_.write_error(SinkId{0}, Level::Error, 5, "text");
    log_.flush_wakeups();
    EXPECT_FALSE(is_woken());

    log_.hurry();
    log_.flush_wakeups();
    EXPECT_TRUE(is_woken());
    log_.flush_wakeups();

    EXPECT_FALSE(is_woken());
}

}  // namespace
}  // namespace sluice::log
