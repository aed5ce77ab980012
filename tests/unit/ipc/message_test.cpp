// SPDX-License-Identifier: BSD-2-Clause
// Messages survive the way to bytes and back; hostile bytes are refused, never trusted.
#include "ipc/message.h"

#include <random>

#include <gtest/gtest.h>

namespace sluice::ipc {
namespace {

Hello full_hello() {
    return Hello{.slot = SlotId{7},
                 .epoch = 9,
                 .worker_index = 2,
                 .worker_count = 4,
                 .restarts = 3,
                 .generation = GenerationNumber{0x0102030405060708},
                 .cpu = -1,
                 .cpus = {0, 3},
                 .level = 4,
                 .is_canary = true,
                 .drops_user = true,
                 .uid = 33,
                 .gid = 34,
                 .user_name = "www-data",
                 .fd_limit = 1 << 20,
                 .core_limit = 5,
                 .has_core_limit = true,
                 .priority = -5,
                 .working_directory = "/tmp"};
}

struct Case {
    Message message;
    Sender sender;
};

std::vector<Case> all_kinds() {
    return {
        {full_hello(), Sender::Master},
        {Listeners{.grants = {{ListenerId{1}, 0, true}, {ListenerId{900000}, 65535, false}},
                   .applies_now = true},
         Sender::Master},
        {Release{ListenerId{4}, 3}, Sender::Master},
        {Prepare{GenerationNumber{2}}, Sender::Master},
        {Commit{GenerationNumber{2}}, Sender::Master},
        {Abort{GenerationNumber{2}}, Sender::Master},
        {Retire{30000}, Sender::Master},
        {Stop{}, Sender::Master},
        {SetLogLevel{7}, Sender::Master},
        {Reopened{}, Sender::Master},
        {Ready{GenerationNumber{~0ULL}}, Sender::Worker},
        {Refused{GenerationNumber{3}, "why not"}, Sender::Worker},
        {Committed{GenerationNumber{3}}, Sender::Worker},
        {Draining{12}, Sender::Worker},
        {Drained{}, Sender::Worker},
        {LoggerHello{.slots = 64, .drops_user = true, .uid = 1, .gid = 2, .user_name = "u"},
         Sender::Master},
        {Sinks{{{SinkId{1}, SinkKind::Stream, "/dev/stderr"}, {SinkId{2}, SinkKind::File, ""}}},
         Sender::Master},
        {DrainAndExit{}, Sender::Master},
        {DropSinks{{SinkId{3}, SinkId{9}}}, Sender::Master},
        {Alert{.sink = SinkId{4},
               .level = 2,
               .pid = 77,
               .wall_millis = 5,
               .suppressed = 6,
               .text = "event"},
         Sender::Logger},
        {Zones{{ZoneId{1}, ZoneId{~0U}}}, Sender::Master},
        {SaveZone{.id = ZoneId{3},
                  .drops_user = true,
                  .uid = 1,
                  .gid = 2,
                  .user_name = "u",
                  .kind = "kv",
                  .layout = 1,
                  .cell_bytes = 256,
                  .bytes = 1ULL << 40,
                  .shards = 16},
         Sender::Master},
        {DataFile{.generation = GenerationNumber{4}, .index = 1, .modified = -1, .taken = 5}, Sender::Master},
        {ZoneSaved{.id = ZoneId{3}, .entries = 7, .bytes = 1000, .failure = -28}, Sender::Worker},
    };
}

TEST(Message, EveryKindSurvivesTheRoundTrip) {
    ASSERT_EQ(all_kinds().size(), std::variant_size_v<Message>);
    for (const Case& c : all_kinds()) {
        const std::optional<Message> back = decode(encode(c.message), c.sender);

        ASSERT_TRUE(back) << name_of(c.message);
        EXPECT_TRUE(*back == c.message) << name_of(c.message);
    }
}

TEST(Message, RefusesEveryTruncationAndEveryTrailingByte) {
    for (const Case& c : all_kinds()) {
        const std::string bytes = encode(c.message);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_FALSE(decode(std::span(bytes.data(), size), c.sender)) << name_of(c.message);
        }
        EXPECT_FALSE(decode(bytes + '\0', c.sender)) << name_of(c.message);
    }
}

TEST(Message, RefusesAMastersOrderFromAWorker) {
    for (const Case& c : all_kinds()) {
        const bool is_workers = c.sender == Sender::Worker;
        const bool is_masters = c.sender == Sender::Master;
        EXPECT_EQ(decode(encode(c.message), Sender::Worker).has_value(), is_workers);
        EXPECT_EQ(decode(encode(c.message), Sender::Master).has_value(), is_masters);
    }
    EXPECT_TRUE(decode(encode(Drained{}), Sender::Logger));
    EXPECT_FALSE(decode(encode(Ready{}), Sender::Logger));
}

TEST(Message, RefusesLengthsThatPointPastTheEnd) {
    std::string bytes = encode(Refused{GenerationNumber{1}, "abc"});
    bytes[9] = '\xff';  // low byte of the text's length
    EXPECT_FALSE(decode(bytes, Sender::Worker));

    std::string sinks = encode(Sinks{{{SinkId{1}, SinkKind::File, "x"}}});
    sinks[5] = 9;  // no such kind
    EXPECT_FALSE(decode(sinks, Sender::Master));
}

TEST(Message, SurvivesRandomBytes) {
    std::mt19937 random(1);
    for (int round = 0; round < 20000; ++round) {
        std::string bytes(random() % 80 + 1, '\0');
        for (char& c : bytes) {
            c = static_cast<char>(random() & 0xff);
        }
        bytes[0] = static_cast<char>(random() % 20);
        const std::optional<Message> message = decode(bytes, Sender::Worker);
        if (message) {
            EXPECT_EQ(decode(encode(*message), Sender::Worker).has_value(), true);
        }
    }
}

TEST(Message, CutsATextThatIsTooLongInsteadOfGrowingPastTheRecord) {
    const std::string bytes = encode(Refused{GenerationNumber{1}, std::string(100000, 'x')});

    const std::optional<Message> back = decode(bytes, Sender::Worker);

    ASSERT_TRUE(back);
    EXPECT_EQ(std::get<Refused>(*back).text.size(), kMaxText);
}

TEST(Message, LargestListsFitOneRecord) {
    Listeners listeners;
    listeners.grants.resize(kMaxFds);
    Sinks sinks;
    sinks.sinks.resize(kMaxSinks, SinkEntry{SinkId{1}, SinkKind::File, std::string(5000, 'p')});

    EXPECT_LE(encode(listeners).size(), kMaxMessage);
    EXPECT_LE(encode(sinks).size(), kMaxMessage);
}

TEST(Message, KnowsHowManyDescriptorsItNeeds) {
    EXPECT_TRUE(fds_fit(full_hello(), 4));
    EXPECT_FALSE(fds_fit(full_hello(), 3));
    EXPECT_TRUE(fds_fit(Listeners{.grants = {{}, {}}}, 2));
    EXPECT_FALSE(fds_fit(Listeners{.grants = {{}, {}}}, 0));
    EXPECT_FALSE(fds_fit(Ready{}, 1));
}

}  // namespace
}  // namespace sluice::ipc
