// SPDX-License-Identifier: BSD-2-Clause
// The window of a live stream: what two workers that share it see of a pipe.
#include "modules/http/live_window.h"

#include <array>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "sys/file.h"
#include "sys/socket.h"
#include "sys/splice.h"

namespace sluice::modules {
namespace {

constexpr std::uint64_t kWindow = 4 << 20;
constexpr std::size_t kBudget = std::size_t{1} << 20;
using Filled = LiveWindow::Filled;

struct LiveWindowTest : testing::Test {
    LiveWindowTest() {
        EXPECT_TRUE(sys::RobustOwner::start(owner));
        for (std::uint16_t i = 0; i < 2; ++i) {
            const auto slot = slots.claim(1);
            EXPECT_EQ(slot->value, i);
            slots.assign(*slot, 100 + i, 1);
        }
    }

    void write(std::size_t size, char byte = 'x') const {
        const std::string text(size, byte);
        ASSERT_EQ(::write(pipe.write_end.get(), text.data(), size), static_cast<ssize_t>(size));
    }

    LiveWindow::Fill fill(LiveWindow& window) { return window.fill(pipe.read_end.get(), kBudget, now); }

    /// Through the pipe, as far as viewers let it go.
    std::uint64_t pour(std::uint64_t bytes) {
        constexpr std::size_t kPiece = 64 * 1024;
        const std::uint64_t before = first.end();
        while (first.end() < before + bytes) {
            write(kPiece);
            if (fill(first).outcome == Filled::Held) {
                std::array<char, kPiece> rest{};
                static_cast<void>(sys::read(pipe.read_end.get(), rest));
                break;
            }
        }
        return first.end() - before;
    }

    shm::Zone zone =
        shm::Zone::create(kLiveZone, {.bytes = live_zone_bytes(kWindow), .shards = 1}).value();
    sys::RobustOwner owner;
    shm::ZoneUser user{zone, owner};
    std::array<shm::Slot, 4> memory;
    shm::SlotTable slots{memory};
    LiveWindow first{user, slots, SlotId{0}};
    LiveWindow second{user, slots, SlotId{1}};
    sys::Pipe pipe = sys::pipe().value();
    sys::SocketPair pair = sys::socketpair(SOCK_STREAM).value();
    Millis now{5000};
};

TEST_F(LiveWindowTest, BytesThatOneWorkerTakesAreEverybodys) {
    write(5, 'a');

    const LiveWindow::Fill filled = fill(first);

    EXPECT_EQ(filled.outcome, Filled::Empty);
    EXPECT_EQ(filled.bytes, 5U);
    EXPECT_EQ(second.end(), 5U);
    const LiveWindow::Run run = second.run_at(1, 100);
    EXPECT_EQ(run.size, 4U);
    std::array<char, 4> bytes{};
    EXPECT_EQ(sys::read_at(run.fd, bytes, run.offset)->size, 4U);
    EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), "aaaa");
}

TEST_F(LiveWindowTest, WhatAViewerStillNeedsIsKeptAndTheWriterWaits) {
    second.publish({.viewers = 1, .ahead = 1, .floor = 0}, now);

    const std::uint64_t poured = pour(64 << 20);

    EXPECT_GE(poured, kWindow);
    EXPECT_LE(poured, live_zone_bytes(kWindow));
    EXPECT_EQ(first.begin(), 0U);
}

TEST_F(LiveWindowTest, TheWindowMovesOnWithItsViewers) {
    second.publish({.viewers = 1, .ahead = 1, .floor = 0}, now);
    const std::uint64_t held = pour(64 << 20);

    second.publish({.viewers = 1, .ahead = 1, .floor = held}, now);

    EXPECT_GE(pour(kWindow), kWindow);
    EXPECT_GT(first.begin(), 0U);
    EXPECT_LE(first.begin(), held);
}

TEST_F(LiveWindowTest, WithoutViewersNothingIsHeld) {
    EXPECT_GE(pour(32 << 20), std::uint64_t{32} << 20);
}

TEST_F(LiveWindowTest, ARunThatTheWindowHasPassedIsTheFilesEnd) {
    write(1000, 'a');
    static_cast<void>(fill(first));
    const LiveWindow::Run run = second.run_at(0, 1000);

    static_cast<void>(pour(2 * live_zone_bytes(kWindow)));

    std::array<char, 1000> bytes{};
    EXPECT_EQ(sys::read_at(run.fd, bytes, run.offset)->size, 0U);
    off_t offset = run.offset;
    EXPECT_TRUE(sys::sendfile(pair.first.get(), run.fd, &offset, run.size)->is_end);
}

