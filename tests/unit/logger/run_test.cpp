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
        const std::array<int, 2> fds = {region_.fd(), wakeup_.get()};
        ASSERT_TRUE(channel_->send(ipc::LoggerHello{.slots = 2, .user_name = {}}, fds));
    }

    void give_sink() {
        const std::array<int, 1> fds = {file_.get()};
        ASSERT_TRUE(channel_->send(ipc::Sinks{{{SinkId{0}, ipc::SinkKind::File, "log"}}}, fds));
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

TEST(Logger, ExitsWhereItIsNeverGreeted) {
    LoggerProcess logger;

    logger.say_exit();

    EXPECT_TRUE(logger.is_drained());
    EXPECT_EQ(logger.wait(), 0);
}

}  // namespace
}  // namespace sluice::logger
