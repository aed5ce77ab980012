// SPDX-License-Identifier: BSD-2-Clause
// The drain: lines reach their sinks whole, and no sick sink harms another.
#include "logger/drain.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>

#include "log/lane_log.h"
#include "logger/gzip_member.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::logger {
namespace {

constexpr pid_t kKeeper = 77;
constexpr SinkId kErrors{0};
constexpr SinkId kAccess{1};

std::string contents(int fd) {
    std::string out;
    std::array<char, 65536> page{};
    while (true) {
        const auto got = sys::read_at(fd, page, static_cast<off_t>(out.size()));
        if (!got || got->size == 0) {
            return out;
        }
        out.append(page.data(), got->size);
    }
}

std::size_t lines_of(std::string_view text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// A region of two slots with slot 0 claimed, a drain of it, and memfds as plain files.
class DrainTest : public testing::Test {
  protected:
    DrainTest()
        : region_(*shm::SharedLog::create(2)),
          wakeup_(*sys::eventfd()),
          backlogs_(*shm::Backlog::create_store()),
          slot_(*region_.table().claim(kKeeper)),
          log_(region_, slot_, wakeup_.get()) {
        // Otherwise a pipe without a reader would end the test.
        static_cast<void>(sys::block_all_signals());
        restart();
        errors_ = add_file(kErrors);
        access_ = add_file(kAccess);
    }

    /// A new logger takes over; it knows no sink yet.
    void restart() {
        drain_ = std::make_unique<Drain>(*shm::SharedLog::attach(*sys::duplicate(region_.fd())),
                                         Drain::Options{.keeper = kKeeper,
                                                        .own_pid = 5,
                                                        .report_period = Millis(1000),
                                                        .backlogs = backlogs_.get()});
    }

    void open(SinkId id, sys::UniqueFd fd) {
        ASSERT_TRUE(drain_->open_sink({.id = id, .kind = ipc::SinkKind::File, .path = "file"},
                                      std::move(fd)));
    }

    /// Opens a new file as sink `id` and gives a descriptor to read it.
    sys::UniqueFd add_file(SinkId id) {
        sys::UniqueFd file = *sys::memfd("log", 0);
        open(id, *sys::duplicate(file.get()));
        return file;
    }

    void access(std::string_view line, SinkId sink = kAccess) {
        log_.write_access(sink, line, Millis(0));
    }

    void turn() { static_cast<void>(drain_->turn(now_)); }

    std::size_t undrained() {
        shm::LaneReader reader(region_.access_lane(slot_));
        std::array<shm::Record, 64> batch;
        return reader.peek(batch);
    }

    /// Turns until `condition` holds; the writing threads need their time.
    template <class Condition>
    bool turn_until(Condition condition) {
        const Millis limit = sys::monotonic_now() + Millis(10'000);
        while (!condition()) {
            if (sys::monotonic_now() > limit) {
                return false;
            }
            turn();
        }
        return true;
    }

    shm::SharedLog region_;
    sys::UniqueFd wakeup_;
    sys::UniqueFd backlogs_;
    SlotId slot_;
    log::LaneLog log_;
    std::unique_ptr<Drain> drain_;
    sys::UniqueFd errors_;
    sys::UniqueFd access_;
    Millis now_{1'000'000};
};

TEST_F(DrainTest, WritesErrorsInNginxsFormatAndAccessAsRendered) {
    log_.write_error(kErrors, log::Level::Warn, 4711, "some text\n\x01");
    access("GET / 200");

    turn();

    const std::string error = contents(errors_.get());
    EXPECT_TRUE(error.ends_with(" [warn] 4711#0: some text\\x0A\\x01\n")) << error;
    EXPECT_EQ(error.find(' '), 10U);
    EXPECT_EQ(error[4], '/');
    EXPECT_EQ(contents(access_.get()), "GET / 200\n");
    EXPECT_TRUE(drain_->is_settled());
}

TEST_F(DrainTest, ErrorsGoFirst) {
    access("access line", kErrors);
    log_.write_error(kErrors, log::Level::Warn, 1, "error line");

    turn();

    const std::string all = contents(errors_.get());
    EXPECT_LT(all.find("error line"), all.find("access line"));
}

TEST_F(DrainTest, LinesOfDeadAndReleasedOwnerAreWritten) {
    region_.table().assign(slot_, 999'999, 1);
    access("last words");
    region_.table().release(slot_);

    turn();

    EXPECT_EQ(contents(access_.get()), "last words\n");
}

TEST_F(DrainTest, OtherMastersSlotIsLeftAlone) {
    const auto other = region_.table().claim(88);
    ASSERT_TRUE(other);
    log::LaneLog(region_, *other, wakeup_.get()).write_access(kAccess, "not ours", Millis(0));

    turn();

    EXPECT_EQ(contents(access_.get()), "");
}

TEST_F(DrainTest, FullDiskRecoversByItself) {
    open(kAccess, *sys::open("/dev/full", O_WRONLY));
    access("one");
    access("two");
    turn();
    EXPECT_EQ(undrained(), 0U) << "a sick sink must not hold up the lane";
    EXPECT_FALSE(drain_->is_settled());
    turn();
    EXPECT_NE(contents(errors_.get()).find("write() to file failed (28: No space left on device)"),
              std::string::npos);

    const sys::UniqueFd roomy = add_file(kAccess);
    now_ += Sink::kRetry;
    turn();
    turn();

    EXPECT_EQ(contents(roomy.get()), "one\ntwo\n");
    EXPECT_EQ(undrained(), 0U);
    EXPECT_NE(contents(errors_.get()).find("writing to file works again"), std::string::npos);
}

TEST_F(DrainTest, UnwrittenLinesAreTheNextLoggers) {
    open(kAccess, *sys::open("/dev/full", O_WRONLY));
    access("one");
    access("two");
    turn();

    restart();
    const sys::UniqueFd roomy = add_file(kAccess);
    turn();

    EXPECT_EQ(contents(roomy.get()), "one\ntwo\n");
    EXPECT_TRUE(drain_->is_settled());
}

TEST_F(DrainTest, HeldLinesAreTheNextLoggers) {
    const ipc::SinkEntry entry{
        .id = kAccess, .kind = ipc::SinkKind::File, .path = "file", .buffer = 1000};
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(access_.get())));
    access("held");
    turn();
    EXPECT_EQ(contents(access_.get()), "");

    restart();
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(access_.get())));
    drain_->stop_holding();
    turn();

