// SPDX-License-Identifier: BSD-2-Clause
// Log lines: their format, their way into a lane, their one line.
#include "log/log.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "log/error_record.h"
#include "log/escape.h"
#include "log/line_prefix.h"
#include "log/rate_limit.h"
#include "shm/lane_reader.h"
#include "sys/epoll.h"
#include "sys/file.h"

namespace sluice::log {
namespace {

std::string read_all(int fd) {
    std::string out;
    std::array<char, 4096> page{};
    while (true) {
        const auto got = sys::read(fd, page);
        if (!got || got->size == 0) {
            return out;
        }
        out.append(page.data(), got->size);
    }
}

/// A region of one slot, a writer of it and the logger's eventfd.
struct Lanes {
    Lanes()
        : region(*shm::SharedLog::create(1)),
          wakeup(*sys::eventfd()),
          log(region, SlotId{0}, wakeup.get()) {}

    std::vector<std::string> errors() {
        shm::LaneReader reader(region.errors_lane(SlotId{0}));
        std::array<shm::Record, 32> batch;
        std::vector<std::string> out;
        const std::size_t count = reader.peek(batch);
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(fmt::format("{} {} {}", batch[i].sink.value, batch[i].level,
                                      decode_error(batch[i].body).value_or(ErrorRecord{}).text));
        }
        reader.advance();
        return out;
    }

    shm::SharedLog region;
    sys::UniqueFd wakeup;
    LaneLog log;
};

Destination to(std::initializer_list<Target> targets) {
    Destination out;
    for (const Target target : targets) {
        out.add(target);
    }
    return out;
}

TEST(Log, PrefixIsNginxsInLocalTime) {
    // 2026-11-21 04:27:40.999 UTC, one hour east.
    EXPECT_EQ(line_prefix(Millis(1795235260999), 3600, Level::Notice, 1234),
              "2026/11/21 05:27:40 [notice] 1234#0: ");
    EXPECT_EQ(line_prefix(Millis(0), -1, Level::Emerg, 1), "1969/12/31 23:59:59 [emerg] 1#0: ");
}

TEST(Log, PrintsToDescriptorUpToThreshold) {
    auto pipe = sys::pipe();
    ASSERT_TRUE(pipe);
    Journal journal(pipe->write_end.get(), Level::Warn);
    journal.install();

    write(Level::Warn, "{} left", 3);
    write(Level::Notice, "not shown");

    const std::string out = read_all(pipe->read_end.get());
    EXPECT_TRUE(out.ends_with("#0: 3 left\n")) << out;
    EXPECT_NE(out.find(" [warn] "), std::string::npos);
    EXPECT_EQ(out.find("not shown"), std::string::npos);
}

TEST(Log, LineStaysOneLine) {
    auto pipe = sys::pipe();
    ASSERT_TRUE(pipe);
    Journal journal(pipe->write_end.get(), Level::Warn);
    journal.install();

    write(Level::Warn, "a{}b", "\r\n\x1b[31mé");

    const std::string out = read_all(pipe->read_end.get());
    EXPECT_TRUE(out.ends_with("a\\x0D\\x0A\\x1B[31méb\n")) << out;
}

TEST(Log, EscapedPeerBytesCannotCloseAQuote) {
    EXPECT_EQ(fmt::format("\"{}\"", Escaped{"GET /\"\\\xff\n x"}),
              "\"GET /\\x22\\x5C\\xFF\\x0A x\"");
}

TEST(Log, FailureNamesOperationObjectNumberAndText) {
    EXPECT_EQ(fmt::format("{}", Failure{{"bind()", EADDRINUSE}, "to 0.0.0.0:80"}),
              "bind() to 0.0.0.0:80 failed (98: Address already in use)");
    EXPECT_EQ(fmt::format("{}", Failure{{"greeting", 0}}), "greeting failed");
}

TEST(Log, RecordGoesToEveryTargetThatTakesItsLevel) {
    Lanes lanes;
    Journal journal(2);
    journal.use_lanes(&lanes.log);
    journal.set_main(to({{SinkId{1}, Level::Error}, {SinkId{2}, Level::Info}}));
    journal.install();

    write(Level::Error, "both");
    write(Level::Info, "second only");
    write(Level::Debug, "none");
    write_to(to({{SinkId{9}, Level::Warn}}), Level::Warn, "server's own");

    EXPECT_EQ(lanes.errors(), (std::vector<std::string>{"1 3 both", "2 3 both", "2 6 second only",
                                                        "9 4 server's own"}));
}

TEST(LaneLog, WakesOncePerTurnAndOnlyASleepingLogger) {
    Lanes lanes;
    shm::Slot& slot = lanes.region.table().slot(SlotId{0});
    lanes.log.write_access(SinkId{0}, "line", Millis(1));
    lanes.log.flush_wakeups();
    EXPECT_EQ(*sys::eventfd_drain(lanes.wakeup.get()), 0U);

    slot.is_logger_asleep = 1;
    lanes.log.flush_wakeups();
    EXPECT_EQ(*sys::eventfd_drain(lanes.wakeup.get()), 0U) << "nothing was written";
    lanes.log.write_access(SinkId{0}, "line", Millis(1));
    lanes.log.write_error(SinkId{0}, Level::Warn, 1, "line");
    lanes.log.flush_wakeups();
    lanes.log.write_access(SinkId{0}, "line", Millis(1));
    lanes.log.flush_wakeups();

    EXPECT_EQ(*sys::eventfd_drain(lanes.wakeup.get()), 1U);
    EXPECT_EQ(slot.is_logger_asleep, 0U);
}

TEST(LaneLog, LongLineIsCutAtEscapeAndCounted) {
    Lanes lanes;
    constexpr std::size_t kRoom = shm::kMaxBodyBytes - sizeof(AccessHead);
    std::string line(kRoom - 2, 'x');
    line += "\\x41tail";

    lanes.log.write_access(SinkId{0}, line, Millis(1));

    shm::LaneReader reader(lanes.region.access_lane(SlotId{0}));
    std::array<shm::Record, 2> batch;
    ASSERT_EQ(reader.peek(batch), 1U);
    const auto record = decode_access(batch[0].body);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->line, std::string(kRoom - 2, 'x'));
    EXPECT_EQ(reader.take_losses().cut, 1U);
}

