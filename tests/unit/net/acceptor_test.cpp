// SPDX-License-Identifier: BSD-2-Clause
// Acceptor, AcceptGate, ReserveFd: budget, pausing, running out of descriptors.
#include "net/acceptor.h"

#include <memory>
#include <optional>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>

#include "net/accept_gate.h"
#include "sockets.h"

namespace sluice::net {
namespace {

using testing::connect_to;

Millis fake_now{1000};

event::Clocks fake_clocks() {
    fake_now = Millis(1000);
    return {.monotonic = [] { return fake_now; },
            .wall = [] { return fake_now; },
            .wall_coarse = [] { return fake_now; }};
}

class AcceptorTest : public ::testing::Test {
  protected:
    std::unique_ptr<event::Loop> loop_ = event::Loop::create(fake_clocks()).value();
    AcceptGate gate_{*loop_};
    std::vector<sys::UniqueFd> accepted_;
    std::vector<Address> peers_;
    std::optional<Acceptor> acceptor_;
    bool pauses_in_callback_ = false;
    int exhausted_ = 0;

    void SetUp() override {
        gate_.owner = this;
        gate_.on_exhausted = [](void* self, const Error&) {
            ++static_cast<AcceptorTest*>(self)->exhausted_;
        };
        ASSERT_TRUE(gate_.prepare().has_value());
    }

    void open(unsigned budget, bool is_shared = true) {
        const AcceptCallbacks callbacks{.owner = this, .on_accept = &AcceptorTest::take};
        acceptor_.emplace(*loop_, gate_, testing::listen_on_loopback(),
                          AcceptorOptions{ListenerId{3}, is_shared, budget}, callbacks);
    }

    static void take(void* owner, Acceptor& acceptor, sys::UniqueFd fd, const Address& peer) {
        auto& self = *static_cast<AcceptorTest*>(owner);
        EXPECT_EQ(acceptor.listener(), ListenerId{3});
        self.accepted_.push_back(std::move(fd));
        self.peers_.push_back(peer);
        if (self.pauses_in_callback_) {
            self.gate_.shut(ShutReason::Connections);
        }
    }

    void turn() { ASSERT_TRUE(loop_->run_once(Millis(0)).has_value()); }
};

TEST_F(AcceptorTest, TakesNoMoreThanItsBudgetPerTurn) {
    open(2);
    const auto a = connect_to(acceptor_->fd);
    const auto b = connect_to(acceptor_->fd);
    const auto c = connect_to(acceptor_->fd);

    turn();
    EXPECT_EQ(accepted_.size(), 2U);
    turn();
    EXPECT_EQ(accepted_.size(), 3U);
    EXPECT_EQ(peers_[0], testing::local_address(a.get()));
}

TEST_F(AcceptorTest, AcceptedSocketsInheritNoDelay) {
    open(1);
    const auto client = connect_to(acceptor_->fd);

    turn();

    ASSERT_EQ(accepted_.size(), 1U);
    EXPECT_NE(sys::get_option(accepted_[0].get(), IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST_F(AcceptorTest, ShutInTheCallbackEndsTheTurnAndOpeningTakesTheRest) {
    open(10, false);
    pauses_in_callback_ = true;
    const auto a = connect_to(acceptor_->fd);
    const auto b = connect_to(acceptor_->fd);

    turn();
    turn();
    EXPECT_EQ(accepted_.size(), 1U);
    EXPECT_TRUE(acceptor_->is_paused());
    pauses_in_callback_ = false;
    gate_.open(ShutReason::Connections);
    turn();

    EXPECT_EQ(accepted_.size(), 2U);
}

TEST_F(AcceptorTest, StaysShutWhileAnyReasonIsLeft) {
    gate_.shut(ShutReason::Retiring);
    open(1);
    EXPECT_TRUE(acceptor_->is_paused());

    gate_.shut(ShutReason::Connections);
    gate_.open(ShutReason::Connections);

    EXPECT_TRUE(acceptor_->is_paused());
}

// Lowers the soft limit of this process to what is open, and gives it back.
class DescriptorFamine {
  public:
    DescriptorFamine() {
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
        rlimit low = before_;
        low.rlim_cur = 64;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
        for (;;) {
            Result<sys::UniqueFd> filler = sys::open("/dev/null", O_RDONLY);
            if (!filler) {
                break;
            }
            fillers_.push_back(std::move(*filler));
        }
    }

    ~DescriptorFamine() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

    void free_one() { fillers_.pop_back(); }

  private:
    rlimit before_{};
    std::vector<sys::UniqueFd> fillers_;
};

TEST_F(AcceptorTest, WithoutDescriptorsItShedsOnePausesAndRecoversWithinASecond) {
    open(1);
    const auto a = connect_to(acceptor_->fd);
    const auto b = connect_to(acceptor_->fd);
    DescriptorFamine famine;

    turn();
    EXPECT_EQ(exhausted_, 1);
    EXPECT_EQ(gate_.shed_connections(), 1U);
    EXPECT_TRUE(acceptor_->is_paused());
    for (int i = 0; i < 100; ++i) {
        turn();
    }
    EXPECT_EQ(exhausted_, 1) << "it spins";
    std::array<char, 1> one{};
    const auto shed = sys::recv(a.get(), one);
    EXPECT_TRUE(shed && shed->is_end) << "the shed client must not be left hanging";

    famine.free_one();
    fake_now += Millis(500);
    turn();  // the timer opens the gate
    turn();
    EXPECT_EQ(accepted_.size(), 1U);
    EXPECT_FALSE(acceptor_->is_paused());
}

TEST_F(AcceptorTest, AFamineThatGoesOnIsTriedAgainEachPeriodOnly) {
    open(1);
    const auto a = connect_to(acceptor_->fd);
    const auto b = connect_to(acceptor_->fd);
    const auto c = connect_to(acceptor_->fd);
    const DescriptorFamine famine;

    for (int period = 0; period < 3; ++period) {
        for (int i = 0; i < 10; ++i) {
            turn();
        }
        fake_now += AcceptGate::kRetry;
    }

    EXPECT_EQ(exhausted_, 3);
    EXPECT_EQ(gate_.shed_connections(), 3U);
}

}  // namespace
}  // namespace sluice::net