    EXPECT_EQ(contents(access_.get()), "held\n");
}

/// Lets files of this process grow to `bytes` only: writing stops in the middle of a line, as on a
/// full disk.
void limit_file_size(rlim_t bytes) {
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
}

TEST_F(DrainTest, LineCutByAFullDiskIsCompletedAfterThePause) {
    access("first line");
    access("second line");
    limit_file_size(15);
    turn();
    EXPECT_EQ(contents(access_.get()), "first line\nseco");

    limit_file_size(RLIM_INFINITY);
    now_ += Sink::kRetry - Millis(1);
    turn();
    EXPECT_EQ(contents(access_.get()), "first line\nseco") << "not before the pause is over";
    now_ += Millis(1);
    turn();

    EXPECT_EQ(contents(access_.get()), "first line\nsecond line\n");
    EXPECT_TRUE(drain_->is_settled());
}

TEST_F(DrainTest, LineCutByAFullDiskIsWrittenWholeAfterReopen) {
    access("first line");
    access("second line");
    limit_file_size(15);
    turn();
    limit_file_size(RLIM_INFINITY);

    const sys::UniqueFd reopened = add_file(kAccess);
    turn();

    EXPECT_EQ(contents(reopened.get()), "second line\n");
}

TEST_F(DrainTest, LineCutByAFullDiskIsCompletedWhereTheSameFileIsOpenedAgain) {
    access("first line");
    access("second line");
    limit_file_size(15);
    turn();
    limit_file_size(RLIM_INFINITY);

    open(kAccess, *sys::duplicate(access_.get()));
    turn();

    EXPECT_EQ(contents(access_.get()), "first line\nsecond line\n");
}

TEST_F(DrainTest, MemberCutByAFullDiskIsCompletedWhereTheSameFileIsOpenedAgain) {
    const ipc::SinkEntry entry{
        .id = kAccess, .kind = ipc::SinkKind::File, .path = "file.gz", .gzip_level = 1};
    GzipMember member;
    member.make("a line that is compressed\n", 1);
    limit_file_size(15);
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(access_.get())));
    access("a line that is compressed");
    ASSERT_TRUE(turn_until([&] { return contents(access_.get()).size() == 15; }));
    limit_file_size(RLIM_INFINITY);

    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(access_.get())));
    // The error log was cut, too, and has its pause.
    now_ += Sink::kRetry;
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));

    EXPECT_EQ(contents(access_.get()), member.unwritten());
}

