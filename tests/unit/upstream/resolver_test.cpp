// SPDX-License-Identifier: BSD-2-Clause
// The resolver against a name server in the same loop: answers are kept for their time, questions can
// be taken back, names that nobody asks for any more make room.
#include "upstream/resolver.h"

#include <array>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sys/epoll.h"
#include "sys/socket.h"
#include "upstream/endpoint.h"

namespace sluice::upstream {
namespace {

/// Answers every A question with 127.0.0.N, N counting the questions; or nothing while it is silent.
class NameServer : public event::Pollable {
  public:
    explicit NameServer(event::Loop& loop) : loop_(loop) {
        socket_ = sys::socket(AF_INET, SOCK_DGRAM).value();
        const net::Address any = *address_of("127.0.0.1", 0);
        EXPECT_TRUE(sys::bind(socket_.get(), any.raw(), any.size()));
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        EXPECT_TRUE(sys::local_address(socket_.get(), &storage, &size));
        address = net::Address::from_kernel(storage, size);
        fd = socket_.get();
        on_ready = [](event::Pollable& self, std::uint32_t) {
            static_cast<NameServer&>(self).answer_all();
        };
        EXPECT_TRUE(loop.watch(*this, EPOLLIN));
    }

    ~NameServer() { loop_.forget(*this); }

    net::Address address;
    bool is_silent = false;
    unsigned char ttl = 60;
    int questions = 0;

  private:
    void answer_all() {
        std::array<unsigned char, 512> bytes{};
        sockaddr_storage peer{};
        socklen_t size = sizeof peer;
        while (true) {
            const ssize_t got = ::recvfrom(fd, bytes.data(), 400, MSG_DONTWAIT,
                                           static_cast<sockaddr*>(static_cast<void*>(&peer)), &size);
            if (got < 12) {
                return;
            }
            ++questions;
            if (is_silent) {
                continue;
            }
            bytes[2] = 0x81;
            bytes[3] = 0x80;
            bytes[7] = 1;
            const std::array<unsigned char, 16> record = {
                0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, ttl, 0, 4, 127, 0, 0,
                static_cast<unsigned char>(questions)};
            std::memcpy(bytes.data() + got, record.data(), record.size());
            static_cast<void>(!::sendto(fd, bytes.data(), static_cast<std::size_t>(got) + 16, 0,
                                        static_cast<sockaddr*>(static_cast<void*>(&peer)), size));
        }
    }

    event::Loop& loop_;
    sys::UniqueFd socket_;
};

class ResolverTest : public testing::Test {
  protected:
    ResolverTest() : loop_(event::Loop::create().value()), server_(*loop_) {
        spec_.servers = {&server_.address, 1};
        spec_.wants_ipv6 = false;
        resolver_.emplace(*loop_, spec_);
    }

    struct Asker : Lookup {
        Asker() {
            done = [](Lookup& self, const NameAnswer& told) {
                auto& asker = static_cast<Asker&>(self);
                ++asker.calls;
                asker.answer = told;
                if (asker.then) {
                    asker.then();
                }
            };
        }

        int calls = 0;
        NameAnswer answer;
        std::function<void()> then;
    };

    /// Turns until `condition`, 10 s at most.
    template <class Condition>
    void run_until(const Condition& condition) {
        for (int i = 0; i < 1000 && !condition(); ++i) {
            ASSERT_TRUE(loop_->run_once(Millis(10)));
        }
        ASSERT_TRUE(condition());
    }

    int last_byte_of(Asker& asker, std::string_view name) {
        if (const NameAnswer* const known = resolver_->find({.name = name}, asker)) {
            return known->addresses.empty() ? 0 : known->addresses[0].ip[3];
        }
        const int before = asker.calls;
        run_until([&] { return asker.calls > before; });
        return asker.answer.addresses.empty() ? 0 : asker.answer.addresses[0].ip[3];
    }

    std::unique_ptr<event::Loop> loop_;
    NameServer server_;
    ResolverSpec spec_;
    std::optional<Resolver> resolver_;
};

TEST_F(ResolverTest, KeepsAnAnswerForItsTime) {
    Asker asker;

    EXPECT_EQ(last_byte_of(asker, "a.test"), 1);
    EXPECT_EQ(last_byte_of(asker, "A.TEST."), 1);  // the same name

    EXPECT_EQ(server_.questions, 1);
    EXPECT_EQ(asker.calls, 1);
}

TEST_F(ResolverTest, AsksAgainWhenTheTimeIsOver) {
    server_.ttl = 0;
    Asker asker;

    EXPECT_EQ(last_byte_of(asker, "a.test"), 1);
    EXPECT_EQ(last_byte_of(asker, "a.test"), 2);
}

TEST_F(ResolverTest, OneQuestionServesAllWhoAsk) {
    std::array<Asker, 3> askers;
    for (Asker& asker : askers) {
        EXPECT_EQ(resolver_->find({.name = "a.test"}, asker), nullptr);
    }

    run_until([&] { return askers[0].calls + askers[1].calls + askers[2].calls == 3; });

    EXPECT_EQ(server_.questions, 1);
}

TEST_F(ResolverTest, AskerThatIsGoneIsNotCalled) {
    Asker stays;
    {
        Asker goes;
        EXPECT_EQ(resolver_->find({.name = "a.test"}, goes), nullptr);
        EXPECT_EQ(resolver_->find({.name = "a.test"}, stays), nullptr);
    }

    run_until([&] { return stays.calls == 1; });
}

TEST_F(ResolverTest, WhoIsToldMayTakeOtherQuestionsBack) {
    Asker first;
    auto second = std::make_unique<Asker>();
    first.then = [&] { second.reset(); };
    EXPECT_EQ(resolver_->find({.name = "a.test"}, first), nullptr);
    EXPECT_EQ(resolver_->find({.name = "a.test"}, *second), nullptr);

    run_until([&] { return first.calls == 1; });

    EXPECT_EQ(second, nullptr);
}

TEST_F(ResolverTest, PatienceEnds) {
    server_.is_silent = true;
    Asker asker;
    EXPECT_EQ(resolver_->find({.name = "a.test", .timeout = Millis(30)}, asker), nullptr);

    run_until([&] { return asker.calls == 1; });

    EXPECT_EQ(asker.answer.outcome, NameOutcome::TimedOut);
    EXPECT_FALSE(asker.is_waiting());
}

TEST_F(ResolverTest, EndsWithQuestionsUnderWay) {
    server_.is_silent = true;
    Asker asker;
    EXPECT_EQ(resolver_->find({.name = "a.test"}, asker), nullptr);

    resolver_.reset();

    EXPECT_EQ(asker.calls, 0);
    EXPECT_FALSE(asker.is_waiting());
}

TEST_F(ResolverTest, KeepsABoundedNumberOfNames) {
    Asker asker;
    for (std::size_t i = 0; i < Resolver::kMostNames + 200; ++i) {
        // Taken back at once: what is known of the name may go.
        static_cast<void>(resolver_->find({.name = "n" + std::to_string(i) + ".test"}, asker));
        asker.cancel();
        if (i % 50 == 0) {
            ASSERT_TRUE(loop_->run_once(Millis(0)));
        }
    }
    run_until([&] { return server_.questions >= static_cast<int>(Resolver::kMostNames); });
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(loop_->run_once(Millis(1)));
    }
    static_cast<void>(last_byte_of(asker, "last.test"));

    EXPECT_LE(resolver_->names(), Resolver::kMostNames);
}

}  // namespace
}  // namespace sluice::upstream
