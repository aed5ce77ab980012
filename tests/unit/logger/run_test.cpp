// SPDX-License-Identifier: BSD-2-Clause
// The logger process, started as the master starts it.
#include "logger/run.h"

#include <array>
#include <memory>
#include <poll.h>
#include <signal.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "ipc/channel.h"
#include "log/lane_log.h"
#include "shm/backlog.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/process.h"

namespace sluice::logger {
namespace {

/// This test as master, with a forked logger.
class LoggerProcess {
  public:
    LoggerProcess()
        : region_(*shm::SharedLog::create(2)),
          wakeup_(*sys::eventfd()),
          backlogs_(*shm::Backlog::create_store()),
          file_(*sys::memfd("log", 0)),
          slot_(*region_.table().claim(::getpid())),
          log(region_, slot_, wakeup_.get()) {
        start();
    }

    ~LoggerProcess() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            wait();
        }
    }

    void start() {
        ipc::ChannelEnds ends = *ipc::open_channel();
        pid_ = ::fork();
        if (pid_ == 0) {
            ends.master.reset();
            channel_.reset();
            static_cast<void>(sys::block_all_signals());
            ::_exit(run(ends.child.release()));
        }
        channel_ = std::make_unique<ipc::Channel>(std::move(ends.master), ipc::Sender::Logger);
    }

    void greet() {
        const std::array<int, 3> fds = {region_.fd(), wakeup_.get(), backlogs_.get()};
        ASSERT_TRUE(channel_->send(ipc::LoggerHello{.slots = 2, .user_name = {}}, fds));
    }

    void give_sink() { give_sink(file_.get(), ipc::SinkKind::File); }

    void give_sink(int fd, ipc::SinkKind kind) {
        const std::array<int, 1> fds = {fd};
        ASSERT_TRUE(channel_->send(ipc::Sinks{{{SinkId{0}, kind, "log"}}}, fds));
    }