TEST_F(DrainTest, LogThatIsNotCompressedAnyMoreGetsPlainLines) {
    ipc::SinkEntry entry{
        .id = kAccess, .kind = ipc::SinkKind::File, .path = "file", .gzip_level = 1};
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(access_.get())));
    access("compressed");
    turn();
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));
    entry.gzip_level = 0;
    const sys::UniqueFd next = *sys::memfd("log", 0);
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(next.get())));

    access("plain");
    turn();
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));

    EXPECT_EQ(contents(next.get()), "plain\n");
}

TEST_F(DrainTest, LineCutByAFullDiskIsEndedAndWrittenWholeByTheNextLogger) {
    access("first line");
    access("second line");
    limit_file_size(15);
    turn();
    EXPECT_EQ(contents(access_.get()), "first line\nseco");
    limit_file_size(RLIM_INFINITY);

    restart();
    open(kAccess, *sys::duplicate(access_.get()));
    turn();

    EXPECT_EQ(contents(access_.get()), "first line\nseco\nsecond line\n");
}

TEST_F(DrainTest, LineThatTheLastLoggerWroteWithoutNotingItIsRepeatedWhole) {
    shm::Backlog backlog = *shm::Backlog::open(backlogs_.get(), kAccess);
    backlog.add_line("noted too late");
    backlog.begin_write();
    ASSERT_TRUE(sys::write_all(access_.get(), std::string_view("noted too late\n")));

    restart();
    open(kAccess, *sys::duplicate(access_.get()));
    turn();

    EXPECT_EQ(contents(access_.get()), "noted too late\nnoted too late\n") << "no empty line";
}

TEST_F(DrainTest, TornMemberOfACompressedLogIsCutOff) {
    const ipc::SinkEntry entry{
        .id = kAccess, .kind = ipc::SinkKind::File, .path = "file.gz", .gzip_level = 1};
    // As the master opens logs.
    const std::string path = "/proc/self/fd/" + std::to_string(access_.get());
    const sys::UniqueFd log = *sys::open(path.c_str(), O_WRONLY | O_APPEND);
    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(log.get())));
    access("first");
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));
    const std::string whole = contents(access_.get());
    restart();
    shm::Backlog backlog = *shm::Backlog::open(backlogs_.get(), kAccess);
    backlog.add_line("second");
    backlog.begin_write(whole.size(), sys::file_info(log.get())->inode);
    ASSERT_TRUE(sys::write_all(log.get(), std::string_view("\x1f\x8b torn")));

    ASSERT_TRUE(drain_->open_sink(entry, *sys::duplicate(log.get())));
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));

    const std::string all = contents(access_.get());
    EXPECT_TRUE(all.starts_with(whole));
    EXPECT_EQ(all.substr(whole.size(), 2), "\x1f\x8b");
    EXPECT_EQ(all.find(" torn"), std::string::npos);
}

TEST_F(DrainTest, NothingIsCutOffAFileThatTookTheTornOnesPlace) {
    shm::Backlog backlog = *shm::Backlog::open(backlogs_.get(), kAccess);
    backlog.add_line("second");
    backlog.begin_write(3, sys::file_info(access_.get())->inode);
    const sys::UniqueFd other = *sys::memfd("log", 0);
    ASSERT_TRUE(sys::write_all(other.get(), std::string_view("members of before")));

    restart();
    ASSERT_TRUE(drain_->open_sink(
        {.id = kAccess, .kind = ipc::SinkKind::File, .path = "file.gz", .gzip_level = 1},
        *sys::duplicate(other.get())));
    turn();
    ASSERT_TRUE(turn_until([&] { return drain_->is_settled(); }));

    EXPECT_TRUE(contents(other.get()).starts_with("members of before\x1f\x8b"));
}

TEST_F(DrainTest, FullDiskDropsPastTheBacklogAndReportsOncePerPeriod) {
    open(kAccess, *sys::open("/dev/full", O_WRONLY));
    const std::string line(1000, 'x');
    for (int i = 0; i < 3000; ++i) {
        access(line);
        if (i % 100 == 0) {
            turn();
        }
    }
    log_.write_error(kErrors, log::Level::Warn, 1, "others are written meanwhile");
    turn();
    now_ += Millis(1000);
    turn();

    const std::string all = contents(errors_.get());
    EXPECT_NE(all.find("others are written meanwhile"), std::string::npos);
    const std::size_t first = all.find("log lines dropped");
    ASSERT_NE(first, std::string::npos);
    const std::size_t second = all.find("log lines dropped", first + 1);
    ASSERT_NE(second, std::string::npos);
    EXPECT_EQ(all.find("log lines dropped", second + 1), std::string::npos) << all;
}

