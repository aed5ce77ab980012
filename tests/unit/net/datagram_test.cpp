// SPDX-License-Identifier: BSD-2-Clause
// Batches of datagrams over the loopback: what arrives, apart and joined, and what is lost.
#include "net/datagram.h"

#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sockets.h"

namespace sluice::net {
namespace {

class DatagramTest : public ::testing::Test {
  protected:
    static sys::UniqueFd bound(const char* address = "127.0.0.1:0") {
        return open_listener(*Address::parse(address),
                             {.is_datagram = true, .receive_buffer = Bytes{4 << 20}})
            .value();
    }

    static DatagramTarget to(const Address& address) {
        return {.address = address.raw(), .size = address.size()};
    }

    /// Everything that waits at `fd`, taken apart where the kernel had joined it.
    std::vector<std::string> all_of(int fd) {
        std::vector<std::string> out;
        for (;;) {
            const auto count = input_.receive(fd, input_.room(), {.sender = true, .notes = true});
            if (!count || *count == 0) {
                return out;
            }
            for (std::size_t i = 0; i < *count; ++i) {
                const Datagram one = input_.at(i);
                messages_ += 1;
                std::string_view rest = one.bytes;
                do {
                    out.emplace_back(rest.substr(0, one.segment));
                    rest.remove_prefix(std::min(rest.size(), one.segment));
                } while (!rest.empty());
            }
        }
    }

    DatagramInput input_;
    DatagramOutput output_;
    std::size_t messages_ = 0;
    sys::UniqueFd from_ = bound();
    sys::UniqueFd at_ = bound();
    Address target_ = testing::local_address(at_.get());
};

TEST_F(DatagramTest, SendsInOrderAndKeepsSizes) {
    output_.use(from_.get());
    const std::vector<std::string> sent{"one", "", "three", std::string(65'507, 'x'), "five"};
    for (const std::string& one : sent) {
        output_.send(one, one.size(), to(target_));
    }

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()), sent);
}

TEST_F(DatagramTest, MoreThanABatchGoesOutByItself) {
    output_.use(from_.get());
    std::vector<std::string> sent;
    for (int i = 0; i < 200; ++i) {
        sent.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 50), '.'));
    }
    for (const std::string& one : sent) {
        output_.send(one, one.size(), to(target_));
    }

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()), sent);
}

TEST_F(DatagramTest, OneSizeToOneTargetTravelsJoined) {
    output_.use(from_.get());
    std::vector<std::string> sent;
    for (int i = 0; i < 20; ++i) {
        sent.push_back(std::string(100, static_cast<char>('a' + i)));
    }
    sent.emplace_back("the tail is shorter");
    for (const std::string& one : sent) {
        output_.send(one, one.size(), to(target_));
    }

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()), sent);
    EXPECT_LT(messages_, sent.size()) << "a kernel with UDP_GRO passes them on as one";
}

TEST_F(DatagramTest, WhatCameJoinedGoesOnJoined) {
    const std::string run(1000, 'r');
    output_.use(from_.get());
    output_.send(run, 300, to(target_));

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()),
              (std::vector<std::string>{std::string(300, 'r'), std::string(300, 'r'),
                                        std::string(300, 'r'), std::string(100, 'r')}));
}

TEST_F(DatagramTest, DatagramsForSeveralTargetsDoNotMix) {
    const sys::UniqueFd other = bound();
    const Address second = testing::local_address(other.get());
    output_.use(from_.get());
    for (int i = 0; i < 10; ++i) {
        output_.send("to one", 6, to(target_));
        output_.send("to two", 6, to(second));
    }

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()), std::vector<std::string>(10, "to one"));
    EXPECT_EQ(all_of(other.get()), std::vector<std::string>(10, "to two"));
}

