// SPDX-License-Identifier: BSD-2-Clause
// The channel loses nothing when it is full, keeps the order, and reports the other side's end.
#include "ipc/channel.h"

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "sys/epoll.h"
#include "sys/process.h"
#include "sys/socket.h"

namespace sluice::ipc {
namespace {

struct Both {
    Both() : Both(open_channel().value()) {}

    explicit Both(ChannelEnds ends)
        : master(std::move(ends.master), Sender::Worker),
          worker(std::move(ends.child), Sender::Master) {}

    Channel master;
    Channel worker;
};

TEST(Channel, CarriesDescriptorsThatWork) {
    Both both;
    const sys::UniqueFd event = sys::eventfd().value();
    const std::array<int, 1> fds = {event.get()};

    ASSERT_TRUE(both.master.send(Prepare{GenerationNumber{5}}, fds));
    Result<Reception> reception = both.worker.receive();

    ASSERT_TRUE(reception && reception->received);
    EXPECT_TRUE(reception->received->message == Message(Prepare{GenerationNumber{5}}));
    ASSERT_EQ(reception->received->fds.size(), 1U);
    ASSERT_TRUE(sys::eventfd_signal(reception->received->fds[0].get()));
    EXPECT_EQ(sys::eventfd_drain(event.get()).value(), 1U);
}

TEST(Channel, LosesNothingWhenFullAndKeepsTheOrder) {
    Both both;
    constexpr std::uint64_t kCount = 900;
    {
        const sys::UniqueFd event = sys::eventfd().value();
        const std::array<int, 1> fds = {event.get()};
        for (std::uint64_t i = 0; i < kCount; ++i) {
            ASSERT_TRUE(both.master.send(Prepare{GenerationNumber{i}}, fds)) << i;
        }
    }  // the sender's own descriptor is gone before the queue is sent
    ASSERT_TRUE(both.master.has_pending());

    std::uint64_t seen = 0;
    while (seen < kCount) {
        ASSERT_TRUE(both.master.flush());
        Result<Reception> reception = both.worker.receive();
        ASSERT_TRUE(reception && reception->received) << seen;
        ASSERT_TRUE(reception->received->message == Message(Prepare{GenerationNumber{seen}}));
        ASSERT_TRUE(sys::eventfd_signal(reception->received->fds.at(0).get()));
        ++seen;
    }

    EXPECT_FALSE(both.master.has_pending());
    EXPECT_FALSE(both.worker.receive().value().received);
}

TEST(Channel, BoundsWhatWaits) {
    Both both;
    Result<> sent;
    for (std::size_t i = 0; sent && i < 100000; ++i) {
        sent = both.master.send(Stop{});
    }
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().code, ENOBUFS);
}

TEST(Channel, ReportsTheEndOfTheOtherSide) {
    Both both;
    ASSERT_TRUE(both.worker.send(Drained{}));
    both.worker.close();

    EXPECT_TRUE(both.master.receive().value().received);
    EXPECT_TRUE(both.master.receive().value().is_end);
    EXPECT_FALSE(both.master.send(Stop{}));
}

TEST(Channel, EndsToAnUnreadQueueIsAnEndToo) {
    Both both;
    ASSERT_TRUE(both.master.send(Stop{}));
    both.worker.close();

    const Result<Reception> reception = both.master.receive();

    ASSERT_TRUE(reception);
    EXPECT_TRUE(reception->is_end);
}

TEST(Channel, RefusesGarbageAndClosesWhatCameWithIt) {
    ChannelEnds ends = open_channel().value();
    const sys::UniqueFd event = sys::eventfd().value();
    const std::array<int, 2> fds = {event.get(), event.get()};
    Channel master(std::move(ends.master), Sender::Worker);
    const std::size_t before = sys::count_open_fds().value();

    ASSERT_TRUE(sys::send_with_fds(ends.child.get(), std::string("\x63garbage"), fds));
    EXPECT_EQ(master.receive().error().code, EPROTO);
    // A well-formed message with descriptors that it must not carry.
    ASSERT_TRUE(sys::send_with_fds(ends.child.get(), encode(Drained{}), fds));
    EXPECT_EQ(master.receive().error().code, EPROTO);

    EXPECT_EQ(sys::count_open_fds().value(), before);
}

TEST(Channel, RefusesToSendTheWrongNumberOfDescriptors) {
    Both both;
    EXPECT_EQ(both.master.send(Prepare{}).error().code, EINVAL);
}

}  // namespace
}  // namespace sluice::ipc
