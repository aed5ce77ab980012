// SPDX-License-Identifier: BSD-2-Clause
// Listeners: which sockets a worker accepts on as generations come and go.
// Runs in: tests.
#include "worker/listeners.h"

#include <sys/socket.h>

#include <string>

#include <gtest/gtest.h>

#include "support/fake_facts.h"
#include "net/address.h"
#include "net/listener_socket.h"
#include "registry/registry.h"
#include "sys/file.h"
#include "sys/socket.h"

namespace sluice::worker {
namespace {

/// A worker's surroundings, and two listeners on free ports of loopback.
class ListenersTest : public testing::Test {
  protected:
    struct Listening {
        net::Address address;
        ListenerId id;
        sys::UniqueFd socket;  ///< the master's
    };

    ListenersTest()
        : loop_(std::move(*event::Loop::create())),
          gate_(*loop_),
          listeners_(*loop_, gate_,
                     {.owner = this,
                      .on_accept = [](void* self, net::Acceptor& acceptor, sys::UniqueFd,
                                      const net::Address&) {
                          static_cast<ListenersTest*>(self)->accepted_ = acceptor.listener();
                      }}) {
        (void)gate_.prepare();
    }

    Listening listen() {
        auto socket = net::open_listener(*net::Address::parse("127.0.0.1:0"), {});
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        (void)sys::local_address(socket->get(), &storage, &size);
        Listening out{net::Address::from_kernel(storage, size), {}, std::move(*socket)};
        out.id = facts_.listener_id(out.address.text());
        return out;
    }

    /// A generation that listens on these addresses.
    conf::GenerationRef generation(std::initializer_list<const Listening*> on) {
        std::string text = "http { access_log off; server { ";
        for (const Listening* one : on) {
            text += "listen " + one->address.text() + "; ";
        }
        facts_.files["/c/sluice.conf"] = text + "} }";
        conf::Compiled compiled = conf::compile(facts_, {.main_file = "/c/sluice.conf",
                                                         .globals = {},
                                                         .number = GenerationNumber{1},
                                                         .modules = registry::modules(),
                                                         .features = registry::features()});
        EXPECT_TRUE(compiled.generation) << (compiled.errors.empty() ? "" : compiled.errors.front());
        return conf::GenerationRef(std::move(compiled.generation));
    }

    void grant(const Listening& listening) {
        listeners_.grant({.id = listening.id, .member = 0, .is_exclusive = true},
                         std::move(*sys::duplicate(listening.socket.get())));
    }

    /// Whether a client of `listening` is accepted within one turn of the loop.
    bool accepts(const Listening& listening) {
        accepted_ = {};
        Result<sys::UniqueFd> client = sys::socket(AF_INET, SOCK_STREAM);
        (void)sys::connect(client->get(), listening.address.raw(), listening.address.size());
        (void)loop_->run_once(Millis(50));
        return accepted_ == listening.id;
    }

    std::unique_ptr<event::Loop> loop_;
    net::AcceptGate gate_;
    Listeners listeners_;
    conf::FakeFacts facts_;
    ListenerId accepted_;
};

TEST_F(ListenersTest, AGrantedSocketWaitsForAGenerationThatNamesIt) {
    const Listening one = listen();
    const Listening two = listen();
    grant(one);
    grant(two);
    EXPECT_FALSE(accepts(one));

    EXPECT_TRUE(listeners_.adopt(*generation({&one}), false));

    EXPECT_TRUE(accepts(one));
    EXPECT_FALSE(accepts(two));
}

TEST_F(ListenersTest, AListenerThatLeavesAcceptsUntilItIsClosed) {
    const Listening one = listen();
    const Listening two = listen();
    grant(one);
    grant(two);
    EXPECT_FALSE(listeners_.adopt(*generation({&one, &two}), false));

    EXPECT_TRUE(listeners_.adopt(*generation({&one}), false));
    EXPECT_TRUE(accepts(two));
    listeners_.close_leaving();

    EXPECT_FALSE(accepts(two));
    EXPECT_TRUE(accepts(one));
}

TEST_F(ListenersTest, ClosingWhatLeavesSparesWhatTheNextGenerationWasGranted) {
    const Listening one = listen();
    const Listening two = listen();
    grant(one);
    (void)listeners_.adopt(*generation({&one}), false);
    grant(two);

    listeners_.close_leaving();

    EXPECT_FALSE(listeners_.adopt(*generation({&one, &two}), false));
    EXPECT_TRUE(accepts(two));
}

/// What a protocol of datagrams gives in place of an Acceptor.
class FakeIntake final : public net::Intake {
  public:
    explicit FakeIntake(unsigned& drained, bool& is_gone) : drained_(drained), is_gone_(is_gone) {}

    ~FakeIntake() override { is_gone_ = true; }

    void drain(unsigned limit) override { drained_ = limit; }

  private:
    unsigned& drained_;
    bool& is_gone_;
};

TEST_F(ListenersTest, AProtocolMayTakeFromItsSocketItself) {
    struct Taken {
        ListenerId id;
        sys::UniqueFd socket;
        unsigned drained = 0;
        bool is_gone = false;
    } taken;
    Listeners listeners(*loop_, gate_, {},
                        {.owner = &taken,
                         .make = [](void* owner, ListenerId id, sys::UniqueFd& socket)
                             -> std::unique_ptr<net::Intake> {
                             auto& of = *static_cast<Taken*>(owner);
                             of.id = id;
                             of.socket = std::move(socket);
                             return std::make_unique<FakeIntake>(of.drained, of.is_gone);
                         }});
    const Listening one = listen();
    listeners.grant({.id = one.id, .member = 2, .is_exclusive = false},
                    std::move(*sys::duplicate(one.socket.get())));

    (void)listeners.adopt(*generation({&one}), false);

    EXPECT_EQ(taken.id, one.id);
    EXPECT_TRUE(taken.socket.get() >= 0);
    EXPECT_FALSE(taken.is_gone);
    listeners.drain_and_close();
    EXPECT_GT(taken.drained, 0U);
    EXPECT_TRUE(taken.is_gone);
}

TEST_F(ListenersTest, AnAbortDropsWhatNoGenerationNames) {
    const Listening one = listen();
    const Listening two = listen();
    grant(one);
    const conf::GenerationRef current = generation({&one});
    (void)listeners_.adopt(*current, false);
    grant(two);

    listeners_.keep_only(*current);

    EXPECT_FALSE(listeners_.adopt(*generation({&one, &two}), false));
    EXPECT_FALSE(accepts(two));
}

TEST_F(ListenersTest, RetirementTakesWhatWaitsInTheQueueFirst) {
    const Listening one = listen();
    grant(one);
    (void)listeners_.adopt(*generation({&one}), false);
    Result<sys::UniqueFd> client = sys::socket(AF_INET, SOCK_STREAM);
    (void)sys::connect(client->get(), one.address.raw(), one.address.size());
    accepted_ = {};

    listeners_.drain_and_close();

    EXPECT_EQ(accepted_, one.id);
}

}  // namespace
}  // namespace sluice::worker
