// SPDX-License-Identifier: BSD-2-Clause
// The lane: what is written comes out, whole and in order, whatever the writer does.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "shm/lane_reader.h"
#include "shm/lane_writer.h"

namespace sluice::shm {
namespace {

constexpr RecordMeta kMeta{
    .type = RecordType::Access, .level = 3, .sink = SinkId{7}, .wall = Millis(42)};

/// A lane in plain memory.
struct LaneBox {
    explicit LaneBox(std::size_t capacity = 64 * 1024) : bytes(capacity / 8) {}

    Lane lane() {
        return {.control = &control,
                .bytes = static_cast<char*>(static_cast<void*>(bytes.data())),
                .capacity = bytes.size() * 8};
    }

    LaneControl control;
    std::vector<std::uint64_t> bytes;
};

std::vector<std::string> drain(LaneReader& reader) {
    std::vector<std::string> out;
    std::array<Record, 8> batch;
    while (const std::size_t count = reader.peek(batch)) {
        for (std::size_t i = 0; i < count; ++i) {
            out.emplace_back(batch[i].body);
        }
        reader.advance();
    }
    return out;
}

TEST(Lane, CarriesBodyAndFields) {
    LaneBox box;
    LaneWriter writer(box.lane());
    LaneReader reader(box.lane());

    ASSERT_TRUE(writer.append(kMeta, "hello"));

    std::array<Record, 4> batch;
    ASSERT_EQ(reader.peek(batch), 1U);
    EXPECT_EQ(batch[0].body, "hello");
    EXPECT_EQ(batch[0].type, RecordType::Access);
    EXPECT_EQ(batch[0].level, 3);
    EXPECT_EQ(batch[0].sink, SinkId{7});
    EXPECT_EQ(batch[0].wall, Millis(42));
}

TEST(Lane, CommitMayBeShorterThanReservation) {
    LaneBox box;
    LaneWriter writer(box.lane());
    LaneReader reader(box.lane());

    const std::span<char> room = writer.reserve(1000);
    ASSERT_EQ(room.size(), 1000U);
    std::memcpy(room.data(), "abc", 3);
    writer.commit(kMeta, 3);
    writer.append(kMeta, "next");

    EXPECT_EQ(drain(reader), (std::vector<std::string>{"abc", "next"}));
    EXPECT_EQ(box.control.head.load(), record_bytes(3) + record_bytes(4));
}

TEST(Lane, ReservationIsCappedAtTheLongestBody) {
    LaneBox box;
    LaneWriter writer(box.lane());

    EXPECT_EQ(writer.reserve(1'000'000).size(), kMaxBodyBytes);
}

TEST(Lane, KeepsOrderOverManyWraps) {
    LaneBox box;
    LaneWriter writer(box.lane());
    LaneReader reader(box.lane());
    std::vector<std::string> expected;
    std::vector<std::string> got;

    for (std::size_t i = 0; i < 3000; ++i) {
        expected.push_back(std::string(1 + i * 37 % 900, static_cast<char>('a' + i % 26)));
        ASSERT_TRUE(writer.append(kMeta, expected.back()));
        if (i % 5 == 0) {
            for (std::string& body : drain(reader)) {
                got.push_back(std::move(body));
            }
        }
    }
    for (std::string& body : drain(reader)) {
        got.push_back(std::move(body));
    }

    EXPECT_EQ(got, expected);
    EXPECT_EQ(reader.take_losses().resets, 0U);
}

TEST(Lane, FullRingDropsAndCountsAndTakesAgainAfterAdvance) {
    LaneBox box;
    LaneWriter writer(box.lane());
    LaneReader reader(box.lane());
    const std::string body(1000, 'x');
    std::size_t taken = 0;
    while (writer.append(kMeta, body)) {
        ++taken;
    }
    EXPECT_EQ(taken, box.lane().capacity / record_bytes(1000));
    EXPECT_EQ(writer.dropped(), 1U);

    std::array<Record, 64> batch;
    ASSERT_GT(reader.peek(batch), 1U);
    EXPECT_FALSE(writer.append(kMeta, body)) << "peeking alone must not free anything";
    reader.advance(batch[0].end);

    EXPECT_TRUE(writer.append(kMeta, body));
    EXPECT_EQ(reader.take_losses().dropped, 2U);
    EXPECT_EQ(reader.take_losses().dropped, 0U);
}

TEST(Lane, NewWriterGoesOnAtPublishedHead) {
    LaneBox box;
    LaneReader reader(box.lane());
    {
        LaneWriter dying(box.lane());
        dying.append(kMeta, "whole");
        const std::span<char> room = dying.reserve(100);
        std::memset(room.data(), 'X', room.size());
    }

    LaneWriter next(box.lane());
    next.append(kMeta, "after");

    EXPECT_EQ(drain(reader), (std::vector<std::string>{"whole", "after"}));
}

TEST(Lane, NewReaderRepeatsWhatWasNotAdvanced) {
    LaneBox box;
    LaneWriter writer(box.lane());
    for (const char* const body : {"one", "two", "three"}) {
        writer.append(kMeta, body);
    }
    std::array<Record, 8> batch;
    {
        LaneReader killed(box.lane());
        ASSERT_EQ(killed.peek(batch), 3U);
        killed.advance(batch[0].end);
    }

    LaneReader next(box.lane());

    EXPECT_EQ(drain(next), (std::vector<std::string>{"two", "three"}));
}

TEST(LaneReader, EmptiesLaneWhoseHeadIsAbsurd) {
    for (const std::uint64_t head :
         {UINT64_MAX, std::uint64_t{1} << 40, std::uint64_t{3}, std::uint64_t{0} - 8}) {
        LaneBox box;
        LaneReader reader(box.lane());
        box.control.head.store(head);

        EXPECT_TRUE(drain(reader).empty());
        EXPECT_FALSE(reader.has_records()) << "a reader that is never done would spin";

        LaneWriter writer(box.lane());
        writer.append(kMeta, "may be lost with the garbage before it");
        static_cast<void>(drain(reader));
        writer.append(kMeta, "sane again");
        EXPECT_EQ(drain(reader), std::vector<std::string>{"sane again"});
    }
}

TEST(LaneReader, GivesSoundRecordsBeforeGarbageThenResets) {
    LaneBox box;
    LaneWriter writer(box.lane());
    LaneReader reader(box.lane());
    writer.append(kMeta, "sound");
    writer.append(kMeta, "to be broken");
    const std::uint32_t absurd = 0x7fff'ffff;
    std::memcpy(box.lane().bytes + record_bytes(5), &absurd, sizeof absurd);

    EXPECT_EQ(drain(reader), std::vector<std::string>{"sound"});
    EXPECT_EQ(reader.take_losses().resets, 1U);

    writer.append(kMeta, "goes on");
    EXPECT_EQ(drain(reader), std::vector<std::string>{"goes on"});
}

TEST(LaneReader, RefusesRecordThatReachesOverHeadOrEnd) {
    LaneBox box;
    LaneReader reader(box.lane());
    const RecordHead head{.length = 5000, .type = RecordType::Access};
    std::memcpy(box.lane().bytes, &head, sizeof head);
    box.control.head.store(64);

    EXPECT_TRUE(drain(reader).empty());
    EXPECT_EQ(reader.take_losses().resets, 1U);
}

TEST(LaneReader, RefusesWrapMarkThatLeadsOverHead) {
    LaneBox box;
    LaneReader reader(box.lane());
    std::memcpy(box.lane().bytes, &kWrapMark, sizeof kWrapMark);
    box.control.head.store(64);

    EXPECT_TRUE(drain(reader).empty());
    EXPECT_EQ(reader.take_losses().resets, 1U);
}

TEST(LaneWriter, SurvivesAbsurdTail) {
    LaneBox box;
    box.control.tail.store(UINT64_MAX / 2);
    LaneWriter writer(box.lane());

    EXPECT_FALSE(writer.append(kMeta, "no room, as far as one can tell"));
    EXPECT_EQ(writer.dropped(), 1U);
}

TEST(Lane, ProducerAndConsumerThreadsAgree) {
    LaneBox box(64 * 1024);
    constexpr std::uint64_t kRecords = 200'000;
    std::thread producer([lane = box.lane()] {
        LaneWriter writer(lane);
        for (std::uint64_t i = 0; i < kRecords;) {
            // The number, then its last byte repeated: a torn record shows.
            std::string body(8 + i % 300, static_cast<char>(i));
            std::memcpy(body.data(), &i, sizeof i);
            if (writer.append(kMeta, body)) {
                ++i;
            } else {
                std::this_thread::yield();
            }
        }
    });
    LaneReader reader(box.lane());
    std::array<Record, 64> batch;
    std::uint64_t next = 0;
    bool is_torn = false;
    while (next < kRecords && !is_torn) {
        const std::size_t count = reader.peek(batch);
        for (std::size_t i = 0; i < count; ++i) {
            const std::string_view body = batch[i].body;
            std::uint64_t number = 0;
            std::memcpy(&number, body.data(), sizeof number);
            const std::string expected(body.size() - 8, static_cast<char>(number));
            is_torn = is_torn || number != next || body.size() != 8 + next % 300 ||
                      body.substr(8) != expected;
            ++next;
        }
        reader.advance();
        if (count == 0) {
            std::this_thread::yield();
        }
    }
    producer.join();

    EXPECT_FALSE(is_torn);
    EXPECT_EQ(next, kRecords);
    EXPECT_EQ(reader.take_losses().resets, 0U);
}

}  // namespace
}  // namespace sluice::shm