constexpr SinkId kPaths{2};

void access_of_path(log::LaneLog& log, std::string_view path) {
    const std::span<char> room = log.begin_access({.uri = {}, .path = path, .root = {}}, 1);
    ASSERT_EQ(room.size(), 1U);
    room[0] = 'x';
    log.commit_access(kPaths, 1, Millis(0));
}

TEST_F(DrainTest, LossesOfNamedFilesAreToldOnceThoughTheirLogGoes) {
    const ipc::SinkEntry entry{.id = kPaths, .kind = ipc::SinkKind::Paths, .path = "paths"};
    ASSERT_TRUE(drain_->open_sink(entry, {}));
    access_of_path(log_, "/no/such/folder/log");
    turn();
    EXPECT_NE(contents(errors_.get()).find(" 1 log lines dropped"), std::string::npos);
    drain_->drop_sink(kPaths);
    turn();
    now_ += Millis(1000);
    turn();

    const std::string all = contents(errors_.get());
    const std::size_t first = all.find("log lines dropped");
    EXPECT_EQ(all.find("log lines dropped", first + 1), std::string::npos) << all;
}

TEST_F(DrainTest, SinkThatLeavesAndNeverWorksIsGivenUpAndItsLinesAreCounted) {
    open(kAccess, *sys::open("/dev/full", O_WRONLY));
    access("one");
    access("two");
    turn();
    drain_->drop_sink(kAccess);
    turn();
    EXPECT_FALSE(drain_->is_settled());

    now_ += Millis(30'000);
    turn();
    turn();

    EXPECT_TRUE(drain_->is_settled());
    const std::string all = contents(errors_.get());
    EXPECT_NE(all.find(" 2 log lines dropped (0 lane full, 2 sink not writable"), std::string::npos)
        << all;
}

TEST_F(DrainTest, NamedFilesFollowAChangeOfTheirCache) {
    const std::string path = testing::TempDir() + "named." + std::to_string(sys::own_pid());
    ipc::SinkEntry entry{.id = kPaths, .kind = ipc::SinkKind::Paths, .path = "paths"};
    entry.file_cache = {.max = 10, .inactive_millis = 10'000, .min_uses = 1, .valid_millis = 60'000};
    ASSERT_TRUE(drain_->open_sink(entry, {}));
    entry.file_cache.max = 0;
    ASSERT_TRUE(drain_->open_sink(entry, {}));
    access_of_path(log_, path);
    turn();
    ASSERT_TRUE(sys::rename(path.c_str(), (path + ".old").c_str()));
    access_of_path(log_, path);
    turn();

    EXPECT_EQ(sys::read_file(path.c_str(), 100).value_or("none"), "x\n") << "no file is kept open";
    static_cast<void>(sys::unlink(path.c_str()));
    static_cast<void>(sys::unlink((path + ".old").c_str()));
}

TEST_F(DrainTest, FullLaneIsReported) {
    const std::string line(30'000, 'x');
    for (int i = 0; i < 40; ++i) {
        access(line);
    }

    turn();

    EXPECT_NE(contents(errors_.get()).find(" 6 log lines dropped (6 lane full, "),
              std::string::npos)
        << contents(errors_.get());
}

TEST_F(DrainTest, ReopenLosesNoLine) {
    access("before");
    turn();
    access("staged");

    const sys::UniqueFd reopened = add_file(kAccess);
    turn();

    EXPECT_EQ(contents(access_.get()), "before\n");
    EXPECT_EQ(contents(reopened.get()), "staged\n");
}

TEST_F(DrainTest, BlockedPipeDelaysNobodyAndLosesNothingWithinTheBacklog) {
    auto pipe = sys::pipe();
    ASSERT_TRUE(pipe);
    constexpr SinkId kPipe{2};
    open(kPipe, std::move(pipe->write_end));
    const std::string line(199, 'p');
    for (int i = 0; i < 2000; ++i) {
        access(line, kPipe);
        access("quick");
        if (i % 50 == 0) {
            turn();
        }
    }
    turn();
    EXPECT_EQ(lines_of(contents(access_.get())), 2000U);
    EXPECT_FALSE(drain_->is_settled());

    std::string got;
    std::array<char, 65536> page{};
    EXPECT_TRUE(turn_until([&] {
        const auto piece = sys::read(pipe->read_end.get(), page);
        if (piece) {
            got.append(page.data(), piece->size);
        }
        return got.size() >= 2000 * 200;
    }));

    EXPECT_EQ(lines_of(got), 2000U);
    EXPECT_TRUE(turn_until([&] { return drain_->is_settled() && undrained() == 0; }));
}

TEST_F(DrainTest, BlockedPipeDropsPastTheBacklogButOthersGoOn) {
    auto pipe = sys::pipe();
    ASSERT_TRUE(pipe);
    constexpr SinkId kPipe{2};
    open(kPipe, std::move(pipe->write_end));
    const std::string line(999, 'p');
    for (int i = 0; i < 4000; ++i) {
        access(line, kPipe);
        access("quick");
        if (i % 50 == 0) {
            turn();
        }
    }
    turn();

    EXPECT_EQ(lines_of(contents(access_.get())), 4000U);
    EXPECT_NE(contents(errors_.get()).find("log lines dropped (0 lane full, "), std::string::npos);
}

TEST_F(DrainTest, PipeWhoseReaderWentIsReplacedByReopen) {
    auto broken = sys::pipe();
    ASSERT_TRUE(broken);
    broken->read_end.reset();
    constexpr SinkId kPipe{2};
    open(kPipe, std::move(broken->write_end));
    access("kept", kPipe);
    ASSERT_TRUE(turn_until(
        [&] { return contents(errors_.get()).find("(32: Broken pipe)") != std::string::npos; }));

    auto whole = sys::pipe();
    ASSERT_TRUE(whole);
    open(kPipe, std::move(whole->write_end));

    std::array<char, 64> page{};
    std::string got;
    EXPECT_TRUE(turn_until([&] {
        const auto piece = sys::read(whole->read_end.get(), page);
        got.append(page.data(), piece ? piece->size : 0);
        return got == "kept\n";
    }));
}

TEST_F(DrainTest, UnknownSinkIsCountedAndDoesNotBlockTheLane) {
    access("nowhere", SinkId{99});
    access("somewhere");

    turn();

    EXPECT_EQ(contents(access_.get()), "somewhere\n");
    EXPECT_NE(contents(errors_.get()).find("1 unknown sink"), std::string::npos);
}

TEST_F(DrainTest, NullSinkDiscardsWithoutCounting) {
    ASSERT_TRUE(
        drain_->open_sink({.id = SinkId{3}, .kind = ipc::SinkKind::Null, .path = "off"}, {}));
    access("gone", SinkId{3});

    turn();

    EXPECT_TRUE(drain_->is_settled());
    EXPECT_EQ(contents(errors_.get()), "");
}

TEST_F(DrainTest, SleepsOnlyWhenNothingWaits) {
    turn();
    EXPECT_TRUE(drain_->fall_asleep());
    drain_->wake();

    access("line");
    EXPECT_FALSE(drain_->fall_asleep());
    log_.flush_wakeups();
    EXPECT_EQ(*sys::eventfd_drain(wakeup_.get()), 0U) << "awake: no system call for the worker";

    turn();
    EXPECT_TRUE(drain_->fall_asleep());
    access("line");
    log_.flush_wakeups();
    EXPECT_EQ(*sys::eventfd_drain(wakeup_.get()), 1U);
}

TEST_F(DrainTest, NewSlotWakesASleepingLogger) {
    turn();
    ASSERT_TRUE(drain_->fall_asleep());
    const auto fresh = region_.table().claim(kKeeper);
    ASSERT_TRUE(fresh);
    log::LaneLog log(region_, *fresh, wakeup_.get());

    log.write_access(kAccess, "first", Millis(0));
    log.flush_wakeups();

    EXPECT_EQ(*sys::eventfd_drain(wakeup_.get()), 1U);
}

TEST_F(DrainTest, OwnLinesFollowTheMastersErrorLog) {
    const sys::UniqueFd other = add_file(SinkId{4});
    log_.write_error(SinkId{4}, log::Level::Notice, kKeeper, "from the master");
    log_.write_error(kErrors, log::Level::Notice, 1234, "from a worker");
    turn();

    drain_->report(log::Level::Notice, "own line");
    turn();

    EXPECT_NE(contents(other.get()).find("[notice] 5#0: own line"), std::string::npos);
}

}  // namespace
}  // namespace sluice::logger
