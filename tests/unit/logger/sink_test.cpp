// SPDX-License-Identifier: BSD-2-Clause
// Sinks with options: held lines, compressed files, named pipes, syslog, message queues.
#include "logger/sink.h"

#include <array>
#include <functional>
#include <string>
#include <sys/resource.h>
#include <sys/socket.h>

#include <gtest/gtest.h>

#include "net/address.h"
#include "sys/clock.h"
#include "sys/epoll.h"
#include "sys/file.h"
#include "sys/memory.h"
#include "sys/message_queue.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sluice::logger {
namespace {

constexpr Millis kNow{1'000'000};
constexpr LineMeta kAccess{.is_access = true};

std::string contents(int fd) {
    std::string out(1 << 20, '\0');
    const auto got = sys::read_at(fd, out, 0);
    out.resize(got ? got->size : 0);
    return out;
}

bool wait_for(const std::function<bool()>& condition) {
    const Millis limit = sys::monotonic_now() + Millis(10'000);
    const sys::UniqueFd pause = *sys::epoll_create();
    std::array<epoll_event, 1> none{};
    while (!condition()) {
        if (sys::monotonic_now() > limit) {
            return false;
        }
        static_cast<void>(sys::epoll_wait(pause.get(), none, Millis(1)));
    }
    return true;
}

class SinkTest : public testing::Test {
  protected:
    SinkTest() : file_(*sys::memfd("log", 0)) {
        // Otherwise a pipe without a reader would end the test.
        static_cast<void>(sys::block_all_signals());
    }

    Result<> open_file(ipc::SinkEntry entry) {
        entry.path = "file";
        return sink_.open(entry, *sys::duplicate(file_.get()));
    }

    sys::UniqueFd file_;
    Sink sink_{"file"};
};

TEST_F(SinkTest, HoldsLinesUntilTheBufferIsFull) {
    ASSERT_TRUE(open_file({.kind = ipc::SinkKind::File, .buffer = 10}));

    sink_.take("12345", kAccess);
    sink_.flush(kNow);
    EXPECT_EQ(contents(file_.get()), "");
    EXPECT_FALSE(sink_.care_at(kNow)) << "nobody needs to wake up for it";
    sink_.take("6789", kAccess);
    sink_.flush(kNow);

    EXPECT_EQ(contents(file_.get()), "12345\n6789\n");
}

TEST_F(SinkTest, HoldsLinesNoLongerThanFlush) {
    ASSERT_TRUE(open_file({.kind = ipc::SinkKind::File, .buffer = 1000, .flush_millis = 50}));

    sink_.take("line", kAccess);
    sink_.flush(kNow);
    EXPECT_EQ(sink_.care_at(kNow), kNow + Millis(50));
    sink_.flush(kNow + Millis(49));
    EXPECT_EQ(contents(file_.get()), "");
    sink_.flush(kNow + Millis(50));

    EXPECT_EQ(contents(file_.get()), "line\n");
    EXPECT_TRUE(sink_.is_settled());
}

TEST_F(SinkTest, HeldLinesBelongToTheFileThatIsReopened) {
    const ipc::SinkEntry entry{.kind = ipc::SinkKind::File, .buffer = 1000};
    ASSERT_TRUE(open_file(entry));
    sink_.take("old", kAccess);
    sink_.flush(kNow);
    const sys::UniqueFd fresh = *sys::memfd("new", 0);

    ASSERT_TRUE(sink_.open(entry, *sys::duplicate(fresh.get())));
    sink_.take("new", kAccess);
    sink_.stop_holding();
    sink_.flush(kNow);

    EXPECT_EQ(contents(file_.get()), "old\n");
    EXPECT_EQ(contents(fresh.get()), "new\n");
}

TEST_F(SinkTest, DescriptorThatCannotBeUsedLeavesTheOldOneWorking) {
    const ipc::SinkEntry entry{.kind = ipc::SinkKind::File, .path = "file", .buffer = 1000};
    ASSERT_TRUE(sink_.open(entry, *sys::open("/dev/full", O_WRONLY)));
    ASSERT_TRUE(open_file(entry));
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlimit none = limit;
    none.rlim_cur = 0;
    sink_.take("line", kAccess);
    sink_.flush(kNow);
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    EXPECT_FALSE(sink_.open(entry, {}));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);

    sink_.stop_holding();
    sink_.flush(kNow + 2 * Sink::kRetry);

    EXPECT_EQ(contents(file_.get()), "line\n");
}

TEST_F(SinkTest, CompressedFileGetsWholeMembers) {
    ASSERT_TRUE(open_file({.kind = ipc::SinkKind::File, .gzip_level = 1}));

    sink_.take("line", kAccess);
    sink_.flush(kNow);

    ASSERT_TRUE(wait_for([&] { return sink_.is_settled(); }));
    EXPECT_TRUE(contents(file_.get()).starts_with("\x1f\x8b"));
}

TEST_F(SinkTest, FifoWithoutReaderDropsAndServesTheNextReader) {
    sys::Pipe pipe = *sys::pipe();
    const std::string again = "/proc/self/fd/" + std::to_string(pipe.write_end.get());
    ASSERT_TRUE(sink_.open({.kind = ipc::SinkKind::Fifo, .path = "fifo:x"},
                           *sys::duplicate(pipe.write_end.get())));
    pipe.read_end.reset();

    sink_.take("unread", kAccess);
    sink_.flush(kNow);
    ASSERT_TRUE(wait_for([&] { return sink_.dropped() == 1; }));
    EXPECT_EQ(sink_.error(), EPIPE);
    EXPECT_TRUE(sink_.is_settled()) << "nothing is kept for a reader that may never come";
    const sys::UniqueFd reader = *sys::open(again.c_str(), O_RDONLY | O_NONBLOCK);
    sink_.take("read", kAccess);
    sink_.flush(kNow);

    ASSERT_TRUE(wait_for([&] { return sink_.is_settled() && sink_.error() == 0; }));
    std::array<char, 64> bytes{};
    const auto got = sys::read(reader.get(), bytes);
    ASSERT_TRUE(got);
    EXPECT_EQ(std::string_view(bytes.data(), got->size), "read\n");
}

class Receiver {
  public:
    Receiver() : socket_(*sys::socket(AF_INET, SOCK_DGRAM)) {
        const net::Address any = *net::Address::parse("127.0.0.1:0");
        EXPECT_TRUE(sys::bind(socket_.get(), any.raw(), any.size()));
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        EXPECT_TRUE(sys::local_address(socket_.get(), &storage, &size));
        address = net::Address::from_kernel(storage, size).text();
    }