    /// Waits until the logger has taken every record out of the lane.
    bool takes_all() {
        const Millis limit = sys::monotonic_now() + Millis(10'000);
        const shm::LaneControl& lane = *region_.access_lane(slot_).control;
        while (lane.tail.load() != lane.head.load()) {
            if (sys::monotonic_now() > limit) {
                return false;
            }
            ::poll(nullptr, 0, 1);
        }
        return true;
    }

    void write(std::string_view line) {
        log.write_access(SinkId{0}, line, Millis(0));
        log.flush_wakeups();
    }

    void say_exit() { ASSERT_TRUE(channel_->send(ipc::DrainAndExit{})); }

    void hang_up() { channel_.reset(); }

    void kill() { ::kill(pid_, SIGKILL); }

    /// Whether the next message is Drained.
    bool is_drained() {
        pollfd waiting{.fd = channel_->fd(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, 10'000) != 1) {
            return false;
        }
        const auto got = channel_->receive();
        return got && got->received && std::holds_alternative<ipc::Drained>(got->received->message);
    }

    int wait() {
        int status = 0;
        ::waitpid(std::exchange(pid_, 0), &status, 0);
        return status;
    }

    [[nodiscard]] std::string written() const {
        std::array<char, 65536> page{};
        const auto got = sys::read_at(file_.get(), page, 0);
        return {page.data(), got ? got->size : 0};
    }

    /// Waits until the file has `text`.
    bool comes(std::string_view text) {
        const Millis limit = sys::monotonic_now() + Millis(10'000);
        while (written() != text) {
            if (sys::monotonic_now() > limit) {
                return false;
            }
            ::poll(nullptr, 0, 1);
        }
        return true;
    }

  private:
    shm::SharedLog region_;
    sys::UniqueFd wakeup_;
    sys::UniqueFd backlogs_;
    sys::UniqueFd file_;
    SlotId slot_;
    std::unique_ptr<ipc::Channel> channel_;
    pid_t pid_ = 0;

  public:
    log::LaneLog log;
};

TEST(Logger, WritesWhileRunningThenDrainsAnswersAndExits) {
    LoggerProcess logger;
    logger.greet();
    logger.give_sink();
    logger.write("one");
    EXPECT_TRUE(logger.comes("one\n"));

    logger.write("two");
    logger.say_exit();

    EXPECT_TRUE(logger.is_drained());
    EXPECT_EQ(logger.wait(), 0);
    EXPECT_EQ(logger.written(), "one\ntwo\n");
}

TEST(Logger, WakesFromSleepForEveryLine) {
    LoggerProcess logger;
    logger.greet();
    logger.give_sink();
    std::string expected;

    for (int i = 0; i < 20; ++i) {
        const std::string line = "line " + std::to_string(i);
        logger.write(line);
        expected += line + "\n";
        ASSERT_TRUE(logger.comes(expected));
    }
}

TEST(Logger, DrainsAndExitsWhenTheMasterDisappears) {
    LoggerProcess logger;
    logger.greet();
    logger.give_sink();
    logger.write("left behind");

    logger.hang_up();

    EXPECT_EQ(logger.wait(), 0);
    EXPECT_EQ(logger.written(), "left behind\n");
}

TEST(Logger, SuccessorOfAKilledLoggerGoesOn) {
    LoggerProcess logger;
    logger.greet();
    logger.give_sink();
    logger.write("one");
    ASSERT_TRUE(logger.comes("one\n"));
    // The tail follows the write a moment later; the answer to a question would not tell when, so
    // accept that the line is repeated.
    logger.kill();
    logger.wait();
    logger.write("two");

    logger.start();
    logger.greet();
    logger.give_sink();
    logger.say_exit();

    EXPECT_TRUE(logger.is_drained());
    EXPECT_EQ(logger.wait(), 0);
    EXPECT_TRUE(logger.written() == "one\ntwo\n" || logger.written() == "one\none\ntwo\n")
        << logger.written();
}

/// Everything that can be read from `fd` until `size` bytes came.
std::string read_from(int fd, std::size_t size) {
    std::string out;
    std::array<char, 65536> page{};
    const Millis limit = sys::monotonic_now() + Millis(10'000);
    while (out.size() < size && sys::monotonic_now() < limit) {
        const auto got = sys::read(fd, page);
        out.append(page.data(), got ? got->size : 0);
        ::poll(nullptr, 0, 1);
    }
    return out;
}

TEST(Logger, SuccessorWritesWhatAKilledLoggerHadQueuedForABlockedPipe) {
    LoggerProcess logger;
    sys::Pipe pipe = *sys::pipe();
    logger.greet();
    logger.give_sink(pipe.write_end.get(), ipc::SinkKind::Stream);
    std::string expected;
    // 1,6 MB: 25 times what the pipe holds, more than the whole lane, less than the backlog.
    for (int i = 0; i < 1600; ++i) {
        const std::string line = std::to_string(i) + std::string(996, 'x');
        logger.write(line);
        expected += line + "\n";
        if (i % 100 == 99) {
            ASSERT_TRUE(logger.takes_all());
        }
    }
    logger.kill();
    logger.wait();

    logger.start();
    logger.greet();
    logger.give_sink(pipe.write_end.get(), ipc::SinkKind::Stream);
    const std::string got = read_from(pipe.read_end.get(), expected.size());

    int lost = 0;
    for (int i = 0; i < 1600; ++i) {
        const std::string line = "\n" + std::to_string(i) + std::string(996, 'x') + "\n";
        lost += ("\n" + got).find(line) == std::string::npos ? 1 : 0;
    }
    EXPECT_EQ(lost, 0);
}

TEST(Logger, ExitsWhereItIsNeverGreeted) {
    LoggerProcess logger;

    logger.say_exit();

    EXPECT_TRUE(logger.is_drained());
    EXPECT_EQ(logger.wait(), 0);
}

}  // namespace
}  // namespace sluice::logger
