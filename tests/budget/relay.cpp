// SPDX-License-Identifier: BSD-2-Clause
// Budget of one round trip through a TCP relay: allocations, system calls by name. The argument is
// the size of the messages. The relay runs in a child that is traced; another child is the client
// and the upstream.
// Runs in: tests.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "event/loop.h"
#include "net/owned_connection.h"
#include "proto/tcp/relay.h"
#include "traced.h"

namespace {

// ---- golden numbers; raising one is a decision ----
constexpr long kAllocationsPerRoundTrip = 0;
constexpr double kCallsPerRoundTrip = 6.05;  // twice recv, send and epoll_wait; the rest is timers

constexpr int kWarmUp = 200;
constexpr int kMeasured = 2000;

using namespace sluice;          // NOLINT: a test program of one file
using namespace sluice::budget;  // NOLINT

struct Counting : event::TurnHook {
    Stretch stretch{kWarmUp, kWarmUp + kMeasured};
};

int serve(int client, int upstream) {
    auto loop = event::Loop::create();
    if (!loop) {
        return 2;
    }
    net::OwnedConnection one(**loop, sys::UniqueFd(client), {}, ListenerId{1});
    net::OwnedConnection two(**loop, sys::UniqueFd(upstream), {}, ListenerId{});
    for (net::OwnedConnection* const each : {&one, &two}) {
        each->assume(false, true);
        if (!each->watch()) {
            return 2;
        }
    }
    tcp::RelayPools pools;
    tcp::Relay relay(pools, {});
    relay.on_end = [](tcp::Relay&, const tcp::RelayOutcome&) {};
    Counting counting;
    counting.before_sleep = [](event::TurnHook& hook) {
        static_cast<void>(static_cast<Counting&>(hook).stretch.follow());
    };
    (*loop)->before_sleep(counting);
    if (!be_traced()) {
        return 3;
    }
    relay.start(one, two, {});
    while (!counting.stretch.has_ended() && relay.is_running()) {
        if (!(*loop)->run_once(Millis(1000))) {
            return 2;
        }
    }
    std::_Exit(counting.stretch.has_ended() ? 0 : 4);
}

/// A message as a whole.
bool carry(int from, int to, std::vector<char>& message) {
    return ::send(from, message.data(), message.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(message.size()) &&
           ::recv(to, message.data(), message.size(), MSG_WAITALL) ==
               static_cast<ssize_t>(message.size());
}

void talk(int client, int upstream, std::size_t size) {
    std::vector<char> message(size, 'x');
    for (int i = 0; i <= kWarmUp + kMeasured + 1; ++i) {
        if (!carry(client, upstream, message) || !carry(upstream, client, message)) {
            break;
        }
        board->replies.fetch_add(1);
    }
    std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    make_board();
    const std::size_t size = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 64;
    const std::array<int, 2> left = tcp_pair();
    const std::array<int, 2> right = tcp_pair();
    const pid_t server = ::fork();
    if (server == 0) {
        ::close(left[1]);
        ::close(right[1]);
        std::_Exit(serve(left[0], right[0]));
    }
    const pid_t peers = ::fork();
    if (peers == 0) {
        ::close(left[0]);
        ::close(right[0]);
        talk(left[1], right[1], size);
    }
    for (const int fd : {left[0], left[1], right[0], right[1]}) {
        ::close(fd);
    }
    int exit_code = 0;
    const std::map<long, long> calls = trace(server, exit_code);
    ::waitpid(peers, nullptr, 0);
    if (const int outcome = outcome_of(exit_code); outcome != 0) {
        return outcome;
    }
    return judge(calls, {.round = "round trip",
                         .rounds = "round trips",
                         .measured = kMeasured,
                         .calls = kCallsPerRoundTrip,
                         .allocations = kAllocationsPerRoundTrip});
}