    std::string next() {
        std::string bytes(65536, '\0');
        std::size_t size = 0;
        EXPECT_TRUE(wait_for([&] {
            const auto got = sys::recv(socket_.get(), bytes);
            size = got ? got->size : 0;
            return size != 0;
        }));
        bytes.resize(size);
        return bytes;
    }

    std::string address;

  private:
    sys::UniqueFd socket_;
};

ipc::SinkEntry syslog_at(const std::string& address) {
    ipc::SinkEntry entry{.kind = ipc::SinkKind::Syslog, .path = "syslog:"};
    entry.syslog.address = address;
    entry.syslog.tag = "t";
    entry.syslog.facility = 1;
    entry.syslog.severity = 6;
    return entry;
}

TEST_F(SinkTest, SyslogSeverityIsTheLinesForErrorsAndTheSinksForAccess) {
    Receiver receiver;
    ASSERT_TRUE(sink_.open(syslog_at(receiver.address), {}));

    sink_.take("error", {.level = log::Level::Crit, .wall = Millis(0), .pid = 3});
    sink_.take("access", kAccess);
    sink_.flush(kNow);

    EXPECT_TRUE(receiver.next().starts_with("<10>"));
    const std::string access = receiver.next();
    EXPECT_TRUE(access.starts_with("<14>")) << access;
    EXPECT_TRUE(access.ends_with(" t: access")) << access;
}

TEST_F(SinkTest, SyslogCutsErrorLinesWhereNginxDoes) {
    Receiver receiver;
    ASSERT_TRUE(sink_.open(syslog_at(receiver.address), {}));

    sink_.take(std::string(5000, 'e'), {.level = log::Level::Error});
    sink_.take(std::string(5000, 'a'), kAccess);
    sink_.flush(kNow);

    const std::string error = receiver.next();
    EXPECT_EQ(error.size() - error.find('e', error.find("t: ")), 2048U);
    EXPECT_GT(receiver.next().size(), 5000U);
}

TEST_F(SinkTest, SyslogThatMovesGetsLaterLines) {
    Receiver first;
    Receiver second;
    ASSERT_TRUE(sink_.open(syslog_at(first.address), {}));
    sink_.take("one", kAccess);
    sink_.flush(kNow);
    EXPECT_TRUE(first.next().ends_with("one"));
    ASSERT_TRUE(wait_for([&] { return sink_.is_settled(); }));

    ASSERT_TRUE(sink_.open(syslog_at(second.address), {}));
    sink_.take("two", kAccess);
    sink_.flush(kNow);

    EXPECT_TRUE(second.next().ends_with("two"));
    ASSERT_TRUE(wait_for([&] { return sink_.is_settled(); }));
    EXPECT_EQ(sink_.dropped(), 0U);
}

TEST_F(SinkTest, MessagesThatAreGivenUpAreCounted) {
    const sys::UniqueFd nobody = *sys::socket(AF_INET, SOCK_STREAM);
    const net::Address any = *net::Address::parse("127.0.0.1:0");
    ASSERT_TRUE(sys::bind(nobody.get(), any.raw(), any.size()));
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ASSERT_TRUE(sys::local_address(nobody.get(), &storage, &size));
    ipc::SinkEntry entry{.kind = ipc::SinkKind::Syslog, .path = "syslog:"};
    entry.syslog.address = net::Address::from_kernel(storage, size).text();
    entry.syslog.is_stream = true;
    ASSERT_TRUE(sink_.open(entry, {}));
    sink_.take("one", kAccess);
    sink_.take("two", kAccess);
    sink_.flush(kNow);
    ASSERT_TRUE(wait_for([&] { return sink_.error() == ECONNREFUSED; }));

    sink_.give_up();

    EXPECT_TRUE(sink_.is_settled());
    EXPECT_EQ(sink_.dropped(), 2U);
}

TEST_F(SinkTest, FullQueueDropsAndGoesOnWhenItIsRead) {
    const std::string name = "/sluice-sink-test-" + std::to_string(sys::own_pid());
    static_cast<void>(sys::queue_unlink(name.c_str()));
    auto made = sys::queue_create(name.c_str(), O_RDWR, 0600, {.messages = 2, .message_bytes = 8});
    ASSERT_TRUE(made);
    static_cast<void>(sys::queue_unlink(name.c_str()));
    const sys::UniqueFd reader = *sys::duplicate(made->get());
    ASSERT_TRUE(sink_.open({.kind = ipc::SinkKind::Queue, .path = "mq:x"}, std::move(*made)));

    for (const char* const line : {"first line", "second", "third", "fourth"}) {
        sink_.take(line, {.level = log::Level::Error});
    }
    sink_.flush(kNow);
    ASSERT_TRUE(wait_for([&] { return sink_.dropped() == 2; }));
    EXPECT_EQ(sink_.error(), EAGAIN);
    std::array<char, 8> message{};
    unsigned priority = 0;
    const auto got = sys::queue_receive(reader.get(), message, &priority);
    ASSERT_TRUE(got);
    EXPECT_EQ(std::string_view(message.data(), got->size), "first li");
    EXPECT_EQ(priority, 4U);
    sink_.take("later", {.level = log::Level::Emerg});
    sink_.flush(kNow);

    ASSERT_TRUE(wait_for([&] { return sink_.is_settled() && sink_.error() == 0; }));
    ASSERT_TRUE(sys::queue_receive(reader.get(), message, &priority));
    EXPECT_EQ(priority, 7U) << "the graver one comes first";
}

}  // namespace
}  // namespace sluice::logger