TEST(LaneLog, AccessRecordCarriesStatusTargetAndPath) {
    Lanes lanes;
    const std::string target = "/" + std::string(300, 'a');
    const std::string_view line = "the line";

    const std::span<char> room = lanes.log.begin_access(
        {.status = 404, .uri = target, .path = "/var/log/a.log", .root = "/srv"}, 100);
    ASSERT_EQ(room.size(), 100U);
    std::ranges::copy(line, room.begin());
    lanes.log.commit_access(SinkId{3}, line.size(), Millis(7));

    shm::LaneReader reader(lanes.region.access_lane(SlotId{0}));
    std::array<shm::Record, 2> batch;
    ASSERT_EQ(reader.peek(batch), 1U);
    EXPECT_EQ(batch[0].sink, SinkId{3});
    EXPECT_EQ(batch[0].wall, Millis(7));
    const auto record = decode_access(batch[0].body);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->meta.status, 404);
    EXPECT_EQ(record->meta.uri, target.substr(0, 255));
    EXPECT_EQ(record->meta.path, "/var/log/a.log");
    EXPECT_EQ(record->meta.root, "/srv");
    EXPECT_EQ(record->line, line);
}

TEST(AccessRecord, SizesThatReachOverTheBodyAreRefused) {
    for (const AccessHead head :
         {AccessHead{.uri_size = 1}, AccessHead{.path_size = 1}, AccessHead{.root_size = 9},
          AccessHead{.uri_size = 256}, AccessHead{.path_size = 4096}}) {
        std::string body(sizeof head, '\0');
        std::memcpy(body.data(), &head, sizeof head);

        EXPECT_FALSE(decode_access(body));
    }
    EXPECT_FALSE(decode_access("short"));
}

TEST(Escape, CutNeverSplitsAnEscapeOrUtf8) {
    struct Case {
        std::string_view text;
        std::size_t limit;
        std::string_view expected;
    };

    const Case cases[] = {
        {"abc", 3, "abc"},
        {"abcd", 3, "abc"},
        {"ab\\x41c", 6, "ab\\x41"},
        {"ab\\x41c", 5, "ab"},
        {"ab\\x41c", 3, "ab"},
        {"a\\\\b", 2, "a"},
        {"a\\\\b", 3, "a\\\\"},
        {"a\\\\x41", 4, "a\\\\x"},
        {"a\\u0041b", 6, "a"},
        {"a\\\"b", 2, "a"},
        {"aé", 2, "a"},
        {"a€b", 3, "a"},
        {"\\x41", 0, ""},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(cut_at_escape(c.text, c.limit), c.expected) << c.text << " at " << c.limit;
    }
}

TEST(RateLimit, LogsOncePerPeriodAndTellsWhatItSuppressed) {
    RateLimit limit(Millis(1000));

    EXPECT_EQ(limit.ask(Millis(5)), 0U);
    EXPECT_EQ(limit.ask(Millis(6)), std::nullopt);
    EXPECT_EQ(limit.ask(Millis(1004)), std::nullopt);
    EXPECT_EQ(limit.ask(Millis(1005)), 2U);
    EXPECT_EQ(limit.ask(Millis(1006)), std::nullopt);
}

TEST(ErrorRecord, ShortBodyIsNone) {
    EXPECT_FALSE(decode_error("abc"));
}

}  // namespace
}  // namespace sluice::log