TEST_F(DatagramTest, CopiesTextsThatDoNotLive) {
    output_.use(from_.get());
    std::vector<std::string> sent;
    for (int i = 0; i < 30; ++i) {
        std::string text(static_cast<std::size_t>(i) * 100, static_cast<char>('a' + i));
        output_.send_copy(text, to(target_));
        sent.push_back(text);
        std::ranges::fill(text, '!');
    }

    EXPECT_EQ(output_.flush().lost, 0U);
    EXPECT_EQ(all_of(at_.get()), sent);
}

TEST_F(DatagramTest, HeldDatagramsStayWhileOthersAreRead) {
    output_.use(from_.get());
    output_.send("first", 5, to(target_));
    (void)output_.flush();
    ASSERT_EQ(*input_.receive(at_.get(), 4, {}), 1U);
    const std::string_view kept = input_.at(0).bytes;
    input_.hold(1);
    output_.send("second", 6, to(target_));
    (void)output_.flush();

    ASSERT_EQ(*input_.receive(at_.get(), 4, {}), 1U);

    EXPECT_EQ(input_.at(0).bytes, "second");
    EXPECT_EQ(kept, "first");
}

TEST_F(DatagramTest, APendingErrorCostsNoDatagram) {
    sys::UniqueFd gone = bound();
    const Address address = testing::local_address(gone.get());
    const sys::UniqueFd out = sys::socket(AF_INET, SOCK_DGRAM).value();
    ASSERT_TRUE(sys::connect(out.get(), address.raw(), address.size()));
    gone = {};
    output_.use(out.get());
    output_.send("lost", 4, {});
    EXPECT_EQ(output_.flush().error.code, 0) << "the answer of nobody comes later";
    const sys::UniqueFd back = open_listener(address, {.is_datagram = true}).value();

    output_.send("heard", 5, {});
    const DatagramOutcome outcome = output_.flush();

    EXPECT_EQ(outcome.error.code, ECONNREFUSED);
    EXPECT_EQ(outcome.lost, 0U);
    EXPECT_EQ(all_of(back.get()), (std::vector<std::string>{"heard"}));
}

TEST_F(DatagramTest, ADatagramThatNobodyTakesCostsNoOther) {
    output_.use(from_.get());
    const std::string too_long(65'508, 'x');
    output_.send("before", 6, to(target_));
    output_.send(too_long, too_long.size(), to(target_));
    output_.send("after", 5, to(target_));

    const DatagramOutcome outcome = output_.flush();

    EXPECT_EQ(outcome.lost, 1U);
    EXPECT_EQ(outcome.error.code, EMSGSIZE);
    EXPECT_EQ(all_of(at_.get()), (std::vector<std::string>{"before", "after"}));
}

TEST_F(DatagramTest, AWildcardSocketTellsTheAddressThatWasAskedAndAnswersFromIt) {
    const sys::UniqueFd any = bound("0.0.0.0:0");
    const std::uint16_t port = testing::local_address(any.get()).port();
    const Address asked = *Address::parse("127.0.0.7:" + std::to_string(port));
    output_.use(from_.get());
    output_.send("?", 1, to(asked));
    (void)output_.flush();
    ASSERT_EQ(*input_.receive(any.get(), 4, {.sender = true, .notes = true}), 1U);
    const Datagram got = input_.at(0);
    ASSERT_EQ(got.notes.family, AF_INET);
    EXPECT_EQ(got.notes.local[0], 127);
    EXPECT_EQ(got.notes.local[3], 7);

    const Address client = Address::from_kernel(*got.from, got.from_size);
    output_.use(any.get());
    output_.send("!", 1, {.address = client.raw(), .size = client.size(), .notes = got.notes});
    EXPECT_EQ(output_.flush().lost, 0U);

    ASSERT_EQ(*input_.receive(from_.get(), 4, {.sender = true}), 1U);
    EXPECT_EQ(Address::from_kernel(*input_.at(0).from, input_.at(0).from_size).text(),
              asked.text());
}

}  // namespace
}  // namespace sluice::net