TEST_F(LiveWindowTest, WhatASocketHoldsStaysWhenTheWindowPasses) {
    write(60'000, 'a');
    static_cast<void>(fill(first));
    const LiveWindow::Run run = second.run_at(0, 60'000);
    off_t offset = run.offset;
    const Result<sys::Transfer> sent = sys::sendfile(pair.first.get(), run.fd, &offset, run.size);
    ASSERT_EQ(sent->size, 60'000U);

    static_cast<void>(pour(2 * live_zone_bytes(kWindow)));

    std::string bytes(60'000, '\0');
    EXPECT_EQ(::recv(pair.second.get(), bytes.data(), bytes.size(), MSG_WAITALL), 60'000);
    EXPECT_EQ(bytes, std::string(60'000, 'a'));
}

TEST_F(LiveWindowTest, RunsEndWithTheirSegments) {
    static_cast<void>(pour(kLiveSegment + 4096));

    const LiveWindow::Run run = first.run_at(kLiveSegment - 10, 4096);

    EXPECT_EQ(run.size, 10U);
    EXPECT_LT(first.run_at(kLiveSegment, 4096).offset, run.offset);
}

TEST_F(LiveWindowTest, MemoryIsGivenBackAsTheWindowMovesOn) {
    static_cast<void>(pour(64 << 20));

    struct stat facts{};
    ASSERT_EQ(::fstat(zone.fd(), &facts), 0);
    EXPECT_LE(static_cast<std::uint64_t>(facts.st_blocks) * 512, live_zone_bytes(kWindow));
}

TEST_F(LiveWindowTest, WhatAWorkerTookAndDidNotSayIsNotLost) {
    write(3, 'a');
    static_cast<void>(fill(first));
    write(4, 'b');
    ASSERT_EQ(sys::splice(pipe.read_end.get(), zone.fd(), 4)->size, 4U);  // and it was killed
    write(2, 'c');

    static_cast<void>(fill(second));

    EXPECT_EQ(second.end(), 9U);
    const LiveWindow::Run run = second.run_at(0, 100);
    std::array<char, 9> bytes{};
    EXPECT_EQ(sys::read_at(run.fd, bytes, run.offset)->size, 9U);
    EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), "aaabbbbcc");
}

TEST_F(LiveWindowTest, WhatAWorkerTookToASegmentsEndIsNotLost) {
    static_cast<void>(pour(kLiveSegment - 4096));
    const std::size_t left = kLiveSegment - first.end();
    write(left);
    ASSERT_EQ(sys::splice(pipe.read_end.get(), zone.fd(), left)->size, left);
    write(5);

    static_cast<void>(fill(second));
    static_cast<void>(fill(second));

    EXPECT_EQ(second.end(), kLiveSegment + 5);
}

TEST_F(LiveWindowTest, AWorkerThatDiedHoldsNobodyUp) {
    second.publish({.viewers = 1, .ahead = 1, .floor = 0}, now);

    slots.release(SlotId{1});

    EXPECT_GE(pour(32 << 20), std::uint64_t{32} << 20);
    EXPECT_EQ(first.viewers(), 0U);
}

TEST_F(LiveWindowTest, AWorkerThatIsStoppedHoldsThemForTwoSeconds) {
    second.publish({.viewers = 1, .ahead = 1, .floor = 0}, now);
    static_cast<void>(pour(64 << 20));

    now += Millis(2001);

    EXPECT_GE(pour(32 << 20), std::uint64_t{32} << 20);
}

TEST_F(LiveWindowTest, TimeInWhichTheFifoWasEmptyIsTheStreamsOwn) {
    write(10);
    static_cast<void>(fill(first));  // and finds it empty

    now += Millis(700);
    write(10);
    static_cast<void>(fill(second));

    EXPECT_EQ(first.waited_since(0), Millis(700));
    EXPECT_EQ(first.arrival_of(0), Millis(5000));
}

TEST_F(LiveWindowTest, OneWorkerHasTheLeaseUntilItDies) {
    EXPECT_TRUE(first.take_lease(now));
    EXPECT_FALSE(second.take_lease(now));
    EXPECT_TRUE(first.take_lease(now));

    slots.release(SlotId{0});

    EXPECT_TRUE(second.take_lease(now));
    second.drop_lease();
}

TEST_F(LiveWindowTest, SomebodyIsAheadInWhicheverWorker) {
    EXPECT_FALSE(first.is_somebody_ahead());
    second.publish({.viewers = 2, .ahead = 1, .floor = 0}, now);
    EXPECT_TRUE(first.is_somebody_ahead());
    second.withdraw();
    EXPECT_FALSE(first.is_somebody_ahead());
}

}  // namespace
}  // namespace sluice::modules
