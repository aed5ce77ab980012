// SPDX-License-Identifier: BSD-2-Clause
// LaneHistory: the past of a lane, drained or not, whole or not at all.
#include "shm/lane_history.h"

#include <array>
#include <cstring>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "shm/lane_reader.h"
#include "shm/lane_writer.h"
#include "shm/shared_log.h"

namespace sluice::shm {
namespace {

constexpr RecordMeta kMeta{
    .type = RecordType::Access, .level = 3, .sink = SinkId{7}, .wall = Millis(42)};

class LaneHistoryTest : public testing::Test {
  protected:
    /// Writes as one whose reader keeps up.
    void write(std::string_view body) {
        lane_.control->tail.store(lane_.control->head.load());
        ASSERT_TRUE(writer_.append(kMeta, body));
    }

    std::vector<std::string> bodies(LaneHistory& history, bool* is_complete = nullptr) {
        std::vector<PastRecord> records;
        const bool complete = history.read(records);
        if (is_complete != nullptr) {
            *is_complete = complete;
        }
        std::vector<std::string> out;
        for (const PastRecord& record : records) {
            out.emplace_back(record.body);
        }
        return out;
    }

    SharedLog region_ = *SharedLog::create(1);
    Lane lane_ = region_.errors_lane(SlotId{0});
    LaneWriter writer_{lane_};
};

TEST_F(LaneHistoryTest, FindsDrainedAndUndrainedRecords) {
    write("drained");
    write("waiting");
    LaneHistory history(lane_);

    std::vector<PastRecord> records;
    EXPECT_TRUE(history.read(records));

    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].body, "drained");
    EXPECT_EQ(records[0].sink, SinkId{7});
    EXPECT_EQ(records[0].wall, Millis(42));
    EXPECT_EQ(records[1].body, "waiting");
}

TEST_F(LaneHistoryTest, GoesOnWhereItStopped) {
    write("one");
    LaneHistory history(lane_);
    EXPECT_EQ(bodies(history).size(), 1U);
    EXPECT_FALSE(history.has_news());

    write("two");

    EXPECT_TRUE(history.has_news());
    EXPECT_EQ(bodies(history), std::vector<std::string>{"two"});
}

TEST_F(LaneHistoryTest, GoesBackOverManyWrapsAsFarAsTheRingDoes) {
    constexpr std::size_t kRecords = 2000;
    std::size_t written = 0;
    for (std::size_t i = 0; i < kRecords; ++i) {
        const std::string number = std::to_string(i) + ":";
        const std::string body = number + std::string(i * 37 % 5000, 'x');
        write(body);
        written += record_bytes(body.size());
    }
    ASSERT_GT(written, 10 * lane_.capacity);
    LaneHistory history(lane_);

    const std::vector<std::string> found = bodies(history);

    ASSERT_FALSE(found.empty());
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const std::size_t number = kRecords - found.size() + i;
        EXPECT_EQ(found[i], std::to_string(number) + ":" + std::string(number * 37 % 5000, 'x'));
        bytes += found[i].size();
    }
    // All but what the writer may be at work on, the segment's rest before a start, and wraps.
    EXPECT_GT(bytes, lane_.capacity / 4);
}

TEST_F(LaneHistoryTest, TellsThatItWasOvertaken) {
    write("seen");
    LaneHistory history(lane_);
    static_cast<void>(bodies(history));
    for (int i = 0; i < 100; ++i) {
        write(std::string(10'000, 'x'));
    }

    bool is_complete = true;
    EXPECT_FALSE(bodies(history, &is_complete).empty());
    EXPECT_FALSE(is_complete);
}

TEST_F(LaneHistoryTest, SuccessorOfAWriterKeepsTheSegmentsStart) {
    write("of the dead");
    {
        LaneWriter next(lane_);
        lane_.control->tail.store(lane_.control->head.load());
        ASSERT_TRUE(next.append(kMeta, "of the heir"));
    }
    LaneHistory history(lane_);

    EXPECT_EQ(bodies(history), (std::vector<std::string>{"of the dead", "of the heir"}));
}

TEST_F(LaneHistoryTest, SurvivesWordsThatMakeNoSense) {
    write("something");
    for (const std::uint64_t head : {UINT64_MAX, std::uint64_t{1} << 63, std::uint64_t{3}}) {
        for (const std::uint64_t start : {UINT64_MAX, std::uint64_t{1}, std::uint64_t{0}, head - 8}) {
            lane_.control->head.store(head);
            lane_.starts[0].store(start);
            lane_.starts[3].store(start);
            LaneHistory history(lane_);

            static_cast<void>(bodies(history));

            EXPECT_FALSE(history.has_news()) << "a follower would spin";
        }
    }
}

bool is_whole(std::string_view body) {
    std::size_t size = 0;
    std::memcpy(&size, body.data(), std::min(body.size(), sizeof size));
    return body.size() == size && body.size() >= 8 &&
           body.substr(8).find_first_not_of(static_cast<char>(size)) == std::string_view::npos;
}

[[noreturn]] void write_for_ever(const Lane& lane) {
    LaneWriter writer(lane);
    std::array<char, 4096> body{};
    for (std::uint64_t i = 0;; ++i) {
        lane.control->tail.store(lane.control->head.load());
        const std::size_t size = 16 + i * 131 % 4000;
        body.fill(static_cast<char>(size));
        std::memcpy(body.data(), &size, sizeof size);
        writer.append(kMeta, {body.data(), size});
    }
}

TEST_F(LaneHistoryTest, NeverGivesATornRecordBesideAFastWriter) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        write_for_ever(lane_);
    }
    std::size_t seen = 0;
    std::size_t torn = 0;
    // Some with a new history each time, which starts at the oldest, most endangered record.
    LaneHistory following(lane_);
    for (int i = 0; seen < 20'000 || i < 300; ++i) {
        LaneHistory fresh(lane_);
        std::vector<PastRecord> records;
        (i % 2 == 0 ? fresh : following).read(records);
        for (const PastRecord& record : records) {
            torn += is_whole(record.body) ? 0U : 1U;
        }
        seen += records.size();
    }
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    EXPECT_EQ(torn, 0U);
}

}  // namespace
}  // namespace sluice::shm
