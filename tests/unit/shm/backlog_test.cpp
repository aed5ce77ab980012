// SPDX-License-Identifier: BSD-2-Clause
// Backlogs: lines come out as they went in, over the ring's end, a change of descriptor and a death.
#include "shm/backlog.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::shm {
namespace {

constexpr SinkId kSink{7};

class BacklogTest : public testing::Test {
  protected:
    BacklogTest() : store_(*Backlog::create_store()), backlog_(*Backlog::open(store_.get(), kSink)) {}

    /// What the logger finds that comes after this one was killed.
    Backlog successor() { return *Backlog::open(store_.get(), kSink); }

    static std::string rest(const Backlog& backlog) {
        return std::string(backlog.unwritten(backlog.head()));
    }

    sys::UniqueFd store_;
    Backlog backlog_;
};

TEST_F(BacklogTest, NewDescriptorGetsThePartlyWrittenLineFromItsStart) {
    backlog_.add_line("first");
    backlog_.add_line("second");
    backlog_.wrote(8);
    EXPECT_EQ(rest(backlog_), "cond\n");
    EXPECT_EQ(backlog_.size(), 7U);

    backlog_.restart_line();

    EXPECT_EQ(rest(backlog_), "second\n");
    backlog_.wrote(7);
    EXPECT_TRUE(backlog_.empty());
}

TEST_F(BacklogTest, LinesRunOverTheRingsEndInOnePiece) {
    const std::string line(30'000, 'x');
    std::string expected;
    for (int i = 0; i < 200; ++i) {
        backlog_.add_line(line);
        backlog_.add_line(std::to_string(i));
        expected = line + "\n" + std::to_string(i) + "\n";

        ASSERT_EQ(rest(backlog_), expected);
        backlog_.wrote(expected.size());
    }
}

TEST_F(BacklogTest, RoomIsWhatCanBeAddedBeforeItIsFull) {
    const std::string line(Backlog::kCapacity - 1, 'x');
    EXPECT_EQ(backlog_.room(), line.size() + 1);

    backlog_.add_line(line);

    EXPECT_EQ(backlog_.room(), 0U);
    backlog_.take_away(100);
    EXPECT_EQ(backlog_.room(), 100U);
}

TEST_F(BacklogTest, SuccessorGoesOnBehindTheLastWholeLine) {
    backlog_.add_line("written");
    backlog_.add_line("waiting");
    backlog_.begin_write();
    backlog_.wrote(8);

    const Backlog next = successor();

    EXPECT_EQ(rest(next), "waiting\n");
    EXPECT_FALSE(next.is_torn());
}

TEST_F(BacklogTest, SuccessorLearnsOfALineThatMayBeTorn) {
    backlog_.add_line("one");
    backlog_.begin_write();
    EXPECT_TRUE(successor().is_torn()) << "killed inside the write";
    EXPECT_TRUE(successor().is_torn()) << "and the next one, too";
    backlog_.wrote(2);
    Backlog next = successor();
    EXPECT_TRUE(next.is_torn()) << "killed after half a line";
    EXPECT_EQ(rest(next), "one\n");

    next.restart_line();

    EXPECT_FALSE(successor().is_torn());
}

TEST_F(BacklogTest, NothingIsTornWhereNothingIsLeft) {
    backlog_.add_line("one");
    backlog_.begin_write();
    backlog_.wrote(4);
    backlog_.begin_write();

    EXPECT_FALSE(successor().is_torn());
}

TEST_F(BacklogTest, RewindsOnlyWhenEmpty) {
    backlog_.add_line("one");
    backlog_.rewind_if_empty();
    EXPECT_EQ(rest(backlog_), "one\n");
    backlog_.wrote(4);

    backlog_.rewind_if_empty();
    EXPECT_EQ(backlog_.head() % Backlog::kCapacity, 0U);
    backlog_.add_line("two");

    EXPECT_EQ(rest(backlog_), "two\n");
    EXPECT_EQ(rest(successor()), "two\n");
}

TEST_F(BacklogTest, DiscardedOneIsEmptyForTheNext) {
    backlog_.add_line("one");
    backlog_.wrote(4);
    backlog_.discard();

    const Backlog next = successor();

    EXPECT_TRUE(next.empty());
    EXPECT_EQ(next.head(), 0U);
}

TEST_F(BacklogTest, SinksHaveTheirOwn) {
    Backlog last = *Backlog::open(store_.get(), SinkId{65535});

    last.add_line("last");
    backlog_.add_line("seventh");

    EXPECT_EQ(rest(last), "last\n");
    EXPECT_EQ(rest(backlog_), "seventh\n");
}

TEST(Backlog, HasItsOwnMemoryWhereNoStoreHasRoom) {
    Backlog without = *Backlog::open(-1, kSink);
    const sys::UniqueFd small = *sys::memfd("small", 4096);
    Backlog beyond = *Backlog::open(small.get(), kSink);

    without.add_line("a");
    beyond.add_line("b");

    EXPECT_EQ(without.size(), 2U);
    EXPECT_EQ(beyond.size(), 2U);
}

}  // namespace
}  // namespace sluice::shm
